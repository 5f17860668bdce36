//! Optima in exact arithmetic, by brute force.

use num_rational::BigRational;

pub type Number = BigRational;

/// A number of double precision as what it is.
pub fn exact(v: f64) -> Number {
    Number::from_float(v).unwrap()
}

pub fn zero() -> Number {
    exact(0.0)
}

/// The only solution of a square system, by elimination.
pub fn solve(mut a: Vec<Vec<Number>>, mut b: Vec<Number>) -> Option<Vec<Number>> {
    let n = b.len();
    for k in 0..n {
        let pivot = (k..n).find(|&i| a[i][k] != zero())?;
        a.swap(k, pivot);
        b.swap(k, pivot);
        for i in (0..n).filter(|&i| i != k) {
            let by = &a[i][k] / &a[k][k];
            if by == zero() {
                continue;
            }
            let pivot = a[k].clone();
            a[i].iter_mut().zip(&pivot).for_each(|(v, p)| *v -= &by * p);
            let off = &by * &b[k];
            b[i] -= off;
        }
    }
    Some((0..n).map(|k| &b[k] / &a[k][k]).collect())
}

/// All choices of `k` out of `0..n`.
pub fn choices(n: usize, k: usize) -> Vec<Vec<usize>> {
    if k == 0 {
        return vec![vec![]];
    }
    (k - 1..n)
        .flat_map(|last| {
            choices(last, k - 1).into_iter().map(move |mut c| {
                c.push(last);
                c
            })
        })
        .collect()
}

/// The least of `cᵀx` over `l ≤ (A; I) x ≤ u`, of which the last rows are the variables' own limits, all finite; `None` when nothing is
/// feasible: every vertex is looked at.
pub fn minimum(rows: &[(Vec<f64>, f64, f64)], c: &[f64]) -> Option<Number> {
    let n = c.len();
    let rows: Vec<(Vec<Number>, [Option<Number>; 2])> = rows
        .iter()
        .map(|(a, l, u)| {
            let limit = |v: &f64| v.is_finite().then(|| exact(*v));
            (a.iter().map(|v| exact(*v)).collect(), [limit(l), limit(u)])
        })
        .collect();
    let mut least: Option<Number> = None;
    for chosen in choices(rows.len(), n) {
        for sides in 0..1usize << n {
            let side = |k: usize| rows[chosen[k]].1[sides >> k & 1].clone();
            let Some(b) = (0..n).map(side).collect::<Option<Vec<Number>>>() else {
                continue;
            };
            let a = chosen.iter().map(|&i| rows[i].0.clone()).collect();
            let Some(x) = solve(a, b) else { continue };
            let inside = rows.iter().all(|(a, [l, u])| {
                let v: Number = a.iter().zip(&x).map(|(a, x)| a * x).sum();
                l.as_ref().is_none_or(|l| *l <= v) && u.as_ref().is_none_or(|u| v <= *u)
            });
            if inside {
                let value: Number = c.iter().zip(&x).map(|(c, x)| exact(*c) * x).sum();
                least = Some(least.map_or(value.clone(), |l| l.min(value)));
            }
        }
    }
    least
}

/// Whether a bound is on its side: an infinite one says that there is no optimum.
pub fn brackets(lower: Option<f64>, upper: Option<f64>, optimum: &Option<Number>) -> bool {
    let below = lower.is_none_or(|l| match optimum {
        Some(o) => l < f64::INFINITY && exact(l) <= *o,
        None => true,
    });
    let above = upper.is_none_or(|u| match optimum {
        Some(o) => u > f64::NEG_INFINITY && *o <= exact(u),
        // No point is feasible, so none was found.
        None => u == f64::INFINITY,
    });
    below && above
}
