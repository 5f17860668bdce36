//! The dual half of a step, and the points at which the dual residual vanishes.

use super::{Method, Point, Run};
use crate::ipm::cone::{Interior, step};
use crate::linalg::axpy;

impl Run<'_> {
    /// Moves `y` and `s` into `next`, by at most `alpha`.
    ///
    /// After a full step, and from then on, `s = c − Aᵀy`, so that the dual residual is zero to the last bit and what depends on it
    /// need not be worked out; unless that is not in the interior, and `s + α ds` is.
    pub(super) fn advance_dual(
        &mut self,
        (dy, ds): (&[f64], &[f64]),
        mut alpha: f64,
        next: &mut Point,
        dual: &mut Interior,
    ) -> Option<f64> {
        let a = self.problem.constraints();
        let closes = self.method != Method::Linear;
        while alpha > step::SHORTEST {
            next.y.copy_from_slice(&self.point.y);
            axpy(alpha, dy, &mut next.y);
            if closes && (self.dual_feasible || alpha == 1.0) {
                self.dual_storage.adjoint(a, &next.y, &mut next.s);
                let slack = next.s.iter_mut().zip(&self.cost);
                slack.for_each(|(s, c)| *s = c - *s);
                if dual.move_to(&self.dual_storage, &next.s) {
                    self.dual_feasible = true;
                    return Some(alpha);
                }
            }
            let moved = self.point.s.iter().zip(ds).zip(&mut next.s);
            moved.for_each(|((s, d), to)| *to = s + alpha * d);
            if dual.move_to(&self.dual_storage, &next.s) {
                self.dual_feasible &= !closes;
                return Some(alpha);
            }
            alpha *= step::SHORTER;
        }
        None
    }

    /// `s ← c − Aᵀy`, if that is in the interior.
    pub(super) fn close_dual(&mut self, dual: &mut Interior) -> bool {
        let a = self.problem.constraints();
        let mut slack = vec![0.0; self.cost.len()];
        self.dual_storage.adjoint(a, &self.point.y, &mut slack);
        slack
            .iter_mut()
            .zip(&self.cost)
            .for_each(|(s, c)| *s = c - *s);
        let inside = dual.move_to(&self.dual_storage, &slack);
        if inside {
            self.point.s = slack;
        } else {
            dual.move_to(&self.dual_storage, &self.point.s);
        }
        inside
    }
}
