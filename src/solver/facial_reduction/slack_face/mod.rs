//! Programs whose slacks lie on a face of the cone, and the program on that face.
//!
//! When no feasible slack is positive definite there is `Z ⪰ 0`, not zero, with `A(Z) = 0` and `⟨c, Z⟩ = 0`: then `⟨s, Z⟩ = 0` for every
//! feasible `s`, so that `s W = 0` for a basis `W` of the range of `Z`. These are linear equations on `y`. They determine some
//! multipliers, `y = y₀ + N z`, and what is left of `s` is `s = B s_JJ Bᵀ` for the basis `B` of the kernel of `Z` that is the identity
//! on the indices `J`. The program in `z` has rows `(Σ_i N_ik A_i)_JJ` and the cost `(c − Aᵀy₀)_JJ`; its optimum differs from the
//! program's by `bᵀy₀`.
//!
//! Its `x'` is `BᵀxB`. What `x` is beside that is free on the face: entries between `J` and the range must meet the rows of the
//! multipliers that were determined, and `x + tZ` comes as near to the cone as `t` is large.

mod equations;

use super::basis::Basis;
use super::face::{Place, expand};
use super::split::{Part, Split};
use crate::constraints::{Block, Constraints};
use crate::error::{Result, check_shape};
use crate::linalg::{dot, norm, padded, spectral};
use crate::problem::ConicProgram;
use equations::{Contradiction, Determined, Equation};
use faer::MatRef;
use std::collections::HashMap;

/// Numbers of the substitution that are held at most.
const SUBSTITUTION_BUDGET: usize = 4_000_000;

/// Numbers of the least-norm problem for the free part of `x`.
const FREE_PART_BUDGET: usize = 30_000_000;

/// Entries of a combined row below this share of the terms they are sums of are rounding.
const ROUNDING: f64 = 1e-13;

/// Singular values of the least-norm problem below this share of the largest are rounding.
const SINGULAR: f64 = 1e-12;

/// Size of a number in the part on the range against one between `J` and the range: multiples of `Z` make up for the first.
const RANGE_FAVOUR: f64 = 10.0;

/// Kernel and range of `Z` on one block.
#[derive(Debug, Clone)]
struct Sides {
    place: Place,
    /// The index of the block at which each column of `B` is a unit vector.
    kept: Vec<usize>,
    /// Columns of `W`, sparse.
    range: Vec<Vec<(u32, f64)>>,
}

/// Where an entry `(A_i W)_kp` belongs.
type Key = (u32, u32, u32);

/// A program on the face of slacks that `Z` exposes.
#[derive(Debug, Clone)]
pub(super) struct SlackFace {
    original: ConicProgram,
    sides: Vec<Sides>,
    determined: Vec<Determined>,
    free: Vec<usize>,
    program: ConicProgram,
}

/// What comes of the equations on the multipliers.
pub(super) enum Outcome {
    Face(Box<SlackFace>),
    /// They contradict one another: a ray `x` with `A x = 0`, `⟨c, x⟩ = −1` and `BᵀxB = 0`.
    Contradiction(Vec<f64>),
    /// They take more memory than they are worth.
    TooLarge,
}

impl SlackFace {
    /// # Errors
    /// Those of [`ConicProgram::new`].
    ///
    /// # Complexity
    /// That of solving the equations, and a sort of the nonzeros of the combined rows.
    pub(super) fn of(program: &ConicProgram, split: &Split) -> Result<Outcome> {
        let a = program.constraints();
        let mut sides = vec![];
        let mut blocks = vec![];
        for (block, part) in a.blocks().iter().zip(&split.parts) {
            let basis = match part {
                Part::Matrix { vectors, kernel } => {
                    let n = vectors.nrows();
                    Basis::of_kernel(vectors.as_ref().subcols(*kernel, n - kernel))
                }
                Part::Numbers { kernel } => Basis::of_numbers(kernel),
            };
            let place = Place::new(basis, block, &mut blocks);
            sides.push(Sides::new(place));
        }
        let (keys, equations) = gather(program, &sides);
        let determined = match equations::solve(equations, SUBSTITUTION_BUDGET) {
            None => return Ok(Outcome::TooLarge),
            Some(Err(factors)) => {
                return Ok(Outcome::Contradiction(ray(a, &sides, &keys, &factors)));
            }
            Some(Ok(determined)) => determined,
        };
        let mut is_free = vec![true; a.len()];
        determined
            .iter()
            .for_each(|d| is_free[d.multiplier] = false);
        let free: Vec<usize> = (0..a.len()).filter(|&i| is_free[i]).collect();
        let Some(small) = combined(program, &sides, &blocks, &determined, &free)? else {
            return Ok(Outcome::TooLarge);
        };
        Ok(Outcome::Face(Box::new(Self {
            original: program.clone(),
            sides,
            determined,
            free,
            program: small,
        })))
    }

