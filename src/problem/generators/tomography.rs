//! Tomography of quantum states.

use super::sample::sample;
use crate::constraints::{Block, Constraints};
use crate::error::{Result, check_range, check_shape};
use crate::problem::SemidefiniteProgram;
use crate::random::{Lane, Seed};
use rand_distr::{Distribution, StandardNormal};

/// A quantum state, and the program that recovers it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Tomography {
    /// The program; [`Tomography::recovered`] reads the state off its dual matrix.
    pub program: SemidefiniteProgram,
    /// Dimension `d = 2^qubits` of the state.
    pub dimension: usize,
    /// Real part of the state, `d × d`, column by column.
    pub real: Vec<f64>,
    /// Imaginary part of the state, column by column.
    pub imaginary: Vec<f64>,
    /// Measured Pauli operators: two bits per qubit, 0 to 3 for `I, X, Y, Z`, lowest bits for the first qubit.
    pub paulis: Vec<usize>,
}

impl Tomography {
    /// Real and imaginary part of the state that a flat primal `x` of [`SemidefiniteProgram::conic`] holds. The embedding stores
    /// every number twice; this is the mean of the two.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    pub fn recovered(&self, x: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        let d = self.dimension;
        check_shape("x", (4 * d * d, 1), (x.len(), 1))?;
        let at = |i: usize, j: usize| x[i + 2 * d * j];
        let (mut real, mut imaginary) = (vec![0.0; d * d], vec![0.0; d * d]);
        for j in 0..d {
            for i in 0..d {
                real[i + d * j] = 0.5 * (at(i, j) + at(d + i, d + j));
                imaginary[i + d * j] = 0.5 * (at(d + i, j) - at(i, d + j));
            }
        }
        Ok((real, imaginary))
    }
}

/// A random state `ρ ∈ C^{d×d}` of rank `rank` on `qubits` qubits, `d = 2^qubits`, and the program that recovers it from the exact
/// expectations of `measured` random Pauli operators other than the identity: `min tr ρ` subject to `tr(P_k ρ) = b_k`,
/// `ρ ⪰ 0`[^GLFBE10].
///
/// The Hermitian `ρ = R + iJ` is embedded as the real `[[R, −J], [J, R]]` of order `2d`, whose rank is twice that of `ρ`. The
/// program does not ask for that form. Averaging a solution to that form costs nothing, and points of the central path have it
/// already.
///
/// As an SDPA file states it: `F_0 = −I/2`, `F_k` half the embedding of `P_k`. With all `4^qubits − 1` operators the optimum is `ρ` itself,
/// with value −1. With high probability, `rank · d` times logarithms of them are enough.
///
/// ```
/// let state = dyncvx::problem::generators::tomography(1, 1, 3, 1.into())?;
/// assert_eq!((state.dimension, &state.paulis[..]), (2, &[1, 2, 3][..]));
/// assert!((state.real[0] + state.real[3] - 1.0).abs() < 1e-15);
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidSetting`](crate::Error::InvalidSetting) unless there are 1 to 10 qubits, a rank of 1 to `d` and 1 to `4^qubits − 1` operators.
///
/// # Complexity
/// `O(d measured + d² rank)`.
///
/// [^GLFBE10]: Gross, Liu, Flammia, Becker, Eisert. Quantum state tomography via compressed sensing. Physical Review Letters 105, 2010.
pub fn tomography(qubits: u32, rank: usize, measured: usize, seed: Seed) -> Result<Tomography> {
    check_range("qubits", 1..=10, qubits as usize)?;
    let d = 1usize << qubits;
    check_range("rank", 1..=d, rank)?;
    check_range("measured", 1..=d * d - 1, measured)?;
    let mut rng = seed.stream(Lane::GENERATOR, 0, 0);
    let mut factor = || -> Vec<f64> {
        (0..d * rank)
            .map(|_| StandardNormal.sample(&mut rng))
            .collect()
    };
    let (u, v) = (factor(), factor());
    // The state (u + iv)(u + iv)ᴴ, scaled to trace 1.
    let trace: f64 = u.iter().chain(&v).map(|x| x * x).sum();
    let (mut real, mut imaginary) = (vec![0.0; d * d], vec![0.0; d * d]);
    for t in 0..rank {
        let (u, v) = (&u[t * d..(t + 1) * d], &v[t * d..(t + 1) * d]);
        for j in 0..d {
            for i in 0..d {
                real[i + d * j] += (u[i] * u[j] + v[i] * v[j]) / trace;
                imaginary[i + d * j] += (v[i] * u[j] - u[i] * v[j]) / trace;
            }
        }
    }
    // Operators other than the identity, which has index 0.
    let paulis: Vec<usize> = sample(d * d - 1, measured, &mut rng)
        .into_iter()
        .map(|k| k + 1)
        .collect();
    // One row per operator; its entries and its expectation come from the one nonzero per row of the operator.
    let blocks = [Block::Psd(2 * d)];
    let mut constant = Constraints::builder(1, &blocks)?;
    for k in 0..2 * d {
        constant.entry(0, 0, k, k, -0.5)?;
    }
    let mut matrices = Constraints::builder(measured, &blocks)?;
    let mut costs = Vec::with_capacity(measured);
    for (row, &pauli) in paulis.iter().enumerate() {
        let mut value = 0.0;
        for i in 0..d {
            let (j, part, imaginary_entry) = entry(qubits, pauli, i);
            if imaginary_entry {
                value += part * imaginary[i + d * j];
                matrices.entry(row, 0, i, d + j, -0.5 * part)?;
            } else {
                value += part * real[i + d * j];
                if i <= j {
                    matrices.entry(row, 0, i, j, 0.5 * part)?.entry(
                        row,
                        0,
                        d + i,
                        d + j,
                        0.5 * part,
                    )?;
                }
            }
        }
        costs.push(value);
    }
    let program = SemidefiniteProgram::new(costs, matrices.build()?, constant.build()?)?;
    Ok(Tomography {
        program,
        dimension: d,
        real,
        imaginary,
        paulis,
    })
}

/// The nonzero in row `i` of a Pauli operator: its column, its value, and whether the value is imaginary.
fn entry(qubits: u32, pauli: usize, i: usize) -> (usize, f64, bool) {
    // The value is this power of the imaginary unit.
    let (mut j, mut power) = (i, 0u32);
    for q in 0..qubits {
        let bit = i >> q & 1;
        match pauli >> (2 * q) & 3 {
            1 => j ^= 1 << q,
            2 => {
                j ^= 1 << q;
                power += if bit == 0 { 3 } else { 1 };
            }
            3 => power += 2 * bit as u32,
            _ => {}
        }
    }
    let value = if power % 4 < 2 { 1.0 } else { -1.0 };
    (j, value, power % 2 == 1)
}
