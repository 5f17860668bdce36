//! Lists of arcs, and sparse matrices as such lists.

use super::{Format, Table, TableError, csv, npy, plain};
use crate::io::Noted;

/// Arcs of a bipartite graph with their costs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Arcs {
    /// Row, column and cost of every arc. Rows and columns are counted from 0, and no pair is given twice.
    pub arcs: Vec<(usize, usize, f64)>,
    /// Rows and columns of the matrix, where the file states them.
    pub shape: Option<(usize, usize)>,
}

/// Reads a list of arcs. A text without numbers is a list without arcs.
///
/// ```
/// let arcs = dyncvx::io::table::read_arcs(b"row,column,cost\n0,0,1.5\n1,0,2\n")?.content.arcs;
/// assert_eq!(arcs, [(0, 0, 1.5), (1, 0, 2.0)]);
/// # Ok::<(), dyncvx::io::table::TableError>(())
/// ```
///
/// # Errors
/// [`TableError`] for anything that is not a list of arcs in one of the formats of this module, for rows and columns that are not
/// whole numbers, and for a pair that is given twice.
///
/// # Complexity
/// Linear in the number of bytes, unpacked, and a sort of the arcs.
pub fn read_arcs(bytes: &[u8]) -> Result<Noted<Arcs>, TableError> {
    let noted = match Format::of(bytes) {
        Format::Npz => plain(from_archive(bytes)?),
        Format::Npy => plain(listed(&npy::Array::parse(bytes)?.table()?)?),
        Format::Text => {
            let Noted { content, notices } = csv::read(bytes)?;
            let content = listed(&content)?;
            Noted { content, notices }
        }
    };
    refuse_repeated(&noted.content.arcs)?;
    Ok(noted)
}

/// The arcs of a table with three columns.
fn listed(table: &Table) -> Result<Arcs, TableError> {
    if table.columns != 3 && !table.values.is_empty() {
        let found = table.columns;
        return Err(TableError::Content(format!(
            "expected row, column and cost of every arc, found {found} numbers per line"
        )));
    }
    let (triples, _) = table.values.as_chunks::<3>();
    let arcs = arcs_of(triples.iter().copied())?;
    Ok(Arcs { arcs, shape: None })
}

/// Arcs from row, column and cost.
fn arcs_of(
    triples: impl Iterator<Item = [f64; 3]>,
) -> Result<Vec<(usize, usize, f64)>, TableError> {
    let mut arcs = Vec::with_capacity(triples.size_hint().0);
    for (k, [row, column, cost]) in triples.enumerate() {
        arcs.push((index(k, "row", row)?, index(k, "column", column)?, cost));
    }
    Ok(arcs)
}

/// A row or column of arc `k` as an index.
fn index(k: usize, what: &str, v: f64) -> Result<usize, TableError> {
    /// Whole numbers up to this one are exact.
    const MAX_EXACT: f64 = 9e15;
    if v.fract() == 0.0 && (0.0..MAX_EXACT).contains(&v) {
        return Ok(v as usize);
    }
    let arc = k + 1;
    Err(TableError::Content(format!(
        "arc {arc}: expected a {what} counted from 0, found {v}"
    )))
}

/// Fails if a pair of row and column has two arcs.
fn refuse_repeated(arcs: &[(usize, usize, f64)]) -> Result<(), TableError> {
    let pair = |k: usize| (arcs[k].0, arcs[k].1);
    if arcs.is_sorted_by(|a, b| (a.0, a.1) < (b.0, b.1)) {
        return Ok(());
    }
    let mut order: Vec<usize> = (0..arcs.len()).collect();
    order.sort_unstable_by_key(|k| (pair(*k), *k));
    // The repetition that comes first in the file.
    let repeated = order.windows(2).filter(|w| pair(w[0]) == pair(w[1]));
    match repeated.map(|w| (w[1], w[0])).min() {
        None => Ok(()),
        Some((again, before)) => {
            let (row, column) = pair(again);
            Err(TableError::Content(format!(
                "arc {}: expected every pair of row and column once, found row {row} and column {column} again, after arc {}",
                again + 1,
                before + 1
            )))
        }
    }
}

