//! Programs whose feasible points lie on a face of the cone, and the program on that face.
//!
//! When no feasible `X` is positive definite there are multipliers `d` with `Z = Aᵀd ⪰ 0`, `bᵀd = 0` and `Z ≠ 0`[^BW81]: then
//! `⟨X, Z⟩ = bᵀd = 0`, so that every feasible `X` lives on the kernel of `Z`: `X = B X' Bᵀ` for a basis `B` of it. The program
//! in `X'` has rows `BᵀA_iB`, of which many come to depend on others, and the same optimum; multipliers of the program itself
//! are unbounded along `−d`, and an interior-point method loses its digits there.
//!
//! [^BW81]: Borwein, Wolkowicz. Facial reduction for a cone-convex programming problem. J. Austral. Math. Soc. 30, 1981.

use super::basis::Basis;
use super::split::{Part, Split};
use crate::constraints::{Block, Constraints};
use crate::error::{Result, check_shape};
use crate::linalg::padded;
use crate::linalg::spectral;
use crate::problem::ConicProgram;

/// Entries of `BᵀA_iB` below this share of the terms they are sums of are rounding.
const ROUNDING: f64 = 1e-13;

/// Where one block went.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub basis: Basis,
    /// Block of the smaller program, unless nothing is left.
    pub to: Option<usize>,
}

impl Place {
    /// Appends what is left of a block to the blocks of the smaller program.
    pub(super) fn new(basis: Basis, block: &Block, blocks: &mut Vec<Block>) -> Self {
        let to = (basis.columns > 0).then_some(blocks.len());
        if to.is_some() {
            blocks.push(match block {
                Block::Psd(_) => Block::Psd(basis.columns),
                Block::Nonneg(_) => Block::Nonneg(basis.columns),
            });
        }
        Self { basis, to }
    }
}

/// A program on the face that the kernel of one `Z` spans.
#[derive(Debug, Clone)]
pub(crate) struct Face {
    blocks: Vec<Block>,
    places: Vec<Place>,
    program: ConicProgram,
}

impl Face {
    /// # Errors
    /// Those of [`ConicProgram::new`].
    ///
    /// # Complexity
    /// With `R` the rank of `Z` on a block, `2R²n` flops for the basis; for every nonzero of a row the product of the
    /// nonzeros of two rows of `B`.
    pub(crate) fn new(program: &ConicProgram, split: &Split) -> Result<Self> {
        let a = program.constraints();
        let (mut blocks, mut places) = (vec![], vec![]);
        for (block, part) in a.blocks().iter().zip(&split.parts) {
            let basis = match part {
                Part::Matrix { vectors, kernel } => {
                    let n = vectors.nrows();
                    Basis::of_kernel(vectors.as_ref().subcols(*kernel, n - kernel))
                }
                Part::Numbers { kernel } => Basis::of_numbers(kernel),
            };
            places.push(Place::new(basis, block, &mut blocks));
        }
        let rows = congruent(a, &places, &blocks)?;
        let cost = congruent(program.cost(), &places, &blocks)?;
        Ok(Self {
            blocks: a.blocks().to_vec(),
            places,
            program: ConicProgram::new(rows, program.rhs().to_vec(), cost)?,
        })
    }

    /// The span of `B` as a kernel.
    ///
    /// # Errors
    /// [`Error::NoConvergence`](crate::Error::NoConvergence).
    ///
    /// # Complexity
    /// The eigenvectors of every block.
    pub(crate) fn split(&self) -> Result<Split> {
        let mut parts = vec![];
        for (block, Place { basis, .. }) in self.blocks.iter().zip(&self.places) {
            parts.push(match *block {
                Block::Nonneg(_) => Part::Numbers {
                    kernel: basis.rows.iter().map(|row| !row.is_empty()).collect(),
                },
                Block::Psd(n) => {
                    let mut minus = padded::zeros(n, n);
                    let mut dense = vec![0.0; basis.columns];
                    for (j, row) in basis.rows.iter().enumerate() {
                        row.iter().for_each(|&(a, v)| dense[a as usize] = v);
                        for (i, other) in basis.rows.iter().enumerate() {
                            let terms = other.iter().map(|&(a, v)| v * dense[a as usize]);
                            minus[(i, j)] = -terms.sum::<f64>();
                        }
                        row.iter().for_each(|&(a, _)| dense[a as usize] = 0.0);
                    }
                    // −BBᵀ: what B spans comes first.
                    let (_, vectors) = spectral::eigen(minus.as_ref())?;
                    Part::Matrix {
                        vectors,
                        kernel: basis.columns,
                    }
                }
            });
        }
        Ok(Split { parts })
    }

