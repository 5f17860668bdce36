//! A solver of its own on the `Projection` seam: `min tr(CX)`, `A X = b`, `X ⪰ 0` by affine scaling, with the structure
//! that maintains the projection exchanged in one line.

use dyncvx::constraints::{Block, Constraints};
use dyncvx::projection::{Goal, Kronecker, Projection, Recompute};
use faer::{Mat, Side};
use std::error::Error;

/// `max 1ᵀy` over `C − Diag(y) ⪰ 0` and its primal, MAX-CUT's form: `X_ii = 1`. Returns `tr(CX)`.
fn solve(p: &mut dyn Projection, c: &Mat<f64>) -> Result<f64, Box<dyn Error>> {
    let n = c.nrows();
    let mut x = Mat::<f64>::identity(n, n);
    for _ in 0..60 {
        // Scaled by X = GGᵀ, the step is −GP̄(GᵀCG)Gᵀ with P̄ the projection onto the null space of B.
        let eigen = x.self_adjoint_eigen(Side::Lower).map_err(|e| format!("{e:?}"))?;
        let root = Mat::from_fn(n, n, |i, j| eigen.U()[(i, j)] * eigen.S()[j].max(1e-300).sqrt().sqrt());
        let root = &root * root.transpose();
        p.update(&[(&x).into()])?;
        let scaled = &root * c * &root;
        let h = Mat::from_fn(n * n, 1, |k, _| scaled[(k % n, k / n)]);
        let (mut y, mut ph) = (Mat::zeros(n, 1), Mat::zeros(n * n, 1));
        p.query(h.as_ref(), Goal::Residual(1e-12), y.as_mut(), ph.as_mut())?;
        let step = Mat::from_fn(n, n, |i, j| h[(i + j * n, 0)] - ph[(i + j * n, 0)]);
        let lambda = step.self_adjoint_eigenvalues(Side::Lower).map_err(|e| format!("{e:?}"))?;
        let longest = 0.9 / lambda.iter().fold(1e-14, |m: f64, l| m.max(*l));
        if lambda.iter().all(|l| l.abs() < 1e-9) {
            break;
        }
        let next = &x - &root * &step * &root * faer::Scale(longest);
        x = Mat::from_fn(n, n, |i, j| 0.5 * (next[(i, j)] + next[(j, i)]));
    }
    Ok((0..n).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| c[(i, j)] * x[(i, j)]).sum())
}

fn main() -> Result<(), Box<dyn Error>> {
    // The five-cycle, whose relaxation is known: 5/4 · (1 + cos 36°)... as tr(CX) = −5 cos 36° with C its adjacency/2.
    let n = 5;
    let mut a = Constraints::builder(n, &[Block::Psd(n)])?;
    for i in 0..n {
        a.entry(i, 0, i, i, 1.0)?;
    }
    let a = a.build()?;
    let c = Mat::from_fn(n, n, |i, j| if (i + 1) % n == j || (j + 1) % n == i { 0.5 } else { 0.0 });
    let start = Mat::<f64>::identity(n, n);
    let known = -5.0 * (std::f64::consts::PI / 5.0).cos();
    let structures: [Box<dyn Projection>; 2] =
        [Box::new(Recompute::new(a.clone())), Box::new(Kronecker::new(a, &[(&start).into()])?)];
    for mut p in structures {
        let value = solve(&mut *p, &c)?;
        println!("{value:.9}, known {known:.9}");
        if (value - known).abs() > 1e-6 {
            return Err(format!("expected {known}, found {value}").into());
        }
    }
    Ok(())
}
