//! Sparse plans as files.

use std::io::{BufWriter, Write};

/// Writes row, column and mass of every arc: `.npz` as SciPy's `load_npz` reads it, otherwise one line of text an arc.
pub(super) fn write(
    path: &str,
    plan: &[(usize, usize, f64)],
    shape: (usize, usize),
) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("{path}: {e}");
    let mut file = BufWriter::new(std::fs::File::create(path).map_err(fail)?);
    if path.to_ascii_lowercase().ends_with(".npz") {
        file.write_all(&npz(plan, shape)).map_err(fail)?;
    } else {
        writeln!(file, "# row,column,mass").map_err(fail)?;
        for (i, j, mass) in plan {
            writeln!(file, "{i},{j},{mass:e}").map_err(fail)?;
        }
    }
    file.flush().map_err(fail)
}

/// The arrays of a SciPy matrix in coordinates.
fn npz(plan: &[(usize, usize, f64)], (m, n): (usize, usize)) -> Vec<u8> {
    let whole = |f: &dyn Fn(&(usize, usize, f64)) -> usize| -> Vec<u8> {
        plan.iter()
            .flat_map(|p| (f(p) as i64).to_le_bytes())
            .collect()
    };
    let masses: Vec<u8> = plan.iter().flat_map(|p| p.2.to_le_bytes()).collect();
    let shape: Vec<u8> = [m, n]
        .iter()
        .flat_map(|k| (*k as i64).to_le_bytes())
        .collect();
    let length = format!("({},)", plan.len());
    archive(&[
        ("row.npy", npy("<i8", &length, &whole(&|p| p.0))),
        ("col.npy", npy("<i8", &length, &whole(&|p| p.1))),
        ("format.npy", npy("|S3", "()", b"coo")),
        ("shape.npy", npy("<i8", "(2,)", &shape)),
        ("data.npy", npy("<f8", &length, &masses)),
    ])
}

/// An array file, version 1.0: a header padded to 64 bytes, and the data.
fn npy(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

/// A ZIP archive without compression.
fn archive(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in files {
        let at = out.len() as u32;
        let mut fields = Vec::new();
        // Version 2.0, no flags, stored, 1 January 1980.
        for v in [20u16, 0, 0, 0, 0x21] {
            fields.extend(v.to_le_bytes());
        }
        for v in [checksum(data), data.len() as u32, data.len() as u32] {
            fields.extend(v.to_le_bytes());
        }
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0; 2]);
        out.extend(b"PK\x03\x04");
        out.extend(&fields);
        out.extend(name.as_bytes());
        out.extend(data);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&fields);
        // No comment, disk 0, no attributes.
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\x00\x00\x00\x00");
    for _ in 0..2 {
        out.extend((files.len() as u16).to_le_bytes());
    }
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

/// CRC-32, bit by bit.
fn checksum(data: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in data {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg());
        }
    }
    !sum
}