#[cfg(not(feature = "npz"))]
fn from_archive(bytes: &[u8]) -> Result<Arcs, TableError> {
    super::from_archive(bytes).and_then(|table| listed(&table))
}

#[cfg(feature = "npz")]
fn from_archive(bytes: &[u8]) -> Result<Arcs, TableError> {
    let mut archive = super::npz::Archive::open(bytes)?;
    let mut vector = |name: &str| -> Result<Option<Vec<f64>>, TableError> {
        match archive.file(name)? {
            Some(file) => npy::Array::parse(&file)?.numbers().map(Some),
            None => Ok(None),
        }
    };
    // The entries, and either both coordinates of each or one and where the lines of the other begin.
    let missing = |name: &str| {
        let reason = format!("expected a sparse matrix, found no array `{name}`");
        Err(TableError::Content(reason))
    };
    let Some(data) = vector("data")? else {
        return missing("data");
    };
    let shape = match vector("shape")?.as_deref() {
        Some([m, n]) => Some((
            index(0, "number of rows", *m)?,
            index(0, "number of columns", *n)?,
        )),
        _ => None,
    };
    let (rows, columns) = match (vector("row")?, vector("col")?, vector("indices")?) {
        (Some(rows), Some(columns), _) => (rows, columns),
        (Some(_), None, _) => return missing("col"),
        (None, _, None) => return missing("row"),
        (None, _, Some(indices)) => {
            let Some(starts) = vector("indptr")? else {
                return missing("indptr");
            };
            let lines = lines_of(&starts, indices.len())?;
            match format(&mut archive)?.as_str() {
                "csr" => (lines, indices),
                "csc" => (indices, lines),
                other => {
                    return Err(TableError::Content(format!(
                        "expected a sparse matrix of format coo, csr or csc, found {other}"
                    )));
                }
            }
        }
    };
    if rows.len() != columns.len() || rows.len() != data.len() {
        let (r, c, d) = (rows.len(), columns.len(), data.len());
        return Err(TableError::Content(format!(
            "expected as many rows as columns and data, found {r}, {c} and {d}"
        )));
    }
    let triples = rows.iter().zip(&columns).zip(&data);
    let arcs = arcs_of(triples.map(|((row, column), cost)| [*row, *column, *cost]))?;
    Ok(Arcs { arcs, shape })
}

/// The line of every entry, where line `i` has the entries `starts[i] … starts[i + 1]`.
#[cfg(feature = "npz")]
fn lines_of(starts: &[f64], entries: usize) -> Result<Vec<f64>, TableError> {
    let begins = starts.first() == Some(&0.0) && starts.last() == Some(&(entries as f64));
    if !begins || !starts.is_sorted() || starts.iter().any(|s| s.fract() != 0.0) {
        return Err(TableError::Content(format!(
            "expected indptr to rise from 0 to {entries} in whole numbers"
        )));
    }
    let lines = starts.windows(2).enumerate();
    let line = |(i, ends): (usize, &[f64])| {
        let count = (ends[1] - ends[0]) as usize;
        core::iter::repeat_n(i as f64, count)
    };
    Ok(lines.flat_map(line).collect())
}

/// The name of the format of a sparse matrix: an array of bytes or of UTF-32.
#[cfg(feature = "npz")]
fn format(archive: &mut super::npz::Archive<'_>) -> Result<String, TableError> {
    let file = archive.file("format")?.unwrap_or_default();
    let array = npy::Array::parse(&file)?;
    let letters = array.data.iter().filter(|b| **b != 0).take(8);
    Ok(letters.map(|b| char::from(*b)).collect())
}
