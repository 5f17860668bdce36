//! The potential that keeps the path: a soft maximum of how far the eigenvalues of `XS` are from `t`.

/// `Φ(r) = Σ cosh(λ r_i)`, `r_i = λ_i(XS)/t − 1`[^CLS19].
///
/// `λ = ln(4ν)/radius`, so that `Φ ≤ 2ν`, twice its least value, keeps every `│r_i│` within the radius.
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

    /// `Φ/2ν`; inside the neighbourhood at most 1.
    pub(super) fn relative(&self, r: &[f64]) -> f64 {
        let sum: f64 = r.iter().map(|r| (self.lambda * r).cosh()).sum();
        sum / (2.0 * self.degree)
    }

    /// The move against the gradient: `−ℓ g`, `g = ∇Φ/‖∇Φ‖`, no longer than `longest` and no further than to where `r` has no
    /// component along `g` left.
    pub(super) fn descent(&self, r: &[f64], longest: f64) -> Vec<f64> {
        let largest = r.iter().fold(0.0, |m: f64, r| m.max(r.abs()));
        // sinh, scaled so that it stays finite.
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

    /// Points within half the potential's bound are within the radius, and the corner of the neighbourhood is near it.
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
        // By differences, in every coordinate.
        for i in 0..4 {
            let mut moved = r;
            moved[i] += 1e-6;
            let slope = (p.relative(&moved) - p.relative(&r)) / 1e-6;
            let mut other = r;
            other[0] += 1e-6;
            let first = (p.relative(&other) - p.relative(&r)) / 1e-6;
            assert!((slope / first - d[i] / d[0]).abs() < 1e-3, "{i}");
        }
        // Far out nothing overflows; at the centre nothing moves.
        let far = p.descent(&[1e6, 0.0, 0.0, 0.0], 0.5);
        assert!((far[0] + 0.5).abs() < 1e-12 && far[1] == 0.0);
        assert_eq!(p.descent(&[0.0; 4], 0.5), vec![0.0; 4]);
        // Not past the foot.
        let near = p.descent(&[1e-3, 0.0, 0.0, 0.0], 0.5);
        assert!((near[0] + 1e-3).abs() < 1e-12);
    }
}
