//! Semidefinite programs in the convention of SDPA files: signs, checks, and graphs whose answers are known.

use crate::common::dense::{TINY, assert_close, combine, data, dense, dot, smallest_eigenvalue};
use dyncvx::Error;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::problem::SemidefiniteProgram;
use dyncvx::problem::generators::{lovasz_theta, max_cut};

/// Checks `x` of (P) and `Y` of (D) of a program of one block, and returns both objectives.
fn objectives(program: &SemidefiniteProgram, x: &[f64], y: &[f64]) -> (f64, f64) {
    let (f, f0) = (
        dense(program.matrices()),
        dense(program.constant()).remove(0),
    );
    let sum = combine(&f, x);
    let slack: Vec<_> = sum.iter().zip(&f0).map(|(s, f0)| s - f0).collect();
    assert!(smallest_eigenvalue(program.blocks(), &slack) > -TINY);
    assert!(smallest_eigenvalue(program.blocks(), y) > -TINY);
    let traces: Vec<_> = f.iter().map(|f| dot(f, y)).collect();
    assert_close(&traces, program.costs(), "⟨F_i, Y⟩");

    // The same of the conic program, with its signs.
    let (a, b, c) = data(program.conic());
    let conic_y: Vec<_> = x.iter().map(|x| -x).collect();
    assert_eq!(SemidefiniteProgram::primal_variable(&conic_y), x);
    let aty = combine(&a, &conic_y);
    let conic_slack: Vec<_> = c.iter().zip(&aty).map(|(c, v)| c - v).collect();
    assert_close(&conic_slack, &slack, "slack");
    let primal = SemidefiniteProgram::primal_objective(dot(b, &conic_y));
    let dual = SemidefiniteProgram::dual_objective(dot(&c, y));
    assert_close(
        &[primal, dual],
        &[dot(program.costs(), x), dot(&f0, y)],
        "objectives",
    );
    (primal, dual)
}

#[test]
fn the_pentagon_has_lovasz_number_root_five() {
    let edges = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)];
    let program = lovasz_theta(5, &edges).unwrap();
    let root = 5f64.sqrt();
    let mut x = vec![(5.0 - root) / 2.0; 6];
    x[0] = root;
    let entry = |k: usize| match (5 + k % 5 - k / 5) % 5 {
        0 => 0.2,
        2 | 3 => 0.4 / (1.0 + root),
        _ => 0.0,
    };
    let y: Vec<_> = (0..25).map(entry).collect();
    let (primal, dual) = objectives(&program, &x, &y);
    assert_close(&[primal, dual], &[root, root], "Lovász number");
}

#[test]
fn the_weighted_triangle_has_its_cut_bound() {
    let program = max_cut(3, &[(0, 1, 2.0), (2, 1, 2.0), (0, 2, 2.0)]).unwrap();
    let y: Vec<_> = (0..9)
        .map(|k| if k % 4 == 0 { 1.0 } else { -0.5 })
        .collect();
    let (primal, dual) = objectives(&program, &[1.5; 3], &y);
    assert_close(&[primal, dual], &[4.5, 4.5], "bound");
    // Whatever the weights, ¼⟨L, zzᵀ⟩ is the weight of the cut.
    let weighted = max_cut(3, &[(0, 1, 1.0), (1, 2, -3.0), (0, 2, 0.5)]).unwrap();
    let laplacian = dense(weighted.constant()).remove(0);
    let z = [-1.0, 1.0, 1.0];
    let outer: Vec<_> = (0..9).map(|k| z[k % 3] * z[k / 3]).collect();
    assert_eq!(dot(&laplacian, &outer), 1.5);
}

#[test]
fn graphs_are_checked() {
    let theta = |n, edges: &[(usize, usize)]| lovasz_theta(n, edges).unwrap_err();
    assert!(matches!(
        theta(3, &[(0, 1), (1, 3)]),
        Error::OutOfRange {
            index: 3,
            bound: 3,
            ..
        }
    ));
    assert!(matches!(
        theta(3, &[(1, 1)]),
        Error::InvalidSetting { field: "edges", .. }
    ));
    let twice = theta(3, &[(0, 1), (0, 2), (1, 0)]);
    assert!(matches!(
        twice,
        Error::Duplicate {
            entry: 2,
            previous: 0,
            ..
        }
    ));
    assert!(matches!(
        theta(0, &[]),
        Error::InvalidSetting {
            field: "blocks",
            ..
        }
    ));
    let nan = max_cut(2, &[(0, 1, f64::NAN)]).unwrap_err();
    assert!(matches!(nan, Error::NonFinite { .. }));
    let huge = max_cut(3, &[(0, 1, f64::MAX), (0, 2, f64::MAX)]).unwrap_err();
    assert!(matches!(huge, Error::NonFinite { .. }));
}

#[test]
fn programs_are_checked() {
    let row = |blocks: &[Block], rows| Constraints::builder(rows, blocks).unwrap().build().unwrap();
    let blocks = [Block::Psd(2)];
    let new = SemidefiniteProgram::new;
    assert!(new(vec![1.0, 2.0], row(&blocks, 2), row(&blocks, 1)).is_ok());
    let error = |costs: &[f64], f: Constraints, f0| new(costs.to_vec(), f, f0).unwrap_err();
    let invalid = |e: Error| match e {
        Error::InvalidSetting { field, .. } => field,
        e => panic!("{e}"),
    };
    assert!(matches!(
        error(&[1.0], row(&blocks, 2), row(&blocks, 1)),
        Error::Shape { .. }
    ));
    assert!(matches!(
        error(&[1.0], row(&blocks, 1), row(&blocks, 2)),
        Error::Shape { .. }
    ));
    let infinite = error(&[1.0, f64::INFINITY], row(&blocks, 2), row(&blocks, 1));
    assert!(matches!(infinite, Error::NonFinite { index: 1, .. }));
    assert_eq!(
        invalid(error(&[], row(&blocks, 0), row(&blocks, 1))),
        "matrices"
    );
    assert_eq!(invalid(error(&[1.0], row(&[], 1), row(&[], 1))), "blocks");
    assert_eq!(
        invalid(error(&[1.0], row(&blocks, 1), row(&[Block::Nonneg(4)], 1))),
        "constant"
    );
}
