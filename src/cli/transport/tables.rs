//! Tables of numbers: `.npy` and comma-separated text.

use npyz::{DType, NpyFile, Order, TypeChar, WriterBuilder};
use std::io::{BufWriter, Write};

/// A matrix, row by row.
pub(super) struct Table {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) values: Vec<f64>,
}

impl Table {
    /// Lines as columns.
    pub(super) fn transposed(&self) -> faer::Mat<f64> {
        let at = |i: usize, j: usize| self.values[j * self.columns + i];
        faer::Mat::from_fn(self.columns, self.rows, at)
    }

    /// The entries, column by column.
    pub(super) fn by_column(&self) -> Vec<f64> {
        let at = |k: usize| self.values[(k % self.rows) * self.columns + k / self.rows];
        (0..self.values.len()).map(at).collect()
    }
}

/// Reads a matrix; a vector is one column.
pub(super) fn table(path: &str) -> Result<Table, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("{path}: {e}"))?;
    let table = if bytes.starts_with(b"\x93NUMPY") {
        npy(&bytes)
    } else {
        csv(&bytes)
    };
    let table = table.map_err(|reason| format!("{path}: {reason}"))?;
    if table.values.is_empty() {
        return Err(format!("{path}: expected numbers, found none"));
    }
    Ok(table)
}

/// Reads a vector: one row or one column.
pub(super) fn vector(path: &str) -> Result<Vec<f64>, String> {
    let table = table(path)?;
    if table.rows != 1 && table.columns != 1 {
        return Err(format!(
            "{path}: expected a vector, found {} x {} numbers",
            table.rows, table.columns
        ));
    }
    Ok(table.values)
}

/// The entries of an array of whole numbers or floats, as they are stored.
pub(super) fn numbers(file: NpyFile<&[u8]>) -> Result<Vec<f64>, String> {
    fn entries<T: npyz::Deserialize>(
        file: NpyFile<&[u8]>,
        wide: impl Fn(T) -> f64,
    ) -> Result<Vec<f64>, String> {
        let entries = file.into_vec::<T>();
        let entries = entries.map_err(|e| format!("not a readable npy file: {e}"))?;
        Ok(entries.into_iter().map(wide).collect())
    }
    let kind = match file.dtype() {
        DType::Plain(kind) => (kind.type_char(), kind.num_bytes()),
        _ => return Err("expected an array of numbers".into()),
    };
    // Beyond 2⁵³ whole numbers are rounded.
    match kind {
        (TypeChar::Float, Some(8)) => entries(file, |v: f64| v),
        (TypeChar::Float, Some(4)) => entries(file, |v: f32| f64::from(v)),
        (TypeChar::Int, Some(1)) => entries(file, |v: i8| f64::from(v)),
        (TypeChar::Int, Some(2)) => entries(file, |v: i16| f64::from(v)),
        (TypeChar::Int, Some(4)) => entries(file, |v: i32| f64::from(v)),
        (TypeChar::Int, Some(8)) => entries(file, |v: i64| v as f64),
        (TypeChar::Uint, Some(1)) => entries(file, |v: u8| f64::from(v)),
        (TypeChar::Uint, Some(2)) => entries(file, |v: u16| f64::from(v)),
        (TypeChar::Uint, Some(4)) => entries(file, |v: u32| f64::from(v)),
        (TypeChar::Uint, Some(8)) => entries(file, |v: u64| v as f64),
        _ => Err(format!(
            "expected whole numbers or 32- or 64-bit floats, found {}",
            file.dtype().descr()
        )),
    }
}

fn npy(bytes: &[u8]) -> Result<Table, String> {
    let file = NpyFile::new(bytes).map_err(|e| format!("not a readable npy file: {e}"))?;
    let shape: Vec<u64> = file.shape().to_vec();
    let (rows, columns) = match shape[..] {
        [n] => (n, 1),
        [m, n] => (m, n),
        _ => return Err(format!("expected one or two axes, found {}", shape.len())),
    };
    let fortran = file.order() == Order::Fortran;
    let data = numbers(file)?;
    let size = |n: u64| usize::try_from(n).map_err(|_| "too large for this machine".to_string());
    let (rows, columns) = (size(rows)?, size(columns)?);
    let values = if fortran {
        (0..data.len())
            .map(|k| data[(k % columns) * rows + k / columns])
            .collect()
    } else {
        data
    };
    Ok(Table {
        rows,
        columns,
        values,
    })
}

fn csv(bytes: &[u8]) -> Result<Table, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = 1 + bytes[..e.valid_up_to()]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        format!("line {line}: expected text, found bytes that are not UTF-8")
    })?;
    let mut table = Table {
        rows: 0,
        columns: 0,
        values: Vec::new(),
    };
    for (k, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut columns = 0;
        let mut at = 1;
        for field in line.split(',') {
            let number = field.trim();
            let value: f64 = number.parse().map_err(|_| {
                format!(
                    "line {}, column {at}: expected a number, found `{number}`",
                    k + 1
                )
            })?;
            table.values.push(value);
            columns += 1;
            at += field.len() + 1;
        }
        if table.rows > 0 && columns != table.columns {
            return Err(format!(
                "line {}, column 1: expected {} numbers, found {columns}",
                k + 1,
                table.columns
            ));
        }
        table.columns = columns;
        table.rows += 1;
    }
    Ok(table)
}

/// Writes a matrix that is stored column by column.
pub(super) fn write_matrix(
    path: &str,
    values: &[f64],
    rows: usize,
    columns: usize,
) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("{path}: {e}");
    let file = BufWriter::new(std::fs::File::create(path).map_err(fail)?);
    let row = |i: usize| (0..columns).map(move |j| values[i + rows * j]);
    if path.ends_with(".npy") {
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&[rows as u64, columns as u64])
            .writer(file)
            .begin_nd()
            .map_err(fail)?;
        writer.extend((0..rows).flat_map(row)).map_err(fail)?;
        return writer.finish().map_err(fail);
    }
    let mut file = file;
    for i in 0..rows {
        let line: Vec<String> = row(i).map(|v| format!("{v:e}")).collect();
        writeln!(file, "{}", line.join(",")).map_err(fail)?;
    }
    file.flush().map_err(fail)
}
