//! Random conic programs whose optimum, or whose certificate of infeasibility, is known.

use super::random_rows::{Rows, normal, one_to_two, spectral};
use crate::constraints::{Block, Constraints};
use crate::error::{Result, check_shape, invalid_setting};
use crate::problem::ConicProgram;
use crate::random::{Lane, Seed};
use rand_chacha::ChaCha20Rng;

/// The size and the shape of a random program.
///
/// | name | default | purpose | range |
/// | --- | --- | --- | --- |
/// | `m` | given | number of constraints | `1 ..= dim − 1` (`dim` for [`Recipe::primal_infeasible`]), `dim` the number of free entries: `n(n+1)/2` per matrix block, `n` per nonnegative block |
/// | `blocks` | given | the cone | one or more |
/// | `ranks` | half of each order, rounded up | rank of each block of the optimal `x`; for a nonnegative block, its number of positive entries | `0 ..= order`, not all 0 |
/// | `entries` | `None` | nonzeros of a random row, over all blocks and in one triangle; `None` for dense rows | `2 ..` |
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recipe {
    /// Number of constraints.
    pub m: usize,
    /// The cone.
    pub blocks: Vec<Block>,
    /// Rank of each block of the optimal `x`; only [`Recipe::known_optimum`] uses it.
    pub ranks: Vec<usize>,
    /// Nonzeros of a random row; `None` for dense rows.
    pub entries: Option<usize>,
}

/// A program with a strictly complementary optimal pair.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KnownOptimum {
    /// The program.
    pub program: ConicProgram,
    /// The optimal value, of primal and dual.
    pub value: f64,
    /// An optimal `x`, length `N`.
    pub x: Vec<f64>,
    /// An optimal `y`, length `m`.
    pub y: Vec<f64>,
    /// The slack `s = c − Aᵀy`, length `N`.
    pub s: Vec<f64>,
    /// A strictly feasible `x`, length `N`.
    pub interior: Vec<f64>,
}

/// A program without a feasible `x`, and its certificate.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PrimalInfeasible {
    /// The program. Its dual is strictly feasible, hence unbounded.
    pub program: ConicProgram,
    /// Farkas certificate, length `m`: `bᵀy = 1` and `−Aᵀy` in the interior of `K`.
    pub y: Vec<f64>,
}

/// A program without a feasible `y`, and its certificate.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DualInfeasible {
    /// The program. Its primal is strictly feasible, hence unbounded.
    pub program: ConicProgram,
    /// A ray, length `N`: `A x = 0`, `⟨c, x⟩ = −1`, and `x` in the interior of `K`.
    pub x: Vec<f64>,
}

