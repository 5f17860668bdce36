//! The Walsh–Hadamard transform.

use pulp::Arch;

/// Length from which the passes are nested, so that later ones find their block in cache.
const IN_CACHE: usize = 2048;

/// `x ← H x`, `H_ij = (−1)^{popcount(i & j)}`, in place; nothing unless the length is a power of two.
///
/// A transform of length `n₁n₂` is one of `H ⊗ H`: the two-dimensional transform of a matrix is the plain one of its entries.
///
/// # Complexity
/// `n log₂ n` additions; three levels of the butterfly a pass, depth first.
pub(crate) fn transform(arch: Arch, x: &mut [f64]) {
    let n = x.len();
    if !n.is_power_of_two() {
        return;
    }
    if n <= IN_CACHE {
        return arch.dispatch(
            #[inline(always)]
            || small(x),
        );
    }
    arch.dispatch(
        #[inline(always)]
        || eighths(x),
    );
    x.chunks_exact_mut(n / 8)
        .for_each(|part| transform(arch, part));
}

#[inline(always)]
fn small(x: &mut [f64]) {
    let mut length = x.len();
    while length >= 8 {
        x.chunks_exact_mut(length).for_each(eighths);
        length /= 8;
    }
    match length {
        4 => x.chunks_exact_mut(4).for_each(|q| {
            let (a, b, c, d) = (q[0] + q[1], q[0] - q[1], q[2] + q[3], q[2] - q[3]);
            (q[0], q[1], q[2], q[3]) = (a + c, b + d, a - c, b - d);
        }),
        2 => x
            .chunks_exact_mut(2)
            .for_each(|p| (p[0], p[1]) = (p[0] + p[1], p[0] - p[1])),
        _ => {}
    }
}

/// The three topmost levels of a block.
#[inline(always)]
fn eighths(x: &mut [f64]) {
    let q = x.len() / 8;
    let (x0, x) = x.split_at_mut(q);
    let (x1, x) = x.split_at_mut(q);
    let (x2, x) = x.split_at_mut(q);
    let (x3, x) = x.split_at_mut(q);
    let (x4, x) = x.split_at_mut(q);
    let (x5, x) = x.split_at_mut(q);
    let (x6, x7) = x.split_at_mut(q);
    let x7 = &mut x7[..q];
    for i in 0..q {
        let (a0, a4) = (x0[i] + x4[i], x0[i] - x4[i]);
        let (a1, a5) = (x1[i] + x5[i], x1[i] - x5[i]);
        let (a2, a6) = (x2[i] + x6[i], x2[i] - x6[i]);
        let (a3, a7) = (x3[i] + x7[i], x3[i] - x7[i]);
        let (b0, b2) = (a0 + a2, a0 - a2);
        let (b1, b3) = (a1 + a3, a1 - a3);
        let (b4, b6) = (a4 + a6, a4 - a6);
        let (b5, b7) = (a5 + a7, a5 - a7);
        (x0[i], x1[i]) = (b0 + b1, b0 - b1);
        (x2[i], x3[i]) = (b2 + b3, b2 - b3);
        (x4[i], x5[i]) = (b4 + b5, b4 - b5);
        (x6[i], x7[i]) = (b6 + b7, b6 - b7);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_matrix_of_signs() {
        for log in 0..=13 {
            let n = 1usize << log;
            let x: Vec<f64> = (0..n).map(|i| (i as f64 * 0.7).sin()).collect();
            let mut y = x.clone();
            transform(Arch::new(), &mut y);
            for i in (0..n).step_by(1 + n / 64) {
                let sign = |j: usize| 1.0 - 2.0 * f64::from((i & j).count_ones() % 2);
                let expected: f64 = x.iter().enumerate().map(|(j, x)| sign(j) * x).sum();
                assert!((y[i] - expected).abs() < 1e-11 * n as f64, "{n} {i}");
            }
        }
    }

    #[test]
    fn other_lengths_are_left_alone() {
        let mut x = [1.0, 2.0, 3.0];
        transform(Arch::new(), &mut x);
        assert_eq!(x, [1.0, 2.0, 3.0]);
    }
}
