//! The nonnegative variables of all blocks as columns, without the rows that only bound a variable.

use crate::constraints::{Constraints, GramWeight, Part};

/// A sparse matrix, compressed along its first index.
#[derive(Debug, Clone, Default)]
pub(super) struct Compressed {
    start: Vec<usize>,
    index: Vec<u32>,
    value: Vec<f64>,
}

impl Compressed {
    /// From triples `(first, second, value)`, sorted here by `first`. Triples with equal `first` keep their order.
    fn new(len: usize, entries: &[(u32, u32, f64)]) -> Self {
        let mut start = vec![0usize; len + 1];
        for e in entries {
            start[e.0 as usize + 1] += 1;
        }
        for k in 0..len {
            start[k + 1] += start[k];
        }
        let mut next = start.clone();
        let (mut index, mut value) = (vec![0; entries.len()], vec![0.0; entries.len()]);
        for &(first, second, v) in entries {
            let at = next[first as usize];
            next[first as usize] += 1;
            (index[at], value[at]) = (second, v);
        }
        Self {
            start,
            index,
            value,
        }
    }

    pub(super) fn len(&self, k: usize) -> usize {
        self.start[k + 1] - self.start[k]
    }

    pub(super) fn get(&self, k: usize) -> (&[u32], &[f64]) {
        let at = self.start[k]..self.start[k + 1];
        (&self.index[at.clone()], &self.value[at])
    }

    pub(super) fn iter(&self, k: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let (index, value) = self.get(k);
        index.iter().zip(value).map(|(&i, &v)| (i as usize, v))
    }
}

/// A row `a x + b t = u` whose variable `t` occurs in no other row: the row bounds `x`.
#[derive(Debug, Clone, Copy)]
struct Bound {
    /// Number among all rows.
    row: u32,
    x: u32,
    t: u32,
    a: f64,
    b: f64,
}

/// The part of `A` on the nonnegative blocks, split into bounds and the other rows.
///
/// Let `d` be the squared weight. On the bounds the Gram matrix is diagonal, `k = a² d_x + b² d_t`. Eliminating the bounds
/// leaves the Gram matrix of the other rows, with `d_x` replaced by `1/(1/d_x + (a/b)²/d_t)`. This formula only adds positive
/// numbers, whereas elimination in the assembled matrix would subtract nearly equal numbers.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    bounds: Vec<Bound>,
    /// The rows that are not bounds, ascending.
    kept: Vec<u32>,
    /// Per variable, the kept rows that read it, numbered among the kept rows.
    pub(super) by_column: Compressed,
    /// Per kept row, its variables.
    pub(super) by_row: Compressed,
    /// First variable of every nonnegative block; unused for a matrix block.
    first: Vec<usize>,
    variables: usize,
    /// Squared weights. The weight of a bounded variable includes the elimination of its bound.
    pub(super) weight: Vec<f64>,
    /// `a d_x/k` and `1/k` per bound.
    factors: Vec<(f64, f64)>,
}