    /// The program on the face: as many rows as the original.
    pub(crate) fn program(&self) -> &ConicProgram {
        &self.program
    }

    /// `X = B X' Bᵀ`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    pub(crate) fn primal(&self, x: &[f64]) -> Result<Vec<f64>> {
        let places: Vec<&Place> = self.places.iter().collect();
        expand(&self.blocks, &places, self.program.constraints(), x)
    }
}

/// `B X' Bᵀ` on every block, for `X'` over the blocks of `small`.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape).
pub(super) fn expand(
    blocks: &[Block],
    places: &[&Place],
    small: &Constraints,
    x: &[f64],
) -> Result<Vec<f64>> {
    check_shape("x on the face", (small.ambient(), 1), (x.len(), 1))?;
    let mut out = vec![];
    for (block, place) in blocks.iter().zip(places) {
        let start = out.len();
        out.resize(start + block.ambient(), 0.0);
        let Some(to) = place.to else { continue };
        let (x, out) = (&x[small.range(to)], &mut out[start..]);
        let rows = &place.basis.rows;
        match *block {
            Block::Nonneg(_) => {
                for (out, row) in out.iter_mut().zip(rows) {
                    row.iter().for_each(|&(a, v)| *out = v * x[a as usize]);
                }
            }
            Block::Psd(n) => {
                let r = place.basis.columns;
                // X' Bᵀ a column at a time, and B times it.
                let mut half = vec![0.0; r];
                for (j, row) in rows.iter().enumerate() {
                    half.fill(0.0);
                    for &(a, v) in row {
                        let column = &x[a as usize * r..][..r];
                        crate::linalg::axpy(v, column, &mut half);
                    }
                    for (i, other) in rows.iter().enumerate().take(j + 1) {
                        let v = other.iter().map(|&(a, v)| v * half[a as usize]).sum();
                        (out[i + j * n], out[j + i * n]) = (v, v);
                    }
                }
            }
        }
    }
    Ok(out)
}

/// `BᵀA_iB` for every row.
fn congruent(a: &Constraints, places: &[Place], blocks: &[Block]) -> Result<Constraints> {
    if blocks.is_empty() {
        return Constraints::builder(a.len(), blocks)?.build();
    }
    let mut out = Constraints::builder(a.len(), blocks)?;
    let orders: Vec<usize> = places.iter().map(|p| p.basis.columns).collect();
    let largest = orders.iter().copied().max().unwrap_or(0);
    // Sums and sums of absolute values in the upper triangle, and where there are any.
    let mut sums = vec![(0.0, 0.0); largest * largest];
    let mut touched: Vec<(usize, usize)> = vec![];
    let mut row_of: Option<(usize, usize)> = None;
    let mut flush =
        |i: usize, b: usize, sums: &mut [(f64, f64)], touched: &mut Vec<(usize, usize)>| {
            for (p, q) in touched.drain(..) {
                let (sum, terms): (f64, f64) = std::mem::take(&mut sums[p + q * largest]);
                if let Some(to) = places[b].to
                    && sum.abs() > ROUNDING * terms
                {
                    out.entry(i, to, p, q, sum)?;
                }
            }
            Ok::<(), crate::Error>(())
        };
    for (i, b, row, col, value) in a.entries() {
        if row_of != Some((i, b)) {
            if let Some((i, b)) = row_of {
                flush(i, b, &mut sums, &mut touched)?;
            }
            row_of = Some((i, b));
        }
        let rows = &places[b].basis.rows;
        let mut add = |p: u32, q: u32, v: f64| {
            let (p, q) = (p.min(q) as usize, p.max(q) as usize);
            let sum = &mut sums[p + q * largest];
            if sum.1 == 0.0 {
                touched.push((p, q));
            }
            sum.0 += v;
            sum.1 += v.abs();
        };
        for &(p, u) in &rows[row] {
            // On the diagonal (p, q) and (q, p) are one entry.
            for &(q, v) in rows[col].iter().filter(|e| row != col || e.0 >= p) {
                let twice = row != col && p == q;
                add(p, q, value * u * v * if twice { 2.0 } else { 1.0 });
            }
        }
    }
    if let Some((i, b)) = row_of {
        flush(i, b, &mut sums, &mut touched)?;
    }
    out.build()
}

