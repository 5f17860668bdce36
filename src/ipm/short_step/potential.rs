//! The potential that measures closeness to the central path: a soft maximum of the distances of the eigenvalues of `XS` from `t`.

/// The potential `Φ(r) = Σ cosh(λ r_i)` with `r_i = λ_i(XS)/t − 1`[^CLS19].
///
/// The parameter is `λ = ln(4ν)/radius`. Then `Φ ≤ 2ν`, twice the minimum of `Φ`, implies that every `│r_i│` is within the radius.
///
/// [^CLS19]: Cohen, Lee, Song. Solving linear programs in the current matrix multiplication time. STOC 2019.
#[derive(Debug, Clone, Copy)]
pub(super) struct Potential {
    lambda: f64,
    degree: f64,
}

impl Potential {
    pub(super) fn new(degree: usize, radius: f64) -> Self {
        let degree = degree.max(1) as f64;
        Self {
            lambda: (4.0 * degree).ln() / radius,
            degree,
        }
    }

    /// `Φ/2ν`, which is at most 1 inside the neighbourhood.
    pub(super) fn relative(&self, r: &[f64]) -> f64 {
        let sum: f64 = r.iter().map(|r| (self.lambda * r).cosh()).sum();
        sum / (2.0 * self.degree)
    }

    /// The move against the gradient: `−ℓ g` with `g = ∇Φ/‖∇Φ‖`. The length `ℓ` is `longest`, or less if `r` then has no component
    /// along `g`.
    pub(super) fn descent(&self, r: &[f64], longest: f64) -> Vec<f64> {
        let largest = r.iter().fold(0.0, |m: f64, r| m.max(r.abs()));
        // The entries are sinh(λ r_i), scaled so that they stay finite.
        let shift = self.lambda * largest;
        let mut g: Vec<f64> = r
            .iter()
            .map(|r| {
                let e = self.lambda * r;
                0.5 * ((e - shift).exp() - (-e - shift).exp())
            })
            .collect();
        let size = g.iter().map(|g| g * g).sum::<f64>().sqrt();
        if size == 0.0 {
            return g;
        }
        let along: f64 = g.iter().zip(r).map(|(g, r)| g * r).sum::<f64>() / size;
        let factor = -along.min(longest) / size;
        g.iter_mut().for_each(|g| *g *= factor);
        g
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points beyond the radius have a potential above, or just below, the bound of the neighbourhood.
    #[test]
    fn the_potential_bounds_the_largest_deviation() {
        for degree in [1, 34, 400] {
            let p = Potential::new(degree, 0.25);
            let mut r = vec![0.0; degree];
            assert_eq!(p.relative(&r), 0.5);
            r[0] = 0.25 * (1.0 + 1e-6);
            assert!(p.relative(&r) > 1.0 - 0.5 / degree as f64, "{degree}");
            r[0] = 0.251;
            r.iter_mut().for_each(|r| *r = 0.251);
            assert!(p.relative(&r) > 1.0);
        }
    }

    #[test]
    fn descent_is_against_the_gradient_and_no_longer_than_it_may_be() {
        let p = Potential::new(4, 0.25);
        let r = [0.2, -0.1, 0.0, 0.05];
        let d = p.descent(&r, 1e-3);
        let length = d.iter().map(|d| d * d).sum::<f64>().sqrt();
        assert!((length - 1e-3).abs() < 1e-15);
        let after: Vec<f64> = r.iter().zip(&d).map(|(r, d)| r + d).collect();
        assert!(p.relative(&after) < p.relative(&r));
        // The direction agrees with difference quotients in every coordinate.
        for i in 0..4 {
            let mut moved = r;
            moved[i] += 1e-6;
            let slope = (p.relative(&moved) - p.relative(&r)) / 1e-6;
            let mut other = r;
            other[0] += 1e-6;
            let first = (p.relative(&other) - p.relative(&r)) / 1e-6;
            assert!((slope / first - d[i] / d[0]).abs() < 1e-3, "{i}");
        }
        // Far from the centre nothing overflows. At the centre the move is zero.
        let far = p.descent(&[1e6, 0.0, 0.0, 0.0], 0.5);
        assert!((far[0] + 0.5).abs() < 1e-12 && far[1] == 0.0);
        assert_eq!(p.descent(&[0.0; 4], 0.5), vec![0.0; 4]);
        // The move does not overshoot the centre.
        let near = p.descent(&[1e-3, 0.0, 0.0, 0.0], 0.5);
        assert!((near[0] + 1e-3).abs() < 1e-12);
    }
}
