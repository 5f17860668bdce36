//! Files of numbers: reading with notices, and writing.

pub(super) use dyncvx::io::table::Table;
use dyncvx::io::table::{Arcs, TableError, read, read_arcs, write_npy};
use dyncvx::io::{Noted, Notice};
use std::io::{BufWriter, Write};

/// Reads files, and collects what there is to tell about them.
#[derive(Default)]
pub(super) struct Reader {
    /// One line each, with the name of the file.
    pub(super) notices: Vec<String>,
}

impl Reader {
    /// Reads a matrix; a vector is one column.
    pub(super) fn table(&mut self, path: &str) -> Result<Table, String> {
        self.read(path, read)
    }

    /// Reads a vector: one row or one column.
    pub(super) fn vector(&mut self, path: &str) -> Result<Vec<f64>, String> {
        let table = self.table(path)?;
        if table.rows != 1 && table.columns != 1 {
            return Err(format!(
                "{path}: expected a vector, found {} x {} numbers",
                table.rows, table.columns
            ));
        }
        Ok(table.values)
    }

    /// Reads a list of arcs.
    pub(super) fn arcs(&mut self, path: &str) -> Result<Arcs, String> {
        self.read(path, read_arcs)
    }

    fn read<T>(
        &mut self,
        path: &str,
        reader: impl Fn(&[u8]) -> Result<Noted<T>, TableError>,
    ) -> Result<T, String> {
        let bytes = std::fs::read(path).map_err(|e| format!("{path}: {e}"))?;
        let noted = reader(&bytes).map_err(|e| format!("{path}: {e}"))?;
        let tell = |notice: &Notice| format!("{path}: {notice}");
        self.notices.extend(noted.notices.iter().map(tell));
        Ok(noted.content)
    }
}

/// Lines of a table as columns.
pub(super) fn transposed(table: &Table) -> faer::Mat<f64> {
    let at = |i: usize, j: usize| table.values[j * table.columns + i];
    faer::Mat::from_fn(table.columns, table.rows, at)
}

/// The entries of a table, column by column.
pub(super) fn by_column(table: &Table) -> Vec<f64> {
    let at = |k: usize| table.values[(k % table.rows) * table.columns + k / table.rows];
    (0..table.values.len()).map(at).collect()
}

/// Writes a matrix that is stored column by column.
pub(super) fn write_matrix(
    path: &str,
    values: &[f64],
    rows: usize,
    columns: usize,
) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("{path}: {e}");
    let mut file = BufWriter::new(std::fs::File::create(path).map_err(fail)?);
    let row = |i: usize| (0..columns).map(move |j| values[i + rows * j]);
    if path.ends_with(".npy") {
        let by_row = (0..rows).flat_map(row);
        return write_npy((rows, columns), by_row, &mut file).map_err(fail);
    }
    for i in 0..rows {
        let line: Vec<String> = row(i).map(|v| format!("{v:e}")).collect();
        writeln!(file, "{}", line.join(",")).map_err(fail)?;
    }
    file.flush().map_err(fail)
}

/// Writes row, column and mass of every arc: `.npz` as SciPy's `load_npz` reads it, otherwise text with one line per arc.
pub(super) fn write_arcs(
    path: &str,
    plan: &[(usize, usize, f64)],
    shape: (usize, usize),
) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("{path}: {e}");
    let mut file = BufWriter::new(std::fs::File::create(path).map_err(fail)?);
    if path.to_ascii_lowercase().ends_with(".npz") {
        return dyncvx::io::table::write_coo(shape, plan, &mut file).map_err(fail);
    }
    writeln!(file, "# row,column,mass").map_err(fail)?;
    for (i, j, mass) in plan {
        writeln!(file, "{i},{j},{mass:e}").map_err(fail)?;
    }
    file.flush().map_err(fail)
}
