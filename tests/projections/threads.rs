//! The number of threads changes no bit of what the library reduces itself.
//!
//! faer's matrix products, triangular solves and Cholesky factorisation are reproducible too; its symmetric
//! eigensolver is not, so where that enters (symmetric roots for `B h` and `Bᵀ y`, changes found rather than told, drifts of dense
//! weights) answers agree to `1e-11` instead.
#![cfg(feature = "rayon")]

use crate::common::*;
use dyncvx::constraints::{Basis, Block, BlockWeight, Constraints};
use dyncvx::projection::kronecker::{LowRank, Policy, Precision, Rates, Settings};
use dyncvx::projection::{Goal, Kronecker, Projection, Recompute, Refresh};
use faer::Mat;

fn with_threads<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(f)
}

fn bits(m: &Mat<f64>) -> Vec<u64> {
    (0..m.ncols())
        .flat_map(|j| m.col(j).iter().map(|v| v.to_bits()))
        .collect()
}

/// Sizes at which the kernels do share their work.
const N: usize = 40;
const M: usize = 700;

fn settings(precision: Precision) -> Settings {
    let mut settings = Settings::default();
    settings.policy = Policy::Absorb;
    settings.precision = precision;
    settings.buffer = Some(150);
    // Decisions that no clock has a say in.
    settings.rates = Some(Rates::new(1.0, 1.0, 1e-3, 1e-3, 1e-9, 1e-9, 1.0));
    settings
}

/// Everything answered along one script of changes that are told, one-sided or by eigenvalues: no eigensolver enters.
fn told(entries: usize, spectral: bool, precision: Precision) -> Vec<Vec<u64>> {
    let a = Constraints::independent(M, &[Block::Psd(N)], entries, 2.into()).unwrap();
    let mut rng = rng(5);
    let w = positive(N, &mut rng);
    let basis = Basis::dense(gaussian(N, N, &mut rng).qr().compute_Q().as_ref()).unwrap();
    let mut eigenvalues: Vec<f64> = (0..N).map(|_| 0.5 + uniform(&mut rng)).collect();
    let first = match spectral {
        false => BlockWeight::Psd(w.as_ref()),
        true => BlockWeight::Spectral {
            basis: &basis,
            eigenvalues: &eigenvalues,
        },
    };
    let mut p = Kronecker::with_settings(a.clone(), settings(precision))
        .unwrap()
        .with_weight(&[first])
        .unwrap();
    let mut seen = vec![];
    let mut low_rank = 0;
    for step in 0..8 {
        let refresh = match spectral {
            true => {
                let value = eigenvalues[3 * step] * 1.5;
                eigenvalues[3 * step] = value;
                p.update_eigenvalues(&[(3 * step, value)]).unwrap()
            }
            false => {
                // Of rank one, and its core a number: nothing to diagonalise.
                let (v, c) = (
                    gaussian(N, 1, &mut rng),
                    Mat::from_fn(1, 1, |_, _| 1.0 / N as f64),
                );
                let told = LowRank {
                    block: 0,
                    v: v.as_ref(),
                    c: c.as_ref(),
                };
                p.update_low_rank(&[told]).unwrap()
            }
        };
        low_rank += usize::from(matches!(refresh, Refresh::LowRank { .. }));
        for (k, goal) in [
            (1, Goal::Residual(1e-12)),
            (5, Goal::Residual(1e-12)),
            (4, Goal::AsAbsorbed),
        ] {
            let mut y = gaussian(M, k, &mut rng);
            p.solve(y.as_mut(), goal).unwrap();
            seen.push(bits(&y));
        }
    }
    assert_eq!(low_rank, 8);
    let mut naive = Recompute::new(a).unwrap();
    naive.update(&[(&w).into()]).unwrap();
    let mut y = gaussian(M, 3, &mut rng);
    naive.solve(y.as_mut(), Goal::Residual(1e-12)).unwrap();
    seen.push(bits(&y));
    seen
}

#[test]
fn answers_are_the_same_to_the_last_bit() {
    for (entries, spectral, precision) in [
        (3, false, Precision::Single),
        (3, true, Precision::Double),
        (0, false, Precision::Double),
        (0, true, Precision::Single),
    ] {
        let one = with_threads(1, || told(entries, spectral, precision));
        for threads in [2, 4] {
            let more = with_threads(threads, || told(entries, spectral, precision));
            for (answer, (a, b)) in one.iter().zip(&more).enumerate() {
                assert!(
                    a == b,
                    "{entries} entries, spectral {spectral}, {precision:?}: answer {answer} differs on {threads} threads"
                );
            }
            assert_eq!(one.len(), more.len());
        }
    }
}

/// With symmetric roots, changes found and drifts: the eigensolver's own differences, and no more.
fn found(stale_tol: f64) -> Vec<Mat<f64>> {
    let a = Constraints::independent(M, &[Block::Psd(N)], 3, 2.into()).unwrap();
    let mut rng = rng(6);
    let mut w = positive(N, &mut rng);
    let mut settings = settings(Precision::Double);
    settings.stale_tol = stale_tol;
    let mut p = Kronecker::with_settings(a.clone(), settings)
        .unwrap()
        .with_weight(&[(&w).into()])
        .unwrap();
    let mut seen = vec![];
    for _ in 0..5 {
        let v = gaussian(N, 1, &mut rng);
        w = symmetrised(&(&w + (&v * v.transpose()) * faer::Scale(1.0 / N as f64)));
        p.update(&[(&w).into()]).unwrap();
        let h = gaussian(N * N, 2, &mut rng);
        let (mut y, mut ph) = (Mat::zeros(M, 2), Mat::zeros(N * N, 2));
        p.query(h.as_ref(), Goal::Residual(1e-13), y.as_mut(), ph.as_mut())
            .unwrap();
        seen.push(ph);
    }
    seen
}

#[test]
fn through_the_eigensolver_they_are_the_same_to_rounding() {
    for stale_tol in [0.0, 0.3] {
        let one = with_threads(1, || found(stale_tol));
        for threads in [2, 4] {
            let more = with_threads(threads, || found(stale_tol));
            for (a, b) in one.iter().zip(&more) {
                assert!(
                    relative(b, a) < 1e-11,
                    "{threads} threads: {:e}",
                    relative(b, a)
                );
            }
        }
    }
}
