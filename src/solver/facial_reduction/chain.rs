//! Infeasibility that a chain of faces shows, tested in the program as it was stated.
//!
//! The chain starts on the whole cone. Every vector of it must be semidefinite on the face so far and have the value 0; its kernel is
//! the next face. The last vector must be semidefinite on the last face and have a value that no feasible point allows.

use crate::constraints::{Block, Constraints};
use crate::error::Result;
use crate::ipm::{Certificate, dual_certificate, primal_certificate};
use crate::linalg::{dot, max_abs, padded, product, spectral};
use crate::problem::ConicProgram;
use faer::{Accum, Mat, MatRef};

/// Eigenvalues of an exposing matrix below this share of the largest are left in the face: a larger face proves less.
const KERNEL: f64 = 1e-9;

/// A certificate, the violation of its faces relative to their terms, and that of its last vector.
pub(super) struct Tested {
    pub certificate: Certificate,
    pub faces: f64,
    pub last: f64,
}

/// Multipliers that expose faces for `x`, and `y` as a contradiction on the last. `None` when `bᵀy` is not positive beyond rounding.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::NoConvergence`](crate::Error::NoConvergence).
///
/// # Complexity
/// The eigenvectors of every block, per face.
pub(super) fn primal(
    program: &ConicProgram,
    faces: Vec<Vec<f64>>,
    y: &[f64],
) -> Result<Option<Tested>> {
    let a = program.constraints();
    let Some((plain, relative)) = primal_certificate(program, y)? else {
        return Ok(None);
    };
    let Certificate::Primal { y, .. } = &plain else {
        return Ok(None);
    };
    if faces.is_empty() {
        return Ok(Some(Tested {
            certificate: plain,
            faces: 0.0,
            last: relative,
        }));
    }
    let mut on = On::whole(a.blocks());
    let (mut worst, mut flat) = (0.0f64, vec![0.0; a.ambient()]);
    for d in &faces {
        worst = worst.max(relative_value(program.rhs(), d));
        a.adjoint(d, &mut flat)?;
        worst = worst.max(on.cut(&flat)?);
    }
    a.adjoint(y, &mut flat)?;
    flat.iter_mut().for_each(|v| *v = -*v);
    let violation = -on.least(&flat)?.min(0.0);
    let last = violation / max_abs(&flat).clamp(f64::MIN_POSITIVE, 1.0);
    let y = y.clone();
    Ok(Some(Tested {
        certificate: Certificate::PrimalFaces {
            faces,
            y,
            violation,
        },
        faces: worst,
        last,
    }))
}

/// Points that expose faces for `s`, and `x` as a contradiction on the last. `None` when `⟨c, x⟩` is not negative beyond rounding.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::NoConvergence`](crate::Error::NoConvergence).
///
/// # Complexity
/// The eigenvectors of every block, per face.
pub(super) fn dual(
    program: &ConicProgram,
    faces: Vec<Vec<f64>>,
    x: &[f64],
) -> Result<Option<Tested>> {
    let a = program.constraints();
    let Some((plain, relative)) = dual_certificate(program, x)? else {
        return Ok(None);
    };
    let Certificate::Dual { x, violation } = &plain else {
        return Ok(None);
    };
    if faces.is_empty() {
        return Ok(Some(Tested {
            certificate: plain,
            faces: 0.0,
            last: relative,
        }));
    }
    let mut on = On::whole(a.blocks());
    let mut worst = 0.0f64;
    for z in &faces {
        worst = worst.max(relative_rows(a, z)?);
        worst = worst.max(relative_rows(program.cost(), z)?);
        worst = worst.max(on.cut(z)?);
    }
    let outside = -on.least(x)?.min(0.0);
    let last = (outside / max_abs(x).clamp(f64::MIN_POSITIVE, 1.0)).max(relative_rows(a, x)?);
    let violation = violation.max(outside);
    let x = x.clone();
    Ok(Some(Tested {
        certificate: Certificate::DualFaces {
            faces,
            x,
            violation,
        },
        faces: worst,
        last,
    }))
}