/// `max λ` subject to `A X = b`, `X − λI ∈ K`, as a conic program in `X − λI` and `λ + size ≥ 0`, a number of its own: with an
/// interior on both sides where feasible sets are bounded, whatever the interior of the program itself.
///
/// Where `λ = 0` is the best, its multipliers are `−d`, with `Aᵀd ∈ K`, `bᵀd = 0` and trace one[^CSW13], and of largest rank, as
/// interior-point methods find them. The optimal value is `−size − λ`.
///
/// [^CSW13]: Cheung, Schurr, Wolkowicz. Preprocessing and regularization for degenerate semidefinite programs. 2013.
///
/// # Errors
/// [`Error::TooLarge`](crate::Error::TooLarge).
///
/// # Complexity
/// A sort of the nonzeros.
pub(crate) fn auxiliary(program: &ConicProgram, size: f64) -> Result<ConicProgram> {
    let a = program.constraints();
    let mut blocks = a.blocks().to_vec();
    let last = blocks.len();
    blocks.push(Block::Nonneg(1));
    let mut rows = Constraints::builder(a.len(), &blocks)?;
    let mut trace = vec![0.0; a.len()];
    for (i, b, row, col, value) in a.entries() {
        rows.entry(i, b, row, col, value)?;
        if row == col {
            trace[i] += value;
        }
    }
    let mut rhs = program.rhs().to_vec();
    for (i, t) in trace.iter().enumerate() {
        rows.entry(i, last, 0, 0, *t)?;
        rhs[i] += size * t;
    }
    let mut cost = Constraints::builder(1, &blocks)?;
    cost.entry(0, last, 0, 0, -1.0)?;
    ConicProgram::new(rows.build()?, rhs, cost.build()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::dot;

    fn value(k: usize) -> f64 {
        ((k * k + 3 * k) as f64).sin()
    }

    /// A program over a matrix of order 7 and three numbers, and a point whose kernel is spanned by four vectors and a number.
    fn program() -> (ConicProgram, Vec<f64>) {
        let blocks = [Block::Psd(7), Block::Nonneg(3)];
        let mut a = Constraints::builder(5, &blocks).unwrap();
        for i in 0..5 {
            for col in 0..7 {
                let row = (i + 2 * col) % (col + 1);
                a.entry(i, 0, row, col, value(7 * i + col)).unwrap();
            }
            a.entry(i, 1, i % 3, i % 3, value(i)).unwrap();
        }
        let mut c = Constraints::builder(1, &blocks).unwrap();
        c.entry(0, 0, 0, 6, 2.0)
            .unwrap()
            .entry(0, 0, 3, 3, 1.0)
            .unwrap();
        let program = ConicProgram::new(a.build().unwrap(), vec![1.0; 5], c.build().unwrap());
        let mut z = vec![0.0; 52];
        for k in 0..3 {
            for j in 0..7 {
                for i in 0..7 {
                    z[i + 7 * j] += value(7 * k + i) * value(7 * k + j);
                }
            }
        }
        (z[49], z[51]) = (1.0, 0.5);
        (program.unwrap(), z)
    }

    #[test]
    fn rows_on_a_face_read_what_the_rows_read() {
        let (program, z) = program();
        let split = Split::new(program.constraints().blocks(), &z).unwrap();
        let face = Face::new(&program, &split.unwrap()).unwrap();
        let small = face.program();
        assert_eq!(
            small.constraints().blocks(),
            [Block::Psd(4), Block::Nonneg(1)]
        );
        // Any symmetric point of the face.
        let mut x: Vec<f64> = (0..17).map(value).collect();
        (0..4).for_each(|j| (0..j).for_each(|i| x[j + 4 * i] = x[i + 4 * j]));
        let lifted = face.primal(&x).unwrap();
        assert!(dot(&lifted, &z).abs() < 1e-13);
        let (mut here, mut there) = (vec![0.0; 5], vec![0.0; 5]);
        small.constraints().apply(&x, &mut here).unwrap();
        program.constraints().apply(&lifted, &mut there).unwrap();
        assert!(
            (0..5).all(|i| (here[i] - there[i]).abs() < 1e-13),
            "{here:?} {there:?}"
        );
        let (mut here, mut there) = ([0.0], [0.0]);
        small.cost().apply(&x, &mut here).unwrap();
        program.cost().apply(&lifted, &mut there).unwrap();
        assert!((here[0] - there[0]).abs() < 1e-13);
        // What B spans is the kernel, and nothing is wrong with it.
        assert!(face.split().unwrap().excess(&z, 1e-4).1 < 1e-14);
    }

    #[test]
    fn a_kernel_that_is_another_shows() {
        let (program, mut z) = program();
        let blocks = program.constraints().blocks();
        let split = Split::new(blocks, &z).unwrap().unwrap();
        assert!(split.excess(&z, 1e-4).1 < 1e-14);
        z[0] += 1e-6;
        assert!(split.excess(&z, 1e-4).1 > 1e-8);
        z[0] -= 1e-6;
        z[50] = 1e-6;
        assert!(split.excess(&z, 1e-4).1 > 1e-8);
        assert!(Split::new(blocks, &vec![0.0; 52]).unwrap().is_none());
    }
}
