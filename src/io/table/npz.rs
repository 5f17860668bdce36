//! NumPy's archives of arrays, `.npz`, and SciPy's sparse matrices in them.

use super::{Table, TableError, npy};
use std::io::{self, Cursor, Read, Seek, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// An archive of arrays.
pub(super) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
}

fn broken(reason: impl ToString) -> TableError {
    TableError::Binary {
        format: "npz",
        reason: reason.to_string(),
    }
}

impl<'a> Archive<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, TableError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
        Ok(Self { zip })
    }

    /// The names of the arrays.
    fn names(&self) -> Result<Vec<String>, TableError> {
        let mut names = vec![];
        for name in self.zip.file_names() {
            let name = name.map_err(broken)?;
            names.extend(name.strip_suffix(".npy").map(String::from));
        }
        Ok(names)
    }

    /// The unpacked file of an array, if there is one of this name.
    pub(super) fn file(&mut self, name: &str) -> Result<Option<Vec<u8>>, TableError> {
        let name = format!("{name}.npy");
        let Some(index) = self.zip.index_for_name(&name) else {
            return Ok(None);
        };
        let file = self.zip.by_index(index).map_err(broken)?;
        // The archive states a size, but only the bytes that are there count. Packing reduces by less than this factor.
        const MAX_RATIO: u64 = 1100;
        let most = file.compressed_size().saturating_mul(MAX_RATIO);
        let mut bytes = Vec::new();
        file.take(most.saturating_add(1 << 16))
            .read_to_end(&mut bytes)
            .map_err(broken)?;
        Ok(Some(bytes))
    }
}

/// The table of an archive with one array.
pub(super) fn only_table(bytes: &[u8]) -> Result<Table, TableError> {
    let mut archive = Archive::open(bytes)?;
    let names = archive.names()?;
    let [name] = &names[..] else {
        let (count, names) = (names.len(), names.join("`, `"));
        return Err(TableError::Content(match count {
            0 => "expected an archive with one array, found none".into(),
            _ => format!("expected an archive with one array, found {count}: `{names}`"),
        }));
    };
    let file = archive.file(name)?.unwrap_or_default();
    npy::Array::parse(&file)?.table()
}

/// Writes a sparse matrix in coordinates, as SciPy's `load_npz` reads it, without compression.
///
/// # Errors
/// Those of `out`.
pub fn write_coo(
    shape: (usize, usize),
    entries: &[(usize, usize, f64)],
    out: &mut (impl Write + Seek),
) -> io::Result<()> {
    let indices = |index: &dyn Fn(&(usize, usize, f64)) -> usize| -> Vec<u8> {
        let indices = entries.iter().map(|entry| index(entry) as i64);
        indices.flat_map(i64::to_le_bytes).collect()
    };
    let values = entries.iter().flat_map(|entry| entry.2.to_le_bytes());
    let sides = [shape.0, shape.1].map(|side| (side as i64).to_le_bytes());
    let length = format!("({},)", entries.len());
    let arrays = [
        ("row", "<i8", length.as_str(), indices(&|entry| entry.0)),
        ("col", "<i8", &length, indices(&|entry| entry.1)),
        ("format", "|S3", "()", b"coo".to_vec()),
        ("shape", "<i8", "(2,)", sides.concat()),
        ("data", "<f8", &length, values.collect()),
    ];
    let mut archive = ZipWriter::new(out);
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, kind, shape, data) in arrays {
        // Beyond 4 GiB the format needs longer fields.
        let options = stored.large_file(u32::try_from(data.len() + 256).is_err());
        archive.start_file(format!("{name}.npy"), options)?;
        archive.write_all(&npy::header(kind, shape))?;
        archive.write_all(&data)?;
    }
    archive.finish()?.flush()
}
