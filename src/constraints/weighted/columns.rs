//! Columns of `B`.

use super::{Root, Weighted};
use crate::constraints::Part;
use crate::error::{Error, Result};
use crate::linalg::padded;
use faer::Mat;

impl Weighted {
    /// Columns `coords` of `B`, transposed: `k × m`, so that `k` entries of `Bᵀ y` are one product with it.
    ///
    /// # Complexity
    /// `4k` flops a nonzero of `A`.
    pub(crate) fn columns(&self, coords: &[usize]) -> Result<Mat<f64>> {
        let (ambient, k) = (self.a.ambient(), coords.len());
        if let Some(&index) = coords.iter().find(|&&c| c >= ambient) {
            return Err(Error::OutOfRange {
                what: "coordinate",
                index,
                bound: ambient,
            });
        }
        let mut out = padded::zeros(k, self.a.len());
        for (b, (root, part)) in self.roots.iter().zip(self.a.parts()).enumerate() {
            let at = self.a.range(b);
            let mine: Vec<usize> = (0..k).filter(|&i| at.contains(&coords[i])).collect();
            if mine.is_empty() {
                continue;
            }
            match (root, part) {
                (Root::Nonneg(w), Part::Nonneg(rows)) => {
                    let mut wanted = vec![vec![]; rows.order()];
                    mine.iter()
                        .for_each(|&i| wanted[coords[i] - at.start].push(i));
                    for (row, index, value) in rows.iter() {
                        for (&j, &v) in index.iter().zip(value) {
                            for &i in &wanted[j as usize] {
                                out[(i, row)] = v * w[j as usize];
                            }
                        }
                    }
                }
                (Root::Psd(congruence), Part::Psd(rows)) => {
                    let (n, width) = (rows.order(), mine.len());
                    let place = |i: usize| (coords[i] - at.start) % n;
                    let column = |i: usize| (coords[i] - at.start) / n;
                    // Rows of L and columns of R, the coordinates next to each other.
                    let left = padded::from_fn(width, n, |s, r| match congruence.left() {
                        Some(left) => left[(place(mine[s]), r)],
                        None => f64::from(u8::from(r == place(mine[s]))),
                    });
                    let right = congruence.right();
                    let right = padded::from_fn(width, n, |s, r| right[(r, column(mine[s]))]);
                    let mut sum = vec![0.0; width];
                    for t in (0..rows.touching()).filter(|&t| rows.factored(t).is_none()) {
                        let (row, a) = rows.get(t);
                        sum.fill(0.0);
                        for (r, c, v) in a.iter() {
                            let (lr, lc) = (left.col_as_slice(r), left.col_as_slice(c));
                            let (rr, rc) = (right.col_as_slice(r), right.col_as_slice(c));
                            // A diagonal entry counts once.
                            let v = if r == c { 0.5 * v } else { v };
                            for s in 0..width {
                                sum[s] += v * (lr[s] * rc[s] + lc[s] * rr[s]);
                            }
                        }
                        mine.iter().zip(&sum).for_each(|(&i, x)| out[(i, row)] = *x);
                    }
                    for (t, &(row, sign)) in congruence.factored.iter().enumerate() {
                        for &i in &mine {
                            out[(i, row)] = sign
                                * congruence.left_a[(place(i), t)]
                                * congruence.right_a[(column(i), t)];
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(out)
    }
}