    /// The program on the face.
    pub(super) fn program(&self) -> &ConicProgram {
        &self.program
    }

    /// Multipliers of the program: `y₀ + N z`, or `N z` for a direction.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    pub(super) fn multipliers(&self, z: &[f64], direction: bool) -> Result<Vec<f64>> {
        check_shape(
            "multipliers on the face",
            (self.free.len(), 1),
            (z.len(), 1),
        )?;
        let mut y = vec![0.0; self.original.constraints().len()];
        self.free.iter().zip(z).for_each(|(&i, &z)| y[i] = z);
        for d in &self.determined {
            let start = if direction { 0.0 } else { d.constant };
            let terms = d.terms.iter().map(|&(k, f)| f * y[k]);
            y[d.multiplier] = start + terms.sum::<f64>();
        }
        Ok(y)
    }

    /// `s = B s' Bᵀ`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    pub(super) fn slack(&self, s: &[f64]) -> Result<Vec<f64>> {
        let places: Vec<&Place> = self.sides.iter().map(|s| &s.place).collect();
        let blocks = self.original.constraints().blocks();
        expand(blocks, &places, self.program.constraints(), s)
    }

    /// An `x` with `BᵀxB = x'` that meets the rows of the determined multipliers, with right-hand side `rhs`; of least norm between
    /// `J` and the range, in the metric of `(x' + τ)⁻¹`. `None` when that is too large.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::NoConvergence`](crate::Error::NoConvergence).
    ///
    /// # Complexity
    /// For `d` determined multipliers and `p` free numbers `d²p` flops.
    pub(super) fn primal(&self, x: &[f64], rhs: &[f64], tau: f64) -> Result<Option<Vec<f64>>> {
        let (a, small) = (self.original.constraints(), self.program.constraints());
        check_shape("x on the face", (small.ambient(), 1), (x.len(), 1))?;
        let mut out = vec![0.0; a.ambient()];
        let mut frames = vec![];
        let mut count = 0;
        for (b, side) in self.sides.iter().enumerate() {
            let part = side.place.to.map(|to| &x[small.range(to)]);
            let frame = Frame::new(a.blocks()[b], side, part, tau, count)?;
            count += frame.count();
            if let Some(part) = part {
                side.spread(a.blocks()[b], part, &mut out[a.range(b)]);
            }
            frames.push(frame);
        }
        let d = self.determined.len();
        if d == 0 || count == 0 {
            return Ok(Some(out));
        }
        if d.saturating_mul(count) > FREE_PART_BUDGET {
            return Ok(None);
        }
        // How the rows of the determined multipliers read the free numbers, a column a row.
        let mut at = vec![None; a.len()];
        for (k, one) in self.determined.iter().enumerate() {
            at[one.multiplier] = Some(k);
        }
        let mut seen = padded::zeros::<f64>(count.max(d), d);
        self.each_row(|i, b, entries| {
            if let Some(k) = at[i] {
                frames[b].read(
                    &self.sides[b],
                    entries,
                    &mut seen.col_as_slice_mut(k)[..count],
                );
            }
        });
        let (values, vectors) = spectral::singular_right(seen.as_ref())?;
        let largest = values.iter().copied().fold(0.0, f64::max);
        // The least-norm solution, and once more for what it leaves.
        let mut read = vec![0.0; a.len()];
        for _ in 0..2 {
            a.apply(&out, &mut read)?;
            let rest: Vec<f64> = self
                .determined
                .iter()
                .map(|one| rhs[one.multiplier] - read[one.multiplier])
                .collect();
            let mut factors = vec![0.0; d];
            for (j, value) in values.iter().enumerate() {
                if *value > SINGULAR * largest {
                    let vector = vectors.col_as_slice(j);
                    let share = dot(vector, &rest) / (value * value);
                    crate::linalg::axpy(share, vector, &mut factors);
                }
            }
            let mut numbers = vec![0.0; count];
            for (k, factor) in factors.iter().enumerate() {
                crate::linalg::axpy(*factor, &seen.col_as_slice(k)[..count], &mut numbers);
            }
            for (b, frame) in frames.iter().enumerate() {
                frame.add(&self.sides[b], &numbers, &mut out[a.range(b)]);
            }
        }
        Ok(norm(&out).is_finite().then_some(out))
    }

    /// Calls `f(i, block, entries)` for the part of every row on every block.
    fn each_row(&self, mut f: impl FnMut(usize, usize, &[(usize, usize, f64)])) {
        let mut entries = vec![];
        let mut of: Option<(usize, usize)> = None;
        for (i, b, row, col, value) in self.original.constraints().entries() {
            if of != Some((i, b)) {
                if let Some((i, b)) = of {
                    f(i, b, &entries);
                }
                entries.clear();
                of = Some((i, b));
            }
            entries.push((row, col, value));
        }
        if let Some((i, b)) = of {
            f(i, b, &entries);
        }
    }
}

