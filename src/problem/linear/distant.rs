//! Limits so far away that no solution is likely to reach them.

use super::limits::Limits;
use super::program::LinearProgram;

impl Limits {
    /// The limits without those at `distance` or beyond; a limit that asks for something, such as a lower limit above 0, stays.
    fn without_distant(self, distance: f64) -> Self {
        let (lower, upper) = (self.lower(), self.upper());
        let far_above = upper >= distance && (lower <= 0.0 || upper >= distance * lower);
        let far_below = lower <= -distance && (upper >= 0.0 || lower <= distance * upper);
        match (far_below, far_above) {
            (true, true) => Self::FREE,
            (true, false) => Self::at_most(upper).unwrap_or(Self::FREE),
            (false, true) => Self::at_least(lower).unwrap_or(Self::FREE),
            (false, false) => self,
        }
    }
}

impl LinearProgram {
    /// The program without limits at `distance` or beyond; `None` when it has none. A point that is optimal there, and within the
    /// limits that were left out, is optimal here; an infeasibility of that program is one of this program.
    pub(crate) fn without_distant_limits(&self, distance: f64) -> Option<Self> {
        let relax = |limits: &[Limits]| -> Vec<Limits> {
            limits.iter().map(|l| l.without_distant(distance)).collect()
        };
        let (rows, variables) = (relax(self.rows()), relax(self.variables()));
        let changed = rows != self.rows() || variables != self.variables();
        changed.then(|| self.with_limits(rows, variables))
    }
}