impl Columns {
    /// # Complexity
    /// A few passes over the nonzeros.
    pub(super) fn new(a: &Constraints) -> Self {
        let m = a.len();
        // List all entries on nonnegative blocks, with the variables numbered through all blocks.
        let (mut entries, mut first, mut variables) = (vec![], vec![], 0);
        let mut on_matrices = vec![false; m];
        for part in a.parts() {
            first.push(variables);
            match part {
                Part::Psd(rows) => rows.iter().for_each(|(i, _)| on_matrices[i] = true),
                Part::Nonneg(rows) => {
                    for (i, index, value) in rows.iter() {
                        let list = index.iter().zip(value);
                        entries.extend(list.map(|(&k, &v)| (i as u32, variables as u32 + k, v)));
                    }
                    variables += rows.order();
                }
            }
        }
        let mut count = vec![0u32; variables];
        entries.iter().for_each(|e| count[e.1 as usize] += 1);
        let rows = Compressed::new(m, &entries);
        // A row of two entries is a bound if one of its variables occurs in no other row. One bound per variable.
        let mut bounded = vec![false; variables];
        let mut bounds = vec![];
        let mut place = vec![0u32; m];
        let mut kept = vec![];
        for i in 0..m {
            if let (&[k, l], &[v, w]) = rows.get(i)
                && !on_matrices[i]
            {
                let (one, other) = (count[k as usize] == 1, count[l as usize] == 1);
                let found = match (one, other) {
                    (false, true) => Some((k, l, v, w)),
                    (true, false) => Some((l, k, w, v)),
                    _ => None,
                };
                if let Some((x, t, a, b)) = found
                    && !bounded[x as usize]
                {
                    bounded[x as usize] = true;
                    let row = i as u32;
                    bounds.push(Bound { row, x, t, a, b });
                    place[i] = u32::MAX;
                    continue;
                }
            }
            place[i] = kept.len() as u32;
            kept.push(i as u32);
        }
        // Compress the entries of the kept rows by row and by column.
        entries.retain_mut(|e| {
            e.0 = place[e.0 as usize];
            e.0 != u32::MAX
        });
        // The rows ascend within a block but not across blocks.
        entries.sort_by_key(|e| e.0);
        let by_row = Compressed::new(kept.len(), &entries);
        entries.iter_mut().for_each(|e| *e = (e.1, e.0, e.2));
        let by_column = Compressed::new(variables, &entries);
        Self {
            factors: vec![(0.0, 0.0); bounds.len()],
            bounds,
            kept,
            by_column,
            by_row,
            first,
            variables,
            weight: vec![0.0; variables],
        }
    }

    pub(super) fn variables(&self) -> usize {
        self.variables
    }

    /// The rows that are not bounds, ascending.
    pub(super) fn kept(&self) -> &[u32] {
        &self.kept
    }

    /// Takes a new weight, and eliminates the bounds from it.
    pub(super) fn set_weight(&mut self, held: &[GramWeight<'_>]) {
        for (&first, held) in self.first.iter().zip(held) {
            if let GramWeight::Nonneg(w) = held {
                let to = &mut self.weight[first..first + w.len()];
                to.iter_mut().zip(*w).for_each(|(d, w)| *d = w * w);
            }
        }
        for (bound, factors) in self.bounds.iter().zip(&mut self.factors) {
            let Bound { x, t, a, b, .. } = *bound;
            let (dx, dt) = (self.weight[x as usize], self.weight[t as usize]);
            let k = a * a * dx + b * b * dt;
            *factors = (a * dx / k, 1.0 / k);
            self.weight[x as usize] = 1.0 / (1.0 / dx + (a / b) * (a / b) / dt);
        }
    }

    /// The right-hand side of the kept rows once the bounds are eliminated.
    pub(super) fn reduce(&self, rhs: &[f64], out: &mut [f64]) {
        out.iter_mut()
            .zip(&self.kept)
            .for_each(|(o, &i)| *o = rhs[i as usize]);
        for (bound, (f, _)) in self.bounds.iter().zip(&self.factors) {
            let r = f * rhs[bound.row as usize];
            self.by_column
                .iter(bound.x as usize)
                .for_each(|(i, v)| out[i] -= v * r);
        }
    }

    /// From the answer on the kept rows to the answer on all rows. On entry `y` holds the right-hand side of the bounds.
    pub(super) fn expand(&self, kept: &[f64], y: &mut [f64]) {
        for (bound, (f, inverse)) in self.bounds.iter().zip(&self.factors) {
            let sum: f64 = self
                .by_column
                .iter(bound.x as usize)
                .map(|(i, v)| v * kept[i])
                .sum();
            let y = &mut y[bound.row as usize];
            *y = *y * inverse - f * sum;
        }
        self.kept
            .iter()
            .zip(kept)
            .for_each(|(&i, v)| y[i as usize] = *v);
    }
}