impl Sides {
    fn new(place: Place) -> Self {
        let basis = &place.basis;
        let mut kept = vec![usize::MAX; basis.columns];
        let mut is_kept = vec![false; basis.rows.len()];
        for (j, row) in basis.rows.iter().enumerate() {
            if let [(a, 1.0)] = row[..]
                && kept[a as usize] == usize::MAX
            {
                kept[a as usize] = j;
                is_kept[j] = true;
            }
        }
        // With rows R of the others, B = [I; R] and W = [−Rᵀ; I].
        let others = (0..basis.rows.len()).filter(|&j| !is_kept[j]);
        let range = others.map(|p| {
            let row = basis.rows[p].iter();
            let back = row.map(|&(a, v)| (kept[a as usize] as u32, -v));
            back.chain([(p as u32, 1.0)]).collect()
        });
        Self {
            range: range.collect(),
            kept,
            place,
        }
    }

    /// Puts `x'` at `J`.
    fn spread(&self, block: Block, x: &[f64], out: &mut [f64]) {
        let r = self.kept.len();
        match block {
            Block::Nonneg(_) => self.kept.iter().zip(x).for_each(|(&j, &x)| out[j] = x),
            Block::Psd(n) => {
                for (q, &col) in self.kept.iter().enumerate() {
                    for (p, &row) in self.kept.iter().enumerate() {
                        out[row + col * n] = x[p + q * r];
                    }
                }
            }
        }
    }

    /// For every index, the columns of `W` that are not zero there.
    fn touching(&self) -> Vec<Vec<(u32, f64)>> {
        let mut out = vec![vec![]; self.place.basis.rows.len()];
        for (p, column) in self.range.iter().enumerate() {
            column
                .iter()
                .for_each(|&(l, v)| out[l as usize].push((p as u32, v)));
        }
        out
    }
}

/// The free numbers of `x` on one block: `E_J L Θ Wᵀ`, made symmetric, with `LLᵀ = x' + τ`, and `W Φ Wᵀ`.
struct Frame {
    /// `L` by columns, `r` numbers each; empty on nonnegative blocks.
    root: Vec<f64>,
    order: usize,
    kept: usize,
    range: usize,
    matrix: bool,
    first: usize,
}

impl Frame {
    fn new(block: Block, side: &Sides, x: Option<&[f64]>, tau: f64, first: usize) -> Result<Self> {
        let (kept, range) = (side.kept.len(), side.range.len());
        let matrix = matches!(block, Block::Psd(_));
        let mut root = vec![];
        if let Some(x) = x.filter(|_| matrix && range > 0) {
            let x = MatRef::from_column_major_slice(x, kept, kept);
            let (values, vectors) = spectral::eigen(x)?;
            for (j, value) in values.iter().enumerate() {
                let scale = (value.max(0.0) + tau).sqrt();
                root.extend(vectors.col_as_slice(j).iter().map(|v| scale * v));
            }
        }
        Ok(Self {
            root,
            order: block.order(),
            kept,
            range,
            matrix,
            first,
        })
    }