/// `│bᵀd│` relative to its terms.
fn relative_value(b: &[f64], d: &[f64]) -> f64 {
    let terms: f64 = b.iter().zip(d).map(|(b, d)| (b * d).abs()).sum();
    share(dot(b, d), terms)
}

/// The largest of `│A_i z│` relative to its terms.
fn relative_rows(a: &Constraints, z: &[f64]) -> Result<f64> {
    let (mut sums, mut terms) = (vec![0.0; a.len()], vec![0.0; a.len()]);
    a.apply(z, &mut sums)?;
    for (i, b, row, col, v) in a.entries() {
        let (first, n) = (a.range(b).start, a.blocks()[b].order());
        terms[i] += match a.blocks()[b] {
            Block::Nonneg(_) => (v * z[first + row]).abs(),
            Block::Psd(_) if row == col => (v * z[first + row + col * n]).abs(),
            Block::Psd(_) => 2.0 * (v * z[first + row + col * n]).abs(),
        };
    }
    let worst = sums.iter().zip(&terms).map(|(s, t)| share(*s, *t));
    Ok(worst.fold(0.0, f64::max))
}

fn share(sum: f64, terms: f64) -> f64 {
    if sum == 0.0 { 0.0 } else { sum.abs() / terms }
}

/// A face of the cone: orthonormal columns for every matrix block, and the numbers that are left.
struct On {
    parts: Vec<OnBlock>,
}

enum OnBlock {
    Matrix(Mat<f64>),
    Numbers(Vec<bool>),
}

impl On {
    fn whole(blocks: &[Block]) -> Self {
        let parts = blocks.iter().map(|b| match *b {
            Block::Psd(n) => OnBlock::Matrix(Mat::identity(n, n)),
            Block::Nonneg(n) => OnBlock::Numbers(vec![true; n]),
        });
        Self {
            parts: parts.collect(),
        }
    }

    /// Goes to the kernel of `z` on the face; how far `z` is from being semidefinite there, relative to its largest number.
    fn cut(&mut self, z: &[f64]) -> Result<f64> {
        let (mut at, mut worst) = (0, 0.0f64);
        let size = max_abs(z).max(f64::MIN_POSITIVE);
        for part in &mut self.parts {
            match part {
                OnBlock::Matrix(q) => {
                    let n = q.nrows();
                    let seen = compressed(&z[at..at + n * n], q);
                    at += n * n;
                    if q.ncols() == 0 {
                        continue;
                    }
                    let (values, vectors) = spectral::eigen(seen.as_ref())?;
                    worst = worst.max(-values[0]);
                    let kernel = values.iter().filter(|v| **v <= KERNEL * size).count();
                    let mut next = padded::zeros(n, kernel);
                    product::gemm(
                        next.as_mut(),
                        Accum::Replace,
                        1.0,
                        q.as_ref(),
                        vectors.subcols(0, kernel),
                    );
                    *q = next;
                }
                OnBlock::Numbers(kept) => {
                    for kept in kept.iter_mut() {
                        if *kept {
                            worst = worst.max(-z[at]);
                            *kept = z[at] <= KERNEL * size;
                        }
                        at += 1;
                    }
                }
            }
        }
        Ok(worst / size)
    }

    /// The least eigenvalue of `z` on the face, or zero.
    fn least(&self, z: &[f64]) -> Result<f64> {
        let (mut at, mut least) = (0, 0.0f64);
        for part in &self.parts {
            match part {
                OnBlock::Matrix(q) => {
                    let n = q.nrows();
                    let seen = compressed(&z[at..at + n * n], q);
                    at += n * n;
                    if q.ncols() > 0 {
                        least = least.min(spectral::eigenvalues(seen.as_ref())?[0]);
                    }
                }
                OnBlock::Numbers(kept) => {
                    for kept in kept {
                        if *kept {
                            least = least.min(z[at]);
                        }
                        at += 1;
                    }
                }
            }
        }
        Ok(least)
    }
}

/// `QᵀZQ`.
fn compressed(z: &[f64], q: &Mat<f64>) -> Mat<f64> {
    let n = q.nrows();
    super::split::in_basis(MatRef::from_column_major_slice(z, n, n), q.as_ref())
}
