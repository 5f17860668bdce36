//! Rows that force entries of `x` to vanish.

use super::Shown;
use crate::constraints::Block;
use crate::linalg::{max_abs, padded, verified_cholesky};
use crate::problem::ConicProgram;
use std::collections::HashMap;

/// Largest support of a matrix with off-diagonal entries whose definiteness is tested.
const MAX_SUPPORT: usize = 64;

/// Share of the diagonal that is taken off before a matrix is proved semidefinite, so that it is definite.
const DEFINITE: f64 = 1e-6;

/// A right-hand side of a row without entries below this share of the largest is rounding, as in the reduction of programs.
const NOISE: f64 = 16.0 * f64::EPSILON;

/// What is known of a row.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Signs {
    positive: bool,
    negative: bool,
    off_diagonal: bool,
}

impl Signs {
    /// The sign of all diagonal entries, where they have one.
    fn common(self) -> Option<f64> {
        match (self.positive, self.negative) {
            (true, false) => Some(1.0),
            (false, true) => Some(-1.0),
            _ => None,
        }
    }
}

/// Indices at which rows force `x` to vanish, or a row that no `x` meets.
pub(super) fn show(program: &ConicProgram) -> Option<Shown> {
    let (a, b) = (program.constraints(), program.rhs());
    // Signs of every row.
    let mut signs = vec![Signs::default(); a.len()];
    for (i, _, row, col, value) in a.entries() {
        if row != col {
            signs[i].off_diagonal = true;
        } else if value > 0.0 {
            signs[i].positive = true;
        } else {
            signs[i].negative = true;
        }
    }
    // A row without entries.
    let noise = NOISE * max_abs(b);
    let empty = |i: &usize| signs[*i] == Signs::default() && b[*i].abs() > noise;
    if let Some(i) = (0..a.len()).find(empty) {
        return contradiction(a.len(), i, b[i]);
    }
    // A row of one sign against a right-hand side of the other.
    let contradicts = |i: &usize| signs[*i].common().is_some_and(|s| s * b[*i] < 0.0);
    let definite = Definite::new(program, &signs);
    let semidefinite = |i: &usize| !signs[*i].off_diagonal || definite.holds(*i);
    if let Some(i) = (0..a.len()).filter(contradicts).find(semidefinite) {
        return contradiction(a.len(), i, b[i]);
    }
    // Rows of one sign against 0.
    let mut d = vec![0.0; a.len()];
    for i in (0..a.len()).filter(|&i| b[i] == 0.0).filter(semidefinite) {
        d[i] = signs[i].common().unwrap_or(0.0);
    }
    let mut dead: Vec<Vec<bool>> = a.blocks().iter().map(|b| vec![false; b.order()]).collect();
    let mut any = false;
    for (i, block, row, col, _) in a.entries() {
        if d[i] != 0.0 && row == col {
            (dead[block][row], any) = (true, true);
        }
    }
    any.then_some(Shown::Points { d, dead })
}

/// Row `i` alone.
fn contradiction(m: usize, i: usize, b: f64) -> Option<Shown> {
    let mut y = vec![0.0; m];
    y[i] = 1.0 / b;
    y[i].is_finite().then_some(Shown::PrimalInfeasible { y })
}

/// Row, column and value.
type Entry = (usize, usize, f64);

/// Rows with off-diagonal entries that are definite on their support, one block a row.
struct Definite(HashMap<usize, bool>);

impl Definite {
    fn new(program: &ConicProgram, signs: &[Signs]) -> Self {
        let (a, b) = (program.constraints(), program.rhs());
        let candidate = |i: usize| {
            let sign = signs[i].common().unwrap_or(0.0);
            signs[i].off_diagonal && sign != 0.0 && sign * b[i] <= 0.0
        };
        let mut entries: HashMap<(usize, usize), Vec<Entry>> = HashMap::new();
        let mut out: HashMap<usize, bool> = HashMap::new();
        for (i, block, row, col, value) in a.entries().filter(|e| candidate(e.0)) {
            if let Block::Psd(_) = a.blocks()[block] {
                entries
                    .entry((i, block))
                    .or_default()
                    .push((row, col, value));
            }
        }
        for ((i, _), entries) in entries {
            let sign = signs[i].common().unwrap_or(0.0);
            let holds = is_definite(&entries, sign);
            let known = out.entry(i).or_insert(true);
            *known = *known && holds;
        }
        Self(out)
    }

    fn holds(&self, i: usize) -> bool {
        self.0.get(&i).copied().unwrap_or(false)
    }
}

/// Whether a matrix, times a sign, is proved to be definite on the indices that it touches.
fn is_definite(entries: &[Entry], sign: f64) -> bool {
    let mut index: Vec<usize> = entries.iter().flat_map(|e| [e.0, e.1]).collect();
    index.sort_unstable();
    index.dedup();
    let n = index.len();
    let diagonal = entries.iter().filter(|e| e.0 == e.1).count();
    if n > MAX_SUPPORT || diagonal < n {
        return false;
    }
    let mut m = padded::zeros::<f64>(n, n);
    for &(row, col, value) in entries {
        let at = |k: usize| index.binary_search(&k).unwrap_or(0);
        let (p, q) = (at(row), at(col));
        (m[(p, q)], m[(q, p)]) = (sign * value, sign * value);
    }
    let shift: Vec<f64> = (0..n).map(|k| DEFINITE * m[(k, k)]).collect();
    verified_cholesky::prove(m.as_mut(), &shift).is_ok()
}
