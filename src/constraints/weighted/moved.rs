//! What one operator says about another.

use super::{Root, Weighted};
use crate::constraints::HeldWeight;
use faer::Mat;

impl Weighted {
    /// A weight with this operator's Gram matrix.
    pub(crate) fn held(&self) -> Vec<HeldWeight> {
        self.roots
            .iter()
            .map(|root| match root {
                Root::Nonneg(w) => HeldWeight::Nonneg(w.clone()),
                Root::Psd(congruence) => match (&congruence.left, &congruence.right) {
                    (Some(left), None) => HeldWeight::Root {
                        g: left.transpose().to_owned(),
                        w: symmetrised(left.transpose() * left),
                    },
                    (Some(left), Some(right)) => HeldWeight::Pair {
                        x: symmetrised(left.transpose() * left),
                        z: symmetrised(right * right.transpose()),
                    },
                    (None, _) => HeldWeight::one_sided(congruence.right().to_owned()),
                },
            })
            .collect()
    }
}

fn symmetrised(w: Mat<f64>) -> Mat<f64> {
    let n = w.nrows();
    Mat::from_fn(n, n, |i, j| 0.5 * (w[(i, j)] + w[(j, i)]))
}