impl Recipe {
    /// A recipe with dense rows, and with ranks of half the orders.
    pub fn new(m: usize, blocks: &[Block]) -> Self {
        Self {
            m,
            blocks: blocks.to_vec(),
            ranks: blocks.iter().map(|b| b.order().div_ceil(2)).collect(),
            entries: None,
        }
    }

    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`](crate::Error::InvalidSetting), [`Error::Shape`](crate::Error::Shape) unless there is one rank per
    /// block, and [`Error::TooLarge`](crate::Error::TooLarge).
    pub fn validate(&self) -> Result<()> {
        self.check(1).map(drop)
    }

    /// A program with known optimal value.
    ///
    /// `x*` and `s*` share their eigenvectors, which are uniformly random orthogonal matrices. The nonzero eigenvalues lie in
    /// `[1, 2)`: those of `x*` belong to as many eigenvectors as the rank says, those of `s*` to all others, so that the pair is
    /// strictly complementary. `y*` is Gaussian, `b = A x*`, `c = Aᵀy* + s*`. The optimum need not be unique.
    ///
    /// Both sides are strictly feasible. Row 0 is the identity, so that `y* − t e_0` has the slack `s* + t I`; it also bounds the
    /// primal set. All other rows are orthogonal to `x̂ − x*`, where `x̂` ([`KnownOptimum::interior`]) is a point of the
    /// interior with the trace of `x*`. The rows are linearly independent: dense rows with probability one, sparse rows because
    /// each has a position where all other rows, except perhaps row 0, are zero.
    ///
    /// # Errors
    /// As [`Recipe::validate`].
    ///
    /// # Complexity
    /// `O(n³)` per matrix block of order `n`, and `O(N)` (sparse) or `O(m N)` (dense) for the rows.
    pub fn known_optimum(&self, seed: Seed) -> Result<KnownOptimum> {
        let mut rows = Rows::new(&self.blocks, self.check(1)?);
        let mut rng = stream(seed, 0);
        // The optimal pair, and a point of the interior with the trace of the optimal x.
        let (mut x, mut s, mut interior) = (vec![], vec![], vec![]);
        for (block, &rank) in self.blocks.iter().zip(&self.ranks) {
            let spectrum: Vec<_> = (0..block.order())
                .map(|k| {
                    let [value, inside] = [(); 2].map(|()| one_to_two(&mut rng));
                    if k < rank {
                        [value, 0.0, inside]
                    } else {
                        [0.0, value, inside]
                    }
                })
                .collect();
            let [optimal, slack, inside] = spectral(&mut rng, *block, &spectrum);
            x.extend(optimal);
            s.extend(slack);
            interior.extend(inside);
        }
        let shrink = rows.trace(&x) / rows.trace(&interior);
        interior.iter_mut().for_each(|v| *v *= shrink);
        let direction: Vec<_> = interior.iter().zip(&x).map(|(v, x)| v - x).collect();

        // The identity as row 0, and random rows orthogonal to the way from the optimum to the interior.
        let mut a = Constraints::builder(self.m, &self.blocks)?;
        for (b, block) in self.blocks.iter().enumerate() {
            for k in 0..block.order() {
                a.entry(0, b, k, k, 1.0)?;
            }
        }
        rows.random(
            &mut rng,
            &mut a,
            1..self.m,
            1,
            self.entries,
            Some(&direction),
        )?;
        let a = a.build()?;
        // Right-hand side and cost follow from the optimality conditions.
        let y: Vec<_> = (0..self.m).map(|_| normal(&mut rng)).collect();
        let mut b = vec![0.0; self.m];
        a.apply(&x, &mut b)?;
        let value = dot(&b, &y);
        let c = rows.row(&plus_adjoint(&a, &y, &s)?)?;
        let program = ConicProgram::new(a, b, c)?;
        Ok(KnownOptimum {
            program,
            value,
            x,
            y,
            s,
            interior,
        })
    }

    /// A program without a feasible `x`, and its certificate.
    ///
    /// All rows except the last are random. The last row is dense: it makes `Σ y_i A_i` the negative of a matrix with eigenvalues
    /// in `[1, 2)`, or of a vector with entries there. The right-hand side is random with `bᵀy = 1`. The dual is
    /// strictly feasible: `c = Aᵀy' + s'` with `s'` in the interior. Rows are linearly independent as in
    /// [`Recipe::known_optimum`].
    ///
    /// # Errors
    /// As [`Recipe::validate`].
    ///
    /// # Complexity
    /// As [`Recipe::known_optimum`].
    pub fn primal_infeasible(&self, seed: Seed) -> Result<PrimalInfeasible> {
        let mut rows = Rows::new(&self.blocks, self.check(0)?);
        let mut rng = stream(seed, 1);
        let last = self.m - 1;
        let mut builder = Constraints::builder(self.m, &self.blocks)?;
        rows.random(&mut rng, &mut builder, 0..last, 1, self.entries, None)?;
        let mut y: Vec<_> = (0..self.m).map(|_| normal(&mut rng)).collect();
        y[last] = one_to_two(&mut rng);
        let sum = plus_adjoint(
            &builder.clone().build()?,
            &y,
            &interior(&mut rng, &self.blocks),
        )?;
        let closing: Vec<_> = sum.iter().map(|v| -v / y[last]).collect();
        rows.push(&mut builder, last, &closing)?;
        let a = builder.build()?;
        let mut b: Vec<_> = (0..self.m).map(|_| normal(&mut rng)).collect();
        let shift = (1.0 - dot(&b, &y)) / dot(&y, &y);
        b.iter_mut().zip(&y).for_each(|(b, y)| *b += shift * y);
        let inside: Vec<_> = (0..self.m).map(|_| normal(&mut rng)).collect();
        let c = rows.row(&plus_adjoint(
            &a,
            &inside,
            &interior(&mut rng, &self.blocks),
        )?)?;
        let program = ConicProgram::new(a, b, c)?;
        Ok(PrimalInfeasible { program, y })
    }

