//! Thresholds of the interior-point method that were chosen by measurement.

use crate::tuned::tuned;

tuned! { "ipm":
    /// Iterations without a tenth of progress after which a run is given up.
    /// Instance: `control9` and its kin make no progress for up to 12 iterations in the middle of a run.
    PATIENCE = 20.0 in [14.0, 40.0];
    /// The same once errors are within [`DIVERGED_FROM`] of their tolerances, where rounding is what ends progress.
    /// Instance: SDPLIB; 6 and 12 end the same problems, earlier and later.
    PATIENCE_NEAR_TOLERANCE = 8.0 in [6.0, 12.0];
    /// The same once the gap and the dual residual are as small as asked for and only `A x = b` is missed: further Newton steps
    /// cannot reduce that residual, and the strategy corrects it after the run.
    /// Instance: `control5` to `control11` end three to five iterations earlier than with 8.
    PATIENCE_WITH_ROUNDING = 3.0 in [2.0, 6.0];
    /// Error, in units of the tolerance, below which a run counts as near its end.
    /// Instance: the problems whose best point is about 1e-5 off (`hinf*`).
    DIVERGED_FROM = 1e3 in [3e2, 3e3];
    /// Growth of the error over the best one after which a run near its end is given up.
    /// Instance: `gpp*`, whose errors rise a hundredfold and fall again.
    DIVERGED = 1e4 in [3e3, 1e5];
    /// Steps of a linear program shorter than this are examined: their direction may be a ray that proves infeasibility.
    /// Instance: the infeasible NETLIB problems; a shorter bound finds the same proofs later.
    BLOCKED_STEP = 0.5 in [0.2, 0.8];
    /// Ratio `x/s` of a number that enters the Gram matrix of a linear program at least, in units of `(1 + max│b│)/(1 + max│c│)`.
    ///
    /// Rows that leave their variables nothing but zero have multipliers without a bound. Their part of `A D Aᵀ` vanishes with `μ²`, and
    /// rounding over that part makes steps that take `y` to 1e15. With the floor such a step is short, and the residual that the step leaves
    /// is far below the tolerance. The other rows are not affected, since refinement uses the true `D`.
    /// Instance: `d2q06c` and `bore3d`.
    LEAST_RATIO = 1e-13 in [1e-14, 1e-12];
    /// Step length below which a run ends.
    /// Instance: none is known that recovers from steps of 1e-5.
    SHORTEST_STEP = 1e-6 in [1e-8, 1e-5];
}

/// Factor by which the error must fall to count as progress.
pub(super) const PROGRESS: f64 = 0.9;
