//! Optima from solvers that share nothing with this library.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettings, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus, ZeroConeT,
};
use dyncvx::transport::{Marginals, Objective};
use microlp::{ComparisonOp, OptimizationDirection, Problem};

/// Index of flat entry `flat` along each mode.
pub fn index(dims: &[usize], mut flat: usize) -> Vec<usize> {
    let step = |d: &usize| {
        let i = flat % d;
        flat /= d;
        i
    };
    dims.iter().map(step).collect()
}

/// `min ⟨cost, γ⟩` by the simplex method.
pub fn linear(cost: &[f64], marginals: &Marginals) -> f64 {
    let dims = marginals.shape();
    let mut lp = Problem::new(OptimizationDirection::Minimize);
    let bound = |k: usize| match marginals.forbidden() {
        Some(f) if f[k] => (0.0, 0.0),
        _ => (0.0, f64::INFINITY),
    };
    let vars: Vec<_> = cost
        .iter()
        .enumerate()
        .map(|(k, c)| lp.add_var(*c, bound(k)))
        .collect();
    for mode in 0..dims.len() {
        for (i, mass) in marginals.masses(mode).iter().enumerate() {
            // The masses agree to rounding only: the last equation of every mode but the first follows from the others.
            if mode > 0 && i + 1 == dims[mode] {
                continue;
            }
            let row: Vec<_> = vars
                .iter()
                .enumerate()
                .filter(|(k, _)| index(dims, *k)[mode] == i)
                .map(|(_, v)| (*v, 1.0))
                .collect();
            lp.add_constraint(&row[..], ComparisonOp::Eq, *mass);
        }
    }
    lp.solve().unwrap().into_solution().unwrap().objective()
}

/// `min f` for a quadratic `f`, whose matrix is read off its gradients, by an interior point method.
pub fn quadratic(f: &dyn Objective, marginals: &Marginals) -> f64 {
    let dims = marginals.shape();
    let n: usize = dims.iter().product();
    let mut q = vec![0.0; n];
    let constant = f.gradient(&vec![0.0; n], &mut q);
    let mut triplets = (Vec::new(), Vec::new(), Vec::new());
    for j in 0..n {
        let mut unit = vec![0.0; n];
        unit[j] = 1.0;
        let mut g = vec![0.0; n];
        f.gradient(&unit, &mut g);
        for i in 0..=j {
            triplets.0.push(i);
            triplets.1.push(j);
            triplets.2.push(g[i] - q[i]);
        }
    }
    let p = CscMatrix::new_from_triplets(n, n, triplets.0, triplets.1, triplets.2);
    let (mut rows, mut cols, mut vals, mut b) = (vec![], vec![], vec![], vec![]);
    for mode in 0..dims.len() {
        for (i, mass) in marginals.masses(mode).iter().enumerate() {
            if mode > 0 && i + 1 == dims[mode] {
                continue;
            }
            for k in (0..n).filter(|k| index(dims, *k)[mode] == i) {
                rows.push(b.len());
                cols.push(k);
                vals.push(1.0);
            }
            b.push(*mass);
        }
    }
    let equalities = b.len();
    for k in 0..n {
        rows.push(b.len());
        cols.push(k);
        vals.push(-1.0);
        b.push(0.0);
    }
    let a = CscMatrix::new_from_triplets(b.len(), n, rows, cols, vals);
    let cones = [ZeroConeT(equalities), NonnegativeConeT(n)];
    let settings = DefaultSettings {
        verbose: false,
        tol_gap_abs: 1e-10,
        tol_gap_rel: 1e-10,
        tol_feas: 1e-10,
        ..DefaultSettings::default()
    };
    let mut solver = DefaultSolver::new(&p, &q, &a, &b, &cones, settings).unwrap();
    solver.solve();
    assert_eq!(solver.solution.status, SolverStatus::Solved);
    solver.solution.obj_val + constant
}