    fn count(&self) -> usize {
        if self.matrix {
            self.kept * self.range + self.range * (self.range + 1) / 2
        } else {
            self.range
        }
    }

    /// How a row reads the free numbers of this block.
    fn read(&self, side: &Sides, entries: &[(usize, usize, f64)], out: &mut [f64]) {
        let mut out = out[self.first..].iter_mut();
        let mut next = |value: f64| {
            if let Some(slot) = out.next() {
                *slot += value;
            }
        };
        let mut dense = vec![0.0; self.order];
        let mut column = vec![0.0; self.order];
        for (p, w) in side.range.iter().enumerate() {
            column.fill(0.0);
            w.iter().for_each(|&(l, v)| dense[l as usize] = v);
            for &(row, col, value) in entries {
                column[row] += value * dense[col];
                if row != col {
                    column[col] += value * dense[row];
                }
            }
            w.iter().for_each(|&(l, _)| dense[l as usize] = 0.0);
            if !self.matrix {
                next(column[w[0].0 as usize]);
                continue;
            }
            for root in self.root.chunks_exact(self.kept.max(1)) {
                let seen = side.kept.iter().zip(root).map(|(&j, l)| column[j] * l);
                next(seen.sum());
            }
            for w in &side.range[..=p] {
                let seen = w.iter().map(|&(l, v)| v * column[l as usize]);
                next(RANGE_FAVOUR * seen.sum::<f64>());
            }
        }
    }

    /// Adds what the free numbers of this block stand for.
    fn add(&self, side: &Sides, numbers: &[f64], out: &mut [f64]) {
        let n = self.order;
        let mut numbers = numbers[self.first..].iter();
        let mut next = || numbers.next().copied().unwrap_or(0.0);
        let mut left = vec![0.0; n];
        for (p, w) in side.range.iter().enumerate() {
            if !self.matrix {
                out[w[0].0 as usize] += next();
                continue;
            }
            // The vector that stands beside w in a symmetric product.
            left.fill(0.0);
            for root in self.root.chunks_exact(self.kept.max(1)) {
                let factor = next();
                for (&j, l) in side.kept.iter().zip(root) {
                    left[j] += factor * l;
                }
            }
            for w in &side.range[..=p] {
                let factor = RANGE_FAVOUR * next();
                w.iter().for_each(|&(l, v)| left[l as usize] += factor * v);
            }
            for &(l, v) in w {
                for (k, left) in left.iter().enumerate() {
                    let half = 0.5 * left * v;
                    out[k + l as usize * n] += half;
                    out[l as usize + k * n] += half;
                }
            }
        }
    }
}

/// The equations `(c − Aᵀy) W = 0`.
fn gather(program: &ConicProgram, sides: &[Sides]) -> (Vec<Key>, Vec<Equation>) {
    let a = program.constraints();
    let touching: Vec<_> = sides.iter().map(Sides::touching).collect();
    let mut index: HashMap<Key, usize> = HashMap::new();
    let (mut keys, mut equations) = (vec![], vec![]);
    let mut each = |b: usize, row: usize, col: usize, f: &mut dyn FnMut(&mut Equation, f64)| {
        let mut one = |k: usize, l: usize| {
            for &(p, w) in &touching[b][l] {
                let key = (b as u32, k as u32, p);
                let at = *index.entry(key).or_insert_with(|| {
                    keys.push(key);
                    equations.push(Equation::default());
                    keys.len() - 1
                });
                f(&mut equations[at], w);
            }
        };
        one(row, col);
        if row != col {
            one(col, row);
        }
    };
    for (i, b, row, col, value) in a.entries() {
        each(b, row, col, &mut |equation, w| equation.add(i, value * w));
    }
    for (_, b, row, col, value) in program.cost().entries() {
        each(b, row, col, &mut |equation, w| equation.add_rhs(value * w));
    }
    (keys, equations)
}

