//! Arcs as files: text with one line per arc, and sparse matrices as SciPy writes and reads them.

use super::tables::{self, Table};
use npyz::NpyFile;
use std::io::{BufWriter, Write};

/// Row, column and cost of every arc: `.npz` as SciPy's `save_npz(…, compressed=False)` writes a matrix in coordinates, otherwise
/// text with one line per arc.
pub(super) fn read(path: &str) -> Result<Vec<(usize, usize, f64)>, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("{path}: {e}"))?;
    let table = if bytes.starts_with(b"PK") {
        coordinates(&bytes).map_err(|reason| format!("{path}: {reason}"))?
    } else if bytes.iter().all(|b| b.is_ascii_whitespace()) {
        return Ok(vec![]);
    } else {
        tables::table(path)?
    };
    if table.columns != 3 {
        let found = table.columns;
        return Err(format!(
            "{path}: expected row, column and cost of every arc, found {found} numbers per line"
        ));
    }
    let index = |k: usize, what: &str, v: f64| {
        // Whole numbers below 2⁵³ are exact.
        if v.fract() == 0.0 && (0.0..9e15).contains(&v) {
            return Ok(v as usize);
        }
        let arc = k + 1;
        Err(format!(
            "{path}: arc {arc}: expected a {what} counted from 0, found {v}"
        ))
    };
    let lines = table.values.chunks_exact(3).enumerate();
    lines
        .map(|(k, line)| {
            Ok((
                index(k, "row", line[0])?,
                index(k, "column", line[1])?,
                line[2],
            ))
        })
        .collect()
}

/// The arrays `row`, `col` and `data` of an archive, side by side.
fn coordinates(bytes: &[u8]) -> Result<Table, String> {
    let [mut rows, mut columns, mut data] = [None, None, None];
    for (name, file) in members(bytes)? {
        match name {
            "row.npy" => rows = Some(numbers(file)?),
            "col.npy" => columns = Some(numbers(file)?),
            "data.npy" => data = Some(numbers(file)?),
            _ => {}
        }
    }
    let missing = |name: &str| format!("expected a matrix in coordinates, found no array `{name}`");
    let rows = rows.ok_or_else(|| missing("row"))?;
    let columns = columns.ok_or_else(|| missing("col"))?;
    let data = data.ok_or_else(|| missing("data"))?;
    if rows.len() != columns.len() || rows.len() != data.len() {
        let (r, c, d) = (rows.len(), columns.len(), data.len());
        return Err(format!(
            "expected as many rows as columns and data, found {r}, {c} and {d}"
        ));
    }
    let arcs = rows.iter().zip(&columns).zip(&data);
    Ok(Table {
        rows: data.len(),
        columns: 3,
        values: arcs.flat_map(|((i, j), c)| [*i, *j, *c]).collect(),
    })
}

fn numbers(bytes: &[u8]) -> Result<Vec<f64>, String> {
    let file = NpyFile::new(bytes).map_err(|e| format!("not a readable npy file: {e}"))?;
    tables::numbers(file)
}

/// Names and contents of the files of a ZIP archive without compression, by its central directory.
fn members(bytes: &[u8]) -> Result<Vec<(&str, &[u8])>, String> {
    let broken = || "not a readable npz file".to_string();
    let number = |at: usize, len: usize| -> Option<usize> {
        let field = bytes.get(at..at.checked_add(len)?)?;
        Some(
            field
                .iter()
                .rev()
                .fold(0, |sum, b| sum << 8 | usize::from(*b)),
        )
    };
    // Nothing but a comment follows the end record.
    let end = bytes
        .windows(4)
        .rposition(|w| w == b"PK\x05\x06")
        .ok_or_else(broken)?;
    let count = number(end + 10, 2).ok_or_else(broken)?;
    let mut at = number(end + 16, 4).ok_or_else(broken)?;
    let mut found = Vec::new();
    for _ in 0..count {
        let entry = || {
            let field = |k: usize, len: usize| number(at + k, len);
            let name = bytes.get(at + 46..at + 46 + field(28, 2)?)?;
            let local = field(42, 4)?;
            let data = local + 30 + number(local + 26, 2)? + number(local + 28, 2)?;
            let content = bytes.get(data..data.checked_add(field(20, 4)?)?);
            let next = at + 46 + field(28, 2)? + field(30, 2)? + field(32, 2)?;
            Some((
                field(10, 2)?,
                std::str::from_utf8(name).ok()?,
                content,
                next,
            ))
        };
        let (method, name, content, next) = entry().ok_or_else(broken)?;
        if method != 0 {
            return Err("expected an archive without compression (compressed=False), found a compressed one".into());
        }
        found.push((name, content.ok_or_else(broken)?));
        at = next;
    }
    Ok(found)
}

/// Writes row, column and mass of every arc: `.npz` as SciPy's `load_npz` reads it, otherwise text with one
/// line per arc.
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
