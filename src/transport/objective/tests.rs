use super::*;
use crate::random::{Lane, Seed};
use crate::transport::Marginals;
use faer::Mat;
use rand_distr::{Distribution, Uniform};

fn random(n: usize, copy: u32) -> Vec<f64> {
    let mut rng = Seed::from(9).stream(Lane::GENERATOR, copy, 0);
    let range = Uniform::new(0.05, 1.0).unwrap();
    (0..n).map(|_| range.sample(&mut rng)).collect()
}

fn matrix(m: usize, n: usize, copy: u32) -> Mat<f64> {
    let v = random(m * n, copy);
    Mat::from_fn(m, n, |i, j| v[i + m * j])
}

fn plan(m: usize, n: usize, copy: u32) -> Vec<f64> {
    let mut v = random(m * n, copy);
    let total: f64 = v.iter().sum();
    v.iter_mut().for_each(|x| *x /= total);
    v
}

/// The value a gradient call returns, the gradient against central differences, the gradient range and convexity along
/// a chord, and relative strong convexity.
fn laws(f: &dyn Objective) {
    let n: usize = f.shape().iter().product();
    let (x, y) = (plan(n, 1, 100), plan(n, 1, 101));
    let (mut g, mut h) = (vec![f64::NAN; n], vec![f64::NAN; n]);
    let value = f.gradient(&x, &mut g);
    assert!((value - f.value(&x)).abs() <= 1e-13 * (1.0 + value.abs()));
    for i in 0..n {
        let step = 1e-6 * x[i];
        let at = |s: f64| {
            let mut z = x.clone();
            z[i] += s;
            f.value(&z)
        };
        let slope = (at(step) - at(-step)) / (2.0 * step);
        let scale = value.abs() + g.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        // Central differences: truncation about step², rounding about eps · value / step.
        assert!(
            (slope - g[i]).abs() <= 1e-6 * scale + 4e-16 * value.abs() / step,
            "{i}: {slope} {}",
            g[i]
        );
    }
    f.gradient(&y, &mut h);
    let linear: f64 = (0..n).map(|i| g[i] * (y[i] - x[i])).sum();
    let kl: f64 = (0..n)
        .map(|i| y[i] * (y[i] / x[i]).ln() - y[i] + x[i])
        .sum();
    let rise = f.value(&y) - value - linear;
    assert!(rise >= f.strong_convexity() * kl - 1e-12, "{rise} {kl}");
    if let Some(bound) = f.gradient_range() {
        for g in [&g, &h] {
            let high = g.iter().copied().fold(f64::MIN, f64::max);
            let low = g.iter().copied().fold(f64::MAX, f64::min);
            assert!(high - low <= bound * (1.0 + 1e-12));
        }
    }
}

#[test]
fn every_objective_obeys_the_laws() {
    let (m, n) = (5, 4);
    let dims = [m, n];
    laws(&Linear::new(&dims, random(m * n, 1)).unwrap());
    laws(&Linear::new(&[2, 3, 2], random(12, 1)).unwrap());
    laws(&Entropic::new(&dims, 0.3).unwrap());
    laws(&Relative::new(&dims, random(m * n, 2), 0.7).unwrap());
    laws(&SquaredNorm::new(&dims, 2.0).unwrap());
    laws(&GroupLasso::new(n, vec![0, 1, 0, 2, 1], 0.4).unwrap());
    laws(&Quadratic::projection(matrix(m, n, 3).as_ref(), 3.0).unwrap());
    laws(&Quadratic::left(matrix(6, m, 4).as_ref(), matrix(6, n, 5).as_ref()).unwrap());
    let (x, y) = (matrix(2, m, 6), matrix(2, n, 7));
    laws(&Quadratic::registration(x.as_ref(), y.as_ref(), &[0.1, 0.2, 0.3, 0.4]).unwrap());
    let square = |k: usize, c| {
        let a = matrix(k, k, c);
        Mat::from_fn(k, k, |i, j| a[(i.min(j), i.max(j))])
    };
    let (a, b) = (square(m, 8), square(n, 9));
    laws(&Quadratic::intertwining(a.as_ref(), b.as_ref()).unwrap());
    let sum = Sum::new()
        .with(2.0, Linear::new(&dims, random(m * n, 1)).unwrap())
        .unwrap();
    let sum = sum.with(0.5, Entropic::new(&dims, 0.3).unwrap()).unwrap();
    laws(
        &sum.with(1.5, SquaredNorm::new(&dims, 1.0).unwrap())
            .unwrap(),
    );
    laws(&Padded::new(Quadratic::projection(matrix(m, n, 3).as_ref(), 1.0).unwrap()).unwrap());
    laws(&Function::new(
        &dims,
        |p: &[f64]| p.iter().map(|x| x.powi(4)).sum(),
        |p: &[f64], g: &mut [f64]| {
            g.iter_mut().zip(p).for_each(|(g, x)| *g = 4.0 * x.powi(3));
        },
    ));
}