/// The combination of `e_k w_pᵀ`, made symmetric, that a contradiction is.
fn ray(a: &Constraints, sides: &[Sides], keys: &[Key], factors: &Contradiction) -> Vec<f64> {
    let mut x = vec![0.0; a.ambient()];
    for &(e, factor) in factors {
        let (b, k, p) = keys[e];
        let (first, n) = (a.range(b as usize).start, a.blocks()[b as usize].order());
        for &(l, v) in &sides[b as usize].range[p as usize] {
            let (k, l) = (k as usize, l as usize);
            match a.blocks()[b as usize] {
                Block::Nonneg(_) => x[first + k] += factor * v,
                Block::Psd(_) => {
                    x[first + k + l * n] += 0.5 * factor * v;
                    x[first + l + k * n] += 0.5 * factor * v;
                }
            }
        }
    }
    x
}

/// The program in the free multipliers; `None` when its rows are too many numbers.
fn combined(
    program: &ConicProgram,
    sides: &[Sides],
    blocks: &[Block],
    determined: &[Determined],
    free: &[usize],
) -> Result<Option<ConicProgram>> {
    let a = program.constraints();
    let position: Vec<HashMap<usize, usize>> = sides
        .iter()
        .map(|s| s.kept.iter().enumerate().map(|(p, &j)| (j, p)).collect())
        .collect();
    let place = |b: usize, row: usize, col: usize| {
        let to = sides[b].place.to?;
        Some((to, *position[b].get(&row)?, *position[b].get(&col)?))
    };
    let mut new_row = vec![None; a.len()];
    free.iter()
        .enumerate()
        .for_each(|(k, &i)| new_row[i] = Some(k));
    let mut solved = vec![None; a.len()];
    determined
        .iter()
        .for_each(|d| solved[d.multiplier] = Some(d));

    let (mut rows, mut cost) = (Sums::default(), Sums::default());
    for (_, b, row, col, value) in program.cost().entries() {
        if let Some((to, p, q)) = place(b, row, col) {
            cost.add((0, to, p, q), value);
        }
    }
    for (i, b, row, col, value) in a.entries() {
        let Some((to, p, q)) = place(b, row, col) else {
            continue;
        };
        if let Some(k) = new_row[i] {
            rows.add((k, to, p, q), value);
        }
        if let Some(d) = solved[i] {
            cost.add((0, to, p, q), -d.constant * value);
            for &(k, factor) in &d.terms {
                if let Some(k) = new_row[k] {
                    rows.add((k, to, p, q), factor * value);
                }
            }
        }
        if rows.0.len() > SUBSTITUTION_BUDGET {
            return Ok(None);
        }
    }
    let mut rhs: Vec<(f64, f64)> = free
        .iter()
        .map(|&i| (program.rhs()[i], program.rhs()[i].abs()))
        .collect();
    for d in determined {
        for &(k, factor) in &d.terms {
            if let Some(k) = new_row[k] {
                let value = factor * program.rhs()[d.multiplier];
                rhs[k].0 += value;
                rhs[k].1 += value.abs();
            }
        }
    }
    let rhs = rhs.into_iter().map(|(sum, terms)| {
        if sum.abs() <= ROUNDING * terms {
            0.0
        } else {
            sum
        }
    });
    let rows = rows.rows(free.len(), blocks)?;
    Ok(Some(ConicProgram::new(
        rows,
        rhs.collect(),
        cost.rows(1, blocks)?,
    )?))
}

/// Sums of entries, and of their absolute values, by row, block and place.
#[derive(Default)]
struct Sums(HashMap<(usize, usize, usize, usize), (f64, f64)>);

impl Sums {
    fn add(&mut self, at: (usize, usize, usize, usize), value: f64) {
        let (i, b, p, q) = at;
        let slot = self.0.entry((i, b, p.min(q), p.max(q))).or_default();
        slot.0 += value;
        slot.1 += value.abs();
    }

    fn rows(self, m: usize, blocks: &[Block]) -> Result<Constraints> {
        let mut out = Constraints::builder(m, blocks)?;
        for ((i, b, p, q), (sum, terms)) in self.0 {
            if sum.abs() > ROUNDING * terms {
                out.entry(i, b, p, q, sum)?;
            }
        }
        out.build()
    }
}
