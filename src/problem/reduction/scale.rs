//! Units in which the numbers of a program are moderate.

use super::params::MODERATE;
use crate::constraints::{Block, Constraints};
use crate::error::Result;
use crate::linalg::max_abs;
use std::sync::Arc;

/// Alternations between rows and blocks.
const PASSES: usize = 4;

/// `A' = D A E`, `b' = D b/β`, `c' = E c/γ`: then `x = β E x'`, `y = γ D y'` and `s = γ E⁻¹ s'`. Powers of two, so that
/// nothing is rounded.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    blocks: Vec<Block>,
    /// `D`, and the factors in `E`, one a matrix block or number; `None` for ones.
    factors: Option<(Vec<f64>, Vec<f64>)>,
    beta: f64,
    gamma: f64,
}

impl Scale {
    /// Units of the rows and blocks.
    ///
    /// # Complexity
    /// A few passes over the nonzeros.
    pub(super) fn new(a: &Constraints) -> Self {
        let at = units(a.blocks());
        let (mut row, mut group) = (vec![1.0; a.len()], vec![1.0; at[at.len() - 1]]);
        let (rows, groups) = largest(a, &at, &row, &group);
        let all_moderate = rows.iter().chain(&groups).all(|&v| is_moderate(v));
        if !all_moderate {
            for _ in 0..PASSES {
                let (rows, groups) = largest(a, &at, &row, &group);
                row.iter_mut().zip(rows).for_each(|(r, v)| *r /= v.sqrt());
                let groups = group.iter_mut().zip(groups);
                groups.for_each(|(g, v)| *g /= v.sqrt());
            }
            let factors = row.iter_mut().chain(&mut group);
            factors.for_each(|f| *f = power_of_two(*f));
        }
        Self {
            blocks: a.blocks().to_vec(),
            factors: (!all_moderate).then_some((row, group)),
            beta: 1.0,
            gamma: 1.0,
        }
    }

    /// `D A E`.
    pub(super) fn rows(&self, a: Arc<Constraints>) -> Result<Arc<Constraints>> {
        let Some((row, group)) = &self.factors else {
            return Ok(a);
        };
        let at = units(&self.blocks);
        let values = a
            .entries()
            .map(|(i, b, r, _, v)| v * row[i] * group[unit(&self.blocks, &at, b, r)]);
        Ok(Arc::new(a.with_values(&values.collect::<Vec<_>>())?))
    }

    /// Chooses `β` for a right-hand side, and gives `D b/β`.
    pub(super) fn rhs(&mut self, mut b: Vec<f64>) -> Vec<f64> {
        if let Some((row, _)) = &self.factors {
            b.iter_mut().zip(row).for_each(|(b, d)| *b *= d);
        }
        self.beta = size(&b);
        b.iter_mut().for_each(|b| *b /= self.beta);
        b
    }

    /// Chooses `γ` for a cost, and gives `E c/γ`.
    pub(super) fn cost(&mut self, c: Constraints) -> Result<Constraints> {
        let at = units(&self.blocks);
        let mut values: Vec<f64> = c
            .entries()
            .map(|(_, b, r, _, v)| match &self.factors {
                Some((_, group)) => v * group[unit(&self.blocks, &at, b, r)],
                None => v,
            })
            .collect();
        self.gamma = size(&values);
        if self.factors.is_none() && self.gamma == 1.0 {
            return Ok(c);
        }
        values.iter_mut().for_each(|v| *v /= self.gamma);
        c.with_values(&values)
    }

    /// Whether the units are the user's.
    pub(super) fn is_identity(&self) -> bool {
        self.factors.is_none() && self.beta == 1.0 && self.gamma == 1.0
    }

    /// The user's unit of the objective: `⟨c, x⟩ = βγ ⟨c', x'⟩`.
    pub(super) fn objective(&self) -> f64 {
        self.beta * self.gamma
    }

    /// `x ← (β E)^p x`, for `p` one or minus one.
    pub(super) fn primal(&self, x: &mut [f64], power: i32) {
        self.each(x, |e| (self.beta * e).powi(power));
    }

    /// `y ← (γ D)^p y`.
    pub(super) fn multipliers(&self, y: &mut [f64], power: i32) {
        let factor = self.gamma.powi(power);
        y.iter_mut().for_each(|y| *y *= factor);
        if let Some((row, _)) = &self.factors {
            y.iter_mut().zip(row).for_each(|(y, d)| *y *= d.powi(power));
        }
    }

    /// `s ← (γ E⁻¹)^p s`.
    pub(super) fn slack(&self, s: &mut [f64], power: i32) {
        self.each(s, |e| (self.gamma / e).powi(power));
    }

    /// Multiplies every entry of a flat vector by a function of its factor in `E`.
    fn each(&self, v: &mut [f64], f: impl Fn(f64) -> f64) {
        if self.is_identity() {
            return;
        }
        let (mut at, mut k) = (0, 0);
        for block in &self.blocks {
            let (count, width) = match *block {
                Block::Psd(n) => (1, n * n),
                Block::Nonneg(n) => (n, 1),
            };
            for _ in 0..count {
                let factor = f(self.factors.as_ref().map_or(1.0, |(_, group)| group[k]));
                v[at..at + width].iter_mut().for_each(|v| *v *= factor);
                (at, k) = (at + width, k + 1);
            }
        }
    }
}

/// The first unit of every block, and their number: a matrix block has one, a number its own.
fn units(blocks: &[Block]) -> Vec<usize> {
    let mut out = vec![0];
    for b in blocks {
        let count = if let Block::Nonneg(n) = b { *n } else { 1 };
        out.push(out[out.len() - 1] + count);
    }
    out
}

fn unit(blocks: &[Block], at: &[usize], block: usize, row: usize) -> usize {
    match blocks[block] {
        Block::Psd(_) => at[block],
        Block::Nonneg(_) => at[block] + row,
    }
}

/// Largest entry of every row and every unit, one where there is none.
fn largest(a: &Constraints, at: &[usize], row: &[f64], group: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut rows, mut groups) = (vec![0.0f64; row.len()], vec![0.0f64; group.len()]);
    for (i, b, r, _, v) in a.entries() {
        let k = unit(a.blocks(), at, b, r);
        let size = (v * row[i] * group[k]).abs();
        rows[i] = rows[i].max(size);
        groups[k] = groups[k].max(size);
    }
    let nothing = rows.iter_mut().chain(&mut groups);
    nothing.filter(|v| **v == 0.0).for_each(|v| *v = 1.0);
    (rows, groups)
}

fn is_moderate(v: f64) -> bool {
    let most = MODERATE.get();
    (1.0 / most..=most).contains(&v)
}

/// A unit for these numbers: one when the largest is moderate, or zero.
fn size(values: &[f64]) -> f64 {
    match max_abs(values) {
        v if v == 0.0 || is_moderate(v) => 1.0,
        v => power_of_two(v),
    }
}

/// The nearest in exponent, within what keeps products finite.
fn power_of_two(v: f64) -> f64 {
    v.log2().round().clamp(-300.0, 300.0).exp2()
}
