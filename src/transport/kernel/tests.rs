use super::*;
use crate::random::{Lane, Seed};
use rand_distr::{Distribution, Uniform};

fn random(n: usize, low: f64, high: f64, copy: u32) -> Vec<f64> {
    let mut rng = Seed::from(5).stream(Lane::GENERATOR, copy, 0);
    let range = Uniform::new(low, high).unwrap();
    (0..n).map(|_| range.sample(&mut rng)).collect()
}

/// exp of a double to about 30 digits, as (head, tail): the Taylor series in double-double arithmetic after halving
/// the argument ten times.
fn exp_accurate(x: f64) -> (f64, f64) {
    fn two_sum(a: f64, b: f64) -> (f64, f64) {
        let s = a + b;
        let t = s - a;
        (s, (a - (s - t)) + (b - t))
    }
    fn mul(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
        let p = a.0 * b.0;
        let e = a.0.mul_add(b.0, -p) + a.0 * b.1 + a.1 * b.0;
        two_sum(p, e)
    }
    fn add(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
        let (s, e) = two_sum(a.0, b.0);
        two_sum(s, e + a.1 + b.1)
    }
    let r = (x / 1024.0, 0.0);
    let (mut sum, mut term) = ((1.0, 0.0), (1.0, 0.0));
    for k in 1..40 {
        let (p, e) = mul(term, r);
        let q = p / k as f64;
        let rest = (-q).mul_add(k as f64, p) + e;
        term = two_sum(q, rest / k as f64);
        sum = add(sum, term);
    }
    for _ in 0..10 {
        sum = mul(sum, sum);
    }
    sum
}

#[test]
fn exponential_is_accurate_over_its_range() {
    let arch = Arch::new();
    let mut xs = random(200_000, -708.0, 709.7, 0);
    xs.extend(random(200_000, -3.0, 3.0, 1));
    xs.extend([0.0, -0.0, 1e-300, -1e-17, 1.0, -708.0, 709.78]);
    let (zero, mut out) = (vec![0.0; xs.len()], vec![0.0; xs.len()]);
    exp_write(arch, &zero, 1.0, &xs, 0.0, &mut out);
    let mut worst = 0.0f64;
    for (x, e) in xs.iter().zip(&out) {
        let (head, tail) = exp_accurate(*x);
        let unit = f64::from_bits(head.to_bits() + 1) - head;
        worst = worst.max(((e - head) - tail).abs() / unit);
    }
    // The clamped ends of the double-double reference cost a few 1e-3 of a unit.
    assert!(worst < 1.5, "{worst} units in the last place");

    let special = [f64::NEG_INFINITY, -1e300, -708.5, 709.9, f64::INFINITY];
    let mut out = [0.0; 5];
    exp_write(arch, &[0.0; 5], 1.0, &special, 0.0, &mut out);
    assert_eq!(out[..3], [0.0; 3]);
    assert!(out[3..].iter().all(|e| *e > 1.79e308));
}

#[test]
fn single_precision_exponential_is_accurate() {
    let xs: Vec<f32> = random(300_000, -87.0, 88.0, 2)
        .iter()
        .map(|x| *x as f32)
        .collect();
    let (zero, mut out) = (vec![0.0; xs.len()], vec![0.0; xs.len()]);
    exp_write(Arch::new(), &zero, 1.0, &xs, 0.0, &mut out);
    let mut worst = 0.0f64;
    for (x, e) in xs.iter().zip(&out) {
        let exact = f64::from(*x).exp();
        let unit =
            f64::from(f32::from_bits((exact as f32).to_bits() + 1)) - f64::from(exact as f32);
        worst = worst.max((f64::from(*e) - exact).abs() / unit);
    }
    assert!(worst < 2.0, "{worst} units in the last place");
}

#[test]
fn fused_lines_equal_the_naive_loops_at_every_length() {
    let arch = Arch::new();
    for n in (0..40).chain([100, 257]) {
        let (c, p) = (random(n, 0.0, 2.0, 3), random(n, -1.0, 1.0, 4));
        let (beta, shift) = (1.7, -0.4);
        let naive: Vec<f64> = c
            .iter()
            .zip(&p)
            .map(|(c, p)| (p + shift - beta * c).exp())
            .collect();
        let total: f64 = naive.iter().sum();
        let close =
            |a: f64, b: f64| (a - b).abs() <= 1e-14 * (1.0 + b.abs()) * (1.0 + n as f64 / 16.0);
        assert!(close(exp_sum(arch, &c, beta, &p, shift), total), "{n}");
        let mut sums = vec![0.5; n];
        exp_accumulate(arch, &c, beta, &p, shift, &mut sums);
        assert!(sums.iter().zip(&naive).all(|(s, e)| close(*s, e + 0.5)));
        let (mut kernel, mut plan) = (random(n, -1.0, 0.0, 5), vec![0.0; n]);
        let before = kernel.clone();
        let sum = mirror_step(arch, &mut kernel, &c, 0.3, &p, shift, &mut plan);
        let mut expected = 0.0;
        for i in 0..n {
            let k = before[i] - 0.3 * c[i];
            assert!((kernel[i] - k).abs() <= 1e-15);
            assert!(close(plan[i], (k + p[i] + shift).exp()));
            expected += (k + p[i] + shift).exp();
        }
        assert!(close(sum, expected));
        let least = c
            .iter()
            .zip(&p)
            .fold(f64::INFINITY, |m, (a, b)| m.min(a - b));
        assert_eq!(min_difference(arch, &c, &p), least);

        let single = |v: &[f64]| v.iter().map(|x| *x as f32).collect::<Vec<_>>();
        let (c1, p1) = (single(&c), single(&p));
        let s = exp_sum(arch, &c1, beta as f32, &p1, shift as f32);
        assert!((f64::from(s) - total).abs() <= 2e-6 * (1.0 + total));
        let mut sums = vec![0.0f32; n];
        exp_accumulate(arch, &c1, beta as f32, &p1, shift as f32, &mut sums);
        assert!(
            sums.iter()
                .zip(&naive)
                .all(|(s, e)| (f64::from(*s) - e).abs() <= 2e-6 * (1.0 + e))
        );
    }
}

#[test]
fn extremes_see_every_entry() {
    let arch = Arch::new();
    for n in [1, 5, 16, 17, 50] {
        for at in 0..n {
            let mut v = vec![1.0; n];
            v[at] = 3.0;
            assert_eq!(extremes(arch, &v).1, 3.0);
            v[at] = -3.0;
            assert_eq!(extremes(arch, &v).0, -3.0);
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                v[at] = bad;
                assert!(!extremes(arch, &v).2);
            }
        }
    }
}
