//! The Lovász number by a dual barrier method, written against the public interface alone.
//!
//! `ϑ = min t` subject to `S = tI + Σ_edges y_e E_e − J ⪰ 0`. Along the central path `S⁻¹` is the weight of the projection's
//! Gram matrix `K_ij = tr(A_i S⁻¹ A_j S⁻¹)`, which is the Hessian of `−log det S`: each Newton step is one `solve`.

use dyncvx::constraints::{Block, Constraints};
use dyncvx::faer::{Mat, Side, linalg::solvers::DenseSolveCore};
use dyncvx::projection::{Goal, Kronecker, Projection, Recompute};
use std::error::Error;
use std::process::ExitCode;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The engine is swapped here, and nowhere else.
fn engine(name: &str, a: &Constraints) -> Outcome<Box<dyn Projection>> {
    Ok(match name {
        "Kronecker" => Box::new(Kronecker::new(a.clone())?),
        _ => Box::new(Recompute::new(a.clone())?),
    })
}

/// The value from above, to within `gap`; and the Newton steps taken.
fn theta(name: &str, n: usize, edges: &[(usize, usize)], gap: f64) -> Outcome<(f64, usize)> {
    let m = edges.len() + 1;
    let mut a = Constraints::builder(m, &[Block::Psd(n)])?;
    (0..n).try_for_each(|i| a.entry(0, 0, i, i, 1.0).map(|_| ()))?;
    for (k, &(i, j)) in edges.iter().enumerate() {
        a.entry(k + 1, 0, i.min(j), i.max(j), 1.0)?;
    }
    let a = a.build()?;
    let mut y = vec![0.0; m];
    y[0] = n as f64 + 1.0;
    let (mut flat, mut gradient) = (vec![0.0; n * n], vec![0.0; m]);
    let (mut p, mut mu) = (engine(name, &a)?, 1.0);
    for step in 0..1000 {
        // S = Aᵀy − J and its inverse; a Newton step within the Dikin ellipsoid keeps S positive definite.
        a.adjoint(&y, &mut flat)?;
        let s = Mat::from_fn(n, n, |i, j| flat[i + j * n] - 1.0);
        let inverse = s
            .llt(Side::Lower)
            .map_err(|e| format!("step {step}: {e:?}"))?
            .inverse();
        let inverse = Mat::from_fn(n, n, |i, j| 0.5 * (inverse[(i, j)] + inverse[(j, i)]));
        p.update(&[(&inverse).into()])?;
        // The gradient of t/μ − log det S, and the step −K⁻¹ times it.
        (0..n * n).for_each(|k| flat[k] = inverse[(k % n, k / n)]);
        a.apply(&flat, &mut gradient)?;
        let mut direction = Mat::from_fn(m, 1, |i, _| {
            gradient[i] - if i == 0 { 1.0 / mu } else { 0.0 }
        });
        let right = direction.clone();
        p.solve(direction.as_mut(), Goal::Residual(1e-9))?;
        let decrement = (right.transpose() * &direction)[(0, 0)].max(0.0).sqrt();
        if decrement < 0.1 {
            if n as f64 * mu <= gap {
                return Ok((y[0], step));
            }
            mu *= 0.3;
            continue;
        }
        let damped = if decrement < 0.25 {
            1.0
        } else {
            1.0 / (1.0 + decrement)
        };
        (0..m).for_each(|i| y[i] += damped * direction[(i, 0)]);
    }
    Err("the Newton steps did not end".into())
}

fn main() -> ExitCode {
    // Closed forms: an odd cycle, and the Paley graph, which is self-complementary.
    let (n, q) = (21, 29);
    let cycle: Vec<(usize, usize)> = (0..n).map(|i| (i, (i + 1) % n)).collect();
    let cosine = (std::f64::consts::PI / n as f64).cos();
    let square = |d: usize| (1..q).any(|x| x * x % q == d);
    let paley: Vec<(usize, usize)> = (0..q)
        .flat_map(|j| (0..j).filter(move |&i| square(j - i)).map(move |i| (i, j)))
        .collect();
    let cases = [
        ("cycle of 21", n, cycle, n as f64 * cosine / (1.0 + cosine)),
        ("Paley graph of 29", q, paley, (q as f64).sqrt()),
    ];
    let mut good = true;
    for (graph, n, edges, value) in &cases {
        for name in ["Recompute", "Kronecker"] {
            match theta(name, *n, edges, 1e-8) {
                Ok((found, steps)) => {
                    let error = found - value;
                    println!("{graph}, {name}: {found:.10}, off by {error:.1e}, {steps} steps");
                    good &= (-1e-10..2e-8).contains(&error);
                }
                Err(e) => {
                    println!("{graph}, {name}: {e}");
                    good = false;
                }
            }
        }
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