    /// A program without a feasible `y`, and its certificate.
    ///
    /// All rows are orthogonal to a ray with eigenvalues, or entries, in `[1, 2)`, along which the random cost falls. The primal is strictly feasible: `b = A x'` with `x'` in the interior. Rows are linearly
    /// independent as in [`Recipe::known_optimum`].
    ///
    /// # Errors
    /// As [`Recipe::validate`].
    ///
    /// # Complexity
    /// As [`Recipe::known_optimum`].
    pub fn dual_infeasible(&self, seed: Seed) -> Result<DualInfeasible> {
        let mut rows = Rows::new(&self.blocks, self.check(1)?);
        let mut rng = stream(seed, 2);
        let x = interior(&mut rng, &self.blocks);
        let mut a = Constraints::builder(self.m, &self.blocks)?;
        rows.random(&mut rng, &mut a, 0..self.m, 0, self.entries, Some(&x))?;
        let a = a.build()?;
        let mut b = vec![0.0; self.m];
        a.apply(&interior(&mut rng, &self.blocks), &mut b)?;
        let mut c = rows.symmetric(&mut rng);
        let shift = (-1.0 - dot(&c, &x)) / dot(&x, &x);
        c.iter_mut().zip(&x).for_each(|(c, x)| *c += shift * x);
        let program = ConicProgram::new(a, b, rows.row(&c)?)?;
        Ok(DualInfeasible { program, x })
    }

    /// Checks all fields, and that `m ≤ dim − spare`; returns `dim`.
    fn check(&self, spare: usize) -> Result<usize> {
        Constraints::builder(self.m, &self.blocks)?;
        let dim = self.blocks.iter().map(|b| match *b {
            Block::Psd(n) => n * (n + 1) / 2,
            Block::Nonneg(n) => n,
        });
        let dim: usize = dim.sum();
        if self.m == 0 || self.m + spare > dim {
            let most = dim.saturating_sub(spare);
            let reason = format!(
                "expected 1 to {most} rows over these blocks, found {}",
                self.m
            );
            return invalid_setting("m", reason);
        }
        if let Some(k @ 0..2) = self.entries {
            return invalid_setting("entries", format!("expected at least 2, found {k}"));
        }
        check_shape("ranks", (self.blocks.len(), 1), (self.ranks.len(), 1))?;
        for (rank, block) in self.ranks.iter().zip(&self.blocks) {
            if *rank > block.order() {
                let reason = format!("expected at most {}, found {rank}", block.order());
                return invalid_setting("ranks", reason);
            }
        }
        if self.ranks.iter().all(|&r| r == 0) {
            return invalid_setting("ranks", "expected a rank above 0, found only 0");
        }
        Ok(dim)
    }
}

/// The stream of one kind of program.
fn stream(seed: Seed, kind: u32) -> ChaCha20Rng {
    seed.stream(Lane::GENERATOR, kind, 0)
}

/// A point of the interior with eigenvalues, or entries, in `[1, 2)`.
fn interior(rng: &mut ChaCha20Rng, blocks: &[Block]) -> Vec<f64> {
    let mut point = Vec::new();
    for block in blocks {
        let spectrum: Vec<_> = (0..block.order()).map(|_| [one_to_two(rng)]).collect();
        let [part] = spectral(rng, *block, &spectrum);
        point.extend(part);
    }
    point
}

/// `Aᵀy + s`.
fn plus_adjoint(a: &Constraints, y: &[f64], s: &[f64]) -> Result<Vec<f64>> {
    let mut sum = vec![0.0; a.ambient()];
    a.adjoint(y, &mut sum)?;
    sum.iter_mut().zip(s).for_each(|(sum, s)| *sum += s);
    Ok(sum)
}

/// `uᵀv`, summed from left to right: another order would round the generated programs differently.
fn dot(u: &[f64], v: &[f64]) -> f64 {
    u.iter().zip(v).map(|(u, v)| u * v).sum()
}
