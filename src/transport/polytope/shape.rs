//! The shape of a coupling as an array of order `K`, first index fastest, divided into lines along the first mode.

use crate::error::{Error, Result};
use crate::transport::kernel::{self, parallel};
use pulp::Arch;

/// Lengths of the modes, and the kernels' instruction set.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    dims: Vec<usize>,
    pub(crate) arch: Arch,
}

impl Shape {
    pub(crate) fn new(dims: &[usize]) -> Result<Self> {
        let mut bytes = size_of::<f64>() as u128;
        for d in dims {
            bytes = bytes.saturating_mul(*d as u128);
        }
        if bytes > isize::MAX as u128 {
            let what = "coupling";
            return Err(Error::TooLarge { what, bytes });
        }
        let (dims, arch) = (dims.to_vec(), Arch::new());
        Ok(Self { dims, arch })
    }

    pub(crate) fn dims(&self) -> &[usize] {
        &self.dims
    }

    pub(crate) fn modes(&self) -> usize {
        self.dims.len()
    }

    /// Entries of one line.
    pub(crate) fn line(&self) -> usize {
        self.dims[0]
    }

    /// Number of lines.
    pub(crate) fn lines(&self) -> usize {
        self.dims[1..].iter().product()
    }

    pub(crate) fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Entries of one piece of a pass, which is made of whole lines.
    pub(crate) fn piece(&self) -> usize {
        parallel::piece(self.lines()) * self.line()
    }

    /// Index of line `line` along `mode ≥ 1`.
    pub(crate) fn slot(&self, line: usize, mode: usize) -> usize {
        if self.dims.len() == 2 {
            return line;
        }
        let before: usize = self.dims[1..mode].iter().product();
        line / before % self.dims[mode]
    }

    /// Sum of the vectors of modes 1, 2, … at line `line`, leaving out mode `skip`.
    pub(crate) fn offset(&self, vectors: &[Vec<f64>], line: usize, skip: usize) -> f64 {
        let mut rest = line;
        let mut sum = 0.0;
        for (k, v) in vectors.iter().enumerate().skip(1) {
            if k != skip {
                sum += v[rest % self.dims[k]];
            }
            rest /= self.dims[k];
        }
        sum
    }

    /// Adds up the pieces' vectors, in order.
    pub(crate) fn gather(parts: Vec<Vec<f64>>, len: usize) -> Vec<f64> {
        let mut total = vec![0.0; len];
        for part in parts {
            for (t, p) in total.iter_mut().zip(part) {
                *t += p;
            }
        }
        total
    }

    /// Adds one number per line into the slots of `mode ≥ 1`.
    pub(crate) fn slots(&self, per_line: impl Iterator<Item = f64>, mode: usize) -> Vec<f64> {
        let mut sums = vec![0.0; self.dims[mode]];
        for (l, s) in per_line.enumerate() {
            sums[self.slot(l, mode)] += s;
        }
        sums
    }

    /// The marginal of `values` along `mode`.
    pub(crate) fn marginal(&self, values: &[f64], mode: usize) -> Vec<f64> {
        let n = self.line();
        let lines = self.lines();
        if mode == 0 {
            let parts = parallel::map(lines, values.len(), |range| {
                let mut sums = vec![0.0; n];
                for l in range {
                    kernel::add(self.arch, &values[l * n..(l + 1) * n], &mut sums);
                }
                sums
            });
            return Self::gather(parts, n);
        }
        let parts = parallel::map(lines, values.len(), |range| {
            let sum = |l: usize| kernel::sum(self.arch, &values[l * n..(l + 1) * n]);
            range.map(sum).collect::<Vec<f64>>()
        });
        self.slots(parts.into_iter().flatten(), mode)
    }

    /// `Σ a b` over two arrays of this shape.
    pub(crate) fn inner(&self, a: &[f64], b: &[f64]) -> f64 {
        parallel::sum(a.len(), |r| kernel::dot(self.arch, &a[r.clone()], &b[r]))
    }

    /// `values ⊙= factors[slot of mode]`.
    pub(crate) fn scale(&self, values: &mut [f64], factors: &[f64], mode: usize) {
        let n = self.line();
        parallel::update(values, self.piece(), |first, values| {
            for (k, line) in values.chunks_mut(n).enumerate() {
                if mode == 0 {
                    kernel::multiply(self.arch, factors, line);
                } else {
                    let f = factors[self.slot(first / n + k, mode)];
                    kernel::scale(self.arch, f, line);
                }
            }
        });
    }
}

/// Least and largest entry of a gradient that must be finite.
pub(crate) fn extremes(arch: Arch, values: &[f64]) -> Result<(f64, f64)> {
    let parts = parallel::map(values.len(), values.len(), |r| {
        kernel::extremes(arch, &values[r])
    });
    let (mut low, mut high, mut finite) = (f64::INFINITY, f64::NEG_INFINITY, true);
    for (l, h, f) in parts {
        low = low.min(l);
        high = high.max(h);
        finite &= f;
    }
    if !finite {
        let index = values.iter().position(|v| !v.is_finite()).unwrap_or(0);
        let what = "gradient";
        return Err(Error::NonFinite { what, index });
    }
    Ok((low, high))
}

/// A point of positive mass has no arc with a finite log weight.
#[derive(Debug)]
pub(crate) struct Breakdown;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marginals_offsets_and_scaling_equal_the_naive_loops() {
        for dims in [
            vec![5, 7],
            vec![3, 4, 5],
            vec![2, 3, 2, 4],
            vec![1, 6],
            vec![6, 1],
            vec![40, 900],
        ] {
            let shape = Shape::new(&dims).unwrap();
            let values: Vec<f64> = (0..shape.len())
                .map(|i| ((i * 37 % 101) as f64).sqrt())
                .collect();
            let index = |mut flat: usize| {
                dims.iter()
                    .map(|d| {
                        let i = flat % d;
                        flat /= d;
                        i
                    })
                    .collect::<Vec<_>>()
            };
            let vectors: Vec<Vec<f64>> = dims
                .iter()
                .map(|d| (0..*d).map(|i| i as f64 + 0.5).collect())
                .collect();
            for mode in 0..dims.len() {
                let mut naive = vec![0.0; dims[mode]];
                for (flat, v) in values.iter().enumerate() {
                    naive[index(flat)[mode]] += v;
                }
                let got = shape.marginal(&values, mode);
                assert!(
                    got.iter()
                        .zip(&naive)
                        .all(|(a, b)| (a - b).abs() <= 1e-12 * b),
                    "{dims:?} {mode}"
                );
                let mut scaled = values.clone();
                shape.scale(&mut scaled, &vectors[mode], mode);
                for (flat, v) in scaled.iter().enumerate() {
                    assert_eq!(*v, values[flat] * vectors[mode][index(flat)[mode]]);
                }
                for l in 0..shape.lines() {
                    let i = index(l * dims[0]);
                    let sum: f64 = (1..dims.len())
                        .filter(|k| *k != mode)
                        .map(|k| vectors[k][i[k]])
                        .sum();
                    assert_eq!(shape.offset(&vectors, l, mode), sum);
                    if mode > 0 {
                        assert_eq!(shape.slot(l, mode), i[mode]);
                    }
                }
            }
        }
    }
}
