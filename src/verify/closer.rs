//! Points whose residual is made up for in their own metric, which keeps them in the cone.
//!
//! The least correction in the metric of `X` itself, `X (Aᵀz) X` with `A(X (Aᵀz) X) = b − A x`, moves every eigenvalue in proportion to its
//! size. In floating point, as a candidate: what is proved of it is proved elsewhere.

use crate::constraints::{Block, BlockWeight};
use crate::error::Result;
use crate::linalg::norm;
use crate::problem::{ConicProgram, Reduced};
use crate::projection::{Auto, Goal, Projection};
use faer::{Mat, MatMut, MatRef};

/// Corrections with one factor; each leaves of the residual what rounding makes of it.
const CORRECTIONS: usize = 3;

/// Relative residual that the solves are refined to.
const SOLVE_TOLERANCE: f64 = 1e-10;

/// The structure that answers for one program.
pub(super) struct Closer {
    reduced: Reduced,
    engine: Auto,
}

impl Closer {
    pub(super) fn new(program: &ConicProgram) -> Result<Self> {
        let reduced = Reduced::new(program)?;
        let engine = Auto::new(reduced.program().constraints().clone())?;
        Ok(Self { reduced, engine })
    }

    /// The corrected point; `None` where `x` is not in the interior of the cone, or nothing was gained.
    ///
    /// # Complexity
    /// A factorisation of the Gram matrix with weight `X`.
    pub(super) fn closer(&mut self, b: &[f64], x: &[f64]) -> Option<Vec<f64>> {
        let scaled = b.iter().any(|v| *v != 0.0);
        let small = self.reduced.program();
        let a = small.constraints().clone();
        let zeros = (vec![0.0; b.len()], vec![0.0; x.len()]);
        let [x, _, _] = self.reduced.restrict(x, &zeros.0, &zeros.1).ok()?;
        // A ray has the right-hand side 0, in any units.
        let target = if scaled {
            small.rhs().to_vec()
        } else {
            vec![0.0; a.len()]
        };
        let matrix = |b: usize, n: usize| {
            let part = MatRef::from_column_major_slice(&x[a.range(b)], n, n);
            Mat::from_fn(n, n, |i, j| part[(i.max(j), i.min(j))])
        };
        let matrices: Vec<Option<Mat<f64>>> = a
            .blocks()
            .iter()
            .enumerate()
            .map(|(b, block)| match *block {
                Block::Psd(n) => Some(matrix(b, n)),
                Block::Nonneg(_) => None,
            })
            .collect();
        let weights: Vec<BlockWeight<'_>> = matrices
            .iter()
            .enumerate()
            .map(|(b, m)| match m {
                Some(m) => BlockWeight::Psd(m.as_ref()),
                None => BlockWeight::Nonneg(&x[a.range(b)]),
            })
            .collect();
        self.engine.update(&weights).ok()?;
        let mut point = x.clone();
        let (mut ax, mut step) = (vec![0.0; a.len()], vec![0.0; x.len()]);
        let mut before = f64::INFINITY;
        for _ in 0..=CORRECTIONS {
            a.apply(&point, &mut ax).ok()?;
            let mut z: Vec<f64> = target.iter().zip(&ax).map(|(b, ax)| b - ax).collect();
            let now = norm(&z);
            if !(now < 0.5 * before) {
                break;
            }
            before = now;
            let rows = z.len();
            let rhs = MatMut::from_column_major_slice_mut(&mut z, rows, 1);
            self.engine
                .solve(rhs, Goal::Residual(SOLVE_TOLERANCE))
                .ok()?;
            a.adjoint(&z, &mut step).ok()?;
            for (b, m) in matrices.iter().enumerate() {
                let part = &mut step[a.range(b)];
                match m {
                    Some(m) => {
                        let n = m.nrows();
                        let sum = MatRef::from_column_major_slice(&*part, n, n).to_owned();
                        let moved = m * (sum * m);
                        for j in 0..n {
                            for i in 0..n {
                                part[i + j * n] = 0.5 * (moved[(i, j)] + moved[(j, i)]);
                            }
                        }
                    }
                    None => part
                        .iter_mut()
                        .zip(&x[a.range(b)])
                        .for_each(|(s, x)| *s *= x * x),
                }
            }
            point.iter_mut().zip(&step).for_each(|(p, s)| *p += s);
        }
        self.reduced.primal(&point).ok()
    }
}
