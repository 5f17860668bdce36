//! Diagonal entries of the slack that vanish for every `y`.

use super::Shown;
use crate::constraints::Block;
use crate::linalg::error_free::{two_product, two_sum};
use crate::problem::ConicProgram;
use std::collections::HashMap;

/// A diagonal entry of the slack, `cost − Σ value_i y_i`.
#[derive(Debug, Clone, Default)]
struct Entry {
    block: usize,
    index: usize,
    cost: f64,
    values: Vec<(usize, f64)>,
    /// Whether an entry off the diagonal stands in the same row.
    linked: bool,
}

/// Indices at which the slack vanishes for every `y`, or entries that no `y` makes nonnegative.
pub(super) fn show(program: &ConicProgram) -> Option<Shown> {
    let a = program.constraints();
    let entries = diagonal(program);
    let mut found = Found::new(program);
    let mut pairs: HashMap<Vec<(usize, u64)>, [Option<usize>; 2]> = HashMap::new();
    for (k, entry) in entries.iter().enumerate() {
        let Some(&(_, first)) = entry.values.first() else {
            // No row touches the entry: it is its cost.
            if entry.cost < 0.0 {
                return Some(found.ray(&[(k, 1.0)], &entries));
            }
            if entry.cost == 0.0 && entry.linked {
                found.vanishes(&[(k, 1.0)], &entries);
            }
            continue;
        };
        // Entries that are multiples of one another share a key; the sign of the first value tells them apart.
        let ratio = |&(i, value): &(usize, f64)| (i, (value / first).to_bits());
        let key = entry.values.iter().map(ratio).collect();
        let seen = pairs.entry(key).or_default();
        let side = usize::from(first < 0.0);
        if let Some(other) = seen[1 - side]
            && let Some(pair) = opposite(&entries[other], entry)
        {
            match pair.sum {
                sum if sum < 0.0 => {
                    return Some(found.ray(&[(other, pair.factor), (k, 1.0)], &entries));
                }
                0.0 => found.vanishes(&[(other, pair.factor), (k, 1.0)], &entries),
                _ => {}
            }
        }
        // Of several, the one that leaves the least room.
        let tighter =
            |old: usize| entry.cost / first.abs() < entries[old].cost / lead(&entries[old]);
        if seen[side].is_none_or(tighter) {
            seen[side] = Some(k);
        }
    }
    let _ = a;
    found.any.then_some(Shown::Slacks {
        z: found.z,
        dead: found.dead,
    })
}

fn lead(entry: &Entry) -> f64 {
    entry.values.first().map_or(1.0, |v| v.1.abs())
}

/// `factor` times one entry and another, whose sum no `y` changes.
struct Opposite {
    factor: f64,
    sum: f64,
}

/// Two entries whose rows cancel without rounding, and what is left of their costs.
fn opposite(one: &Entry, other: &Entry) -> Option<Opposite> {
    let factor = -other.values.first()?.1 / one.values.first()?.1;
    let cancels = |(a, b): (&(usize, f64), &(usize, f64))| {
        let (product, error) = two_product(factor, a.1);
        a.0 == b.0 && error == 0.0 && product == -b.1
    };
    if !one.values.iter().zip(&other.values).all(cancels) {
        return None;
    }
    let (product, error) = two_product(factor, one.cost);
    let (sum, lost) = two_sum(product, other.cost);
    // Only a sum without rounding is known to be 0.
    let exact = error == 0.0 && lost == 0.0;
    (exact || sum != 0.0).then_some(Opposite { factor, sum })
}

/// All diagonal entries of the slack.
fn diagonal(program: &ConicProgram) -> Vec<Entry> {
    let a = program.constraints();
    let mut first = vec![];
    let mut entries = vec![];
    for (block, b) in a.blocks().iter().enumerate() {
        first.push(entries.len());
        entries.extend((0..b.order()).map(|index| Entry {
            block,
            index,
            ..Entry::default()
        }));
    }
    for (_, b, row, col, value) in program.cost().entries() {
        if row == col {
            entries[first[b] + row].cost = value;
        } else {
            entries[first[b] + row].linked = true;
            entries[first[b] + col].linked = true;
        }
    }
    for (i, b, row, col, value) in a.entries() {
        if row == col {
            entries[first[b] + row].values.push((i, value));
        } else {
            entries[first[b] + row].linked = true;
            entries[first[b] + col].linked = true;
        }
    }
    entries
}

/// What was found so far.
struct Found<'a> {
    program: &'a ConicProgram,
    z: Vec<f64>,
    dead: Vec<Vec<bool>>,
    any: bool,
}

impl<'a> Found<'a> {
    fn new(program: &'a ConicProgram) -> Self {
        let a = program.constraints();
        Self {
            program,
            z: vec![0.0; a.ambient()],
            dead: a.blocks().iter().map(|b| vec![false; b.order()]).collect(),
            any: false,
        }
    }

    fn flat(&self, entry: &Entry) -> usize {
        let a = self.program.constraints();
        let first = a.range(entry.block).start;
        match a.blocks()[entry.block] {
            Block::Psd(n) => first + entry.index * (n + 1),
            Block::Nonneg(_) => first + entry.index,
        }
    }

    /// Records entries whose combination with these factors is 0 for every `y`.
    fn vanishes(&mut self, factors: &[(usize, f64)], entries: &[Entry]) {
        // An entry is in one combination alone, so that all of them add up without rounding.
        let fresh = |&(k, _): &(usize, f64)| !self.dead[entries[k].block][entries[k].index];
        if !factors.iter().all(fresh) {
            return;
        }
        for &(k, factor) in factors {
            let at = self.flat(&entries[k]);
            self.z[at] = factor;
            self.dead[entries[k].block][entries[k].index] = true;
        }
        self.any = true;
    }

    /// The ray that a combination below 0 is.
    fn ray(&self, factors: &[(usize, f64)], entries: &[Entry]) -> Shown {
        let mut x = vec![0.0; self.z.len()];
        for &(k, factor) in factors {
            x[self.flat(&entries[k])] = factor;
        }
        Shown::DualInfeasible { x }
    }
}