#[test]
fn quadratics_equal_their_naive_forms() {
    let (m, n) = (5, 4);
    let p = plan(m, n, 3);
    let at = |i: usize, j: usize| p[i + m * j];
    let (k, t) = (matrix(3, m, 4), matrix(3, n, 5));
    let mut naive = 0.0;
    for a in 0..3 {
        for j in 0..n {
            let v: f64 = (0..m).map(|i| k[(a, i)] * at(i, j)).sum::<f64>() - t[(a, j)];
            naive += 0.5 * v * v;
        }
    }
    let f = Quadratic::left(k.as_ref(), t.as_ref()).unwrap();
    assert!((f.value(&p) - naive).abs() < 1e-13);

    let (x, y) = (matrix(2, m, 6), matrix(2, n, 7));
    let nu: Vec<f64> = (0..n).map(|j| (0..m).map(|i| at(i, j)).sum()).collect();
    let mut naive = 0.0;
    for j in 0..n {
        for a in 0..2 {
            let image: f64 = (0..m).map(|i| x[(a, i)] * at(i, j)).sum::<f64>() / nu[j];
            naive += 0.5 * nu[j] * (image - y[(a, j)]).powi(2);
        }
    }
    let f = Quadratic::registration(x.as_ref(), y.as_ref(), &nu).unwrap();
    assert!((f.value(&p) - naive).abs() < 1e-13);

    let sym = |k: usize, c| {
        let a = matrix(k, k, c);
        Mat::from_fn(k, k, |i, j| a[(i.min(j), i.max(j))])
    };
    let (a, b) = (sym(m, 8), sym(n, 9));
    let mut naive = 0.0;
    for i in 0..m {
        for j in 0..n {
            let v: f64 = (0..m).map(|k| a[(i, k)] * at(k, j)).sum::<f64>()
                - (0..n).map(|k| at(i, k) * b[(k, j)]).sum::<f64>();
            naive += 0.5 * v * v;
        }
    }
    let f = Quadratic::intertwining(a.as_ref(), b.as_ref()).unwrap();
    assert!((f.value(&p) - naive).abs() < 1e-13);
}

#[test]
fn bad_objectives_are_refused() {
    use crate::error::Error;
    let bad = matrix(2, 3, 1);
    assert!(matches!(
        Linear::new(&[2, 2], vec![0.0; 3]),
        Err(Error::Shape { .. })
    ));
    assert!(matches!(
        Linear::new(&[1, 1], vec![f64::NAN]),
        Err(Error::NonFinite { .. })
    ));
    assert!(matches!(
        Entropic::new(&[1, 1], 0.0),
        Err(Error::InvalidSetting { .. })
    ));
    assert!(matches!(
        Relative::new(&[1, 1], vec![0.0], 1.0),
        Err(Error::InvalidSetting { .. })
    ));
    assert!(matches!(
        GroupLasso::new(2, vec![0, 7], 1.0),
        Err(Error::OutOfRange { .. })
    ));
    assert!(matches!(
        GroupLasso::new(2, vec![], 1.0),
        Err(Error::Shape { .. })
    ));
    assert!(matches!(
        Quadratic::intertwining(bad.as_ref(), bad.as_ref()),
        Err(Error::Shape { .. })
    ));
    let skew = Mat::from_fn(2, 2, |i, j| i as f64 - j as f64);
    assert!(matches!(
        Quadratic::intertwining(skew.as_ref(), skew.as_ref()),
        Err(Error::NotSymmetric { .. })
    ));
    assert!(matches!(
        Quadratic::left(bad.as_ref(), matrix(3, 3, 1).as_ref()),
        Err(Error::Shape { .. })
    ));
    let sum = Sum::new()
        .with(1.0, Linear::new(&[2, 2], vec![0.0; 4]).unwrap())
        .unwrap();
    assert!(
        sum.with(1.0, Linear::new(&[1, 4], vec![0.0; 4]).unwrap())
            .is_err()
    );
    assert!(Marginals::new(&[1.0, f64::INFINITY], &[1.0]).is_err());
}
