//! Thresholds by which engines choose what to keep, factor or update, and that were chosen by measurement.

use crate::tuned::tuned;

tuned! { "projection":
    /// Seconds, at the rates of [`machine`](crate::linalg::machine), that factoring the Gram matrix must cost before anything but
    /// [`Direct`](super::Direct) is considered.
    /// Instance: the 23 problems of the selection of `papers/low-rank-weights`; below 15 ms no other engine gains anything.
    MIN_FACTOR_SECONDS = 0.015 in [0.005, 0.05];
    /// Smallest ratio of the cost of factoring to the cost of the eigenvectors and products of two-sided weights.
    /// Instance: theta functions on one side, `maxG11` on the other.
    FACTOR_OVER_TWO_SIDED_WORK = 4.0 in [2.0, 8.0];
    /// Largest ratio of the cost of forming the Gram matrix to the cost of factoring the matrix. Rows of many entries exceed this ratio, and
    /// their Gram matrices are too ill-conditioned for anything but a factor in double precision.
    /// Instance: `control*`.
    MAX_ASSEMBLY_SHARE = 0.5 in [0.25, 0.8];

    /// Residual that is taken without a new factor where a solve ends in rounding, in units of the residual that was asked for.
    /// Instance: the last iterations of matrix completion and theta functions.
    ROUNDING_FACTOR = 30.0 in [10.0, 100.0];
    /// The same, as a relative residual, once a new factor has not helped either.
    /// Instance: as for the factor above.
    ROUNDING_RESIDUAL = 1e-3 in [1e-4, 1e-2];
    /// Share of the residual before that a new factor must undercut to count as help.
    /// Instance: as for the factor above.
    FACTOR_HELPS = 0.3 in [0.1, 0.7];
    /// Steps of conjugate gradients expected with an old factor that was not tried yet.
    /// Instance: the selection of `papers/low-rank-weights`; what was tried replaces the guess.
    UNTRIED_STALE = 40.0 in [20.0, 80.0];
    /// Steps of both solves with a new factor, before one was tried.
    /// Instance: as for the guess above.
    UNTRIED_FRESH = 6.0 in [3.0, 12.0];
    /// Share of the cost of the next dearer preconditioner that may be spent on steps with one.
    /// Instance: the selection of `papers/low-rank-weights`.
    STEP_BUDGET_SHARE = 0.7 in [0.4, 1.0];
    /// Steps of conjugate gradients that a solve may always take.
    /// Instance: as for the share above.
    MIN_STEPS = 20.0 in [10.0, 40.0];
    /// Ratio of the smallest to the largest eigenvalue of a weight below which the small eigenvalues are computed from a root of the weight.
    /// Instance: late weights of theta functions, whose small eigenvalues a decomposition of the weight itself loses.
    FROM_ROOT = 1e-9 in [1e-11, 1e-7];
    /// Ratio to the largest eigenvalue above which an eigenvalue is kept apart before the small ones are computed from a root.
    /// Instance: as for the ratio above.
    KEPT_APART = 1e-6 in [1e-7, 1e-5];

    /// Relative residual of a probe above which two weights that are equal up to rounding are told apart.
    /// Instance: weights of late iterations whose small eigenvalues moved while the large ones stood.
    SAME_WEIGHT = 1e-7 in [1e-9, 1e-6];
    /// How much cheaper a stale inverse must look than an update: a drift of several directions outgrows the square root that the cost model
    /// assumes.
    /// Instance: `cargo bench --bench projection_crossover`.
    STALE_MARGIN = 3.0 in [1.5, 6.0];
    /// Residual, in units of what was asked for, at which an updated inverse is given up and formed again.
    /// Instance: long sequences of updates in `cargo bench --bench projection_update`.
    WORN_FACTOR = 10.0 in [3.0, 30.0];
}
