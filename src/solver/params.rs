//! Thresholds of the strategy that were chosen by measurement.

use crate::tuned::tuned;

tuned! { "solver":
    /// Largest product of a multiplier and the right-hand side, relative to the objective, of multipliers that count as bounded.
    /// Instance: below 10 on `control*`, whose points are restored; above 100 on `qap*`, which have no interior.
    BOUNDED_MULTIPLIERS = 50.0 in [15.0, 90.0];
    /// Errors of a point that is worth restoring, in units of the tolerance.
    /// Instance: `control11`, whose primal residual ends at 60 times the tolerance.
    RESTORABLE = 1e3 in [2e2, 1e4];
    /// Shift of the metric in which a point is restored, relative to the largest entry of the point.
    /// Instance: `control*` and `qap*`; from 1e-8 to 1e-5 the results are the same.
    METRIC_SHIFT = 1e-6 in [1e-8, 1e-5];
    /// What the errors of a restored point may count for in the objectives, where multipliers are not bounded.
    /// Instance: `qap*`, whose restored points hide 1e-5 and more.
    HIDDEN_OBJECTIVE = 1e-7 in [3e-8, 3e-7];
    /// Largest DIMACS error of a run along HKM directions, beyond which Nesterov–Todd directions are tried: there may be no solution.
    /// Instance: the infeasible programs on which HKM steps vanish; `hinf12`.
    FAR_FROM_A_SOLUTION = 1e-2 in [3e-3, 1e-1];
    /// Iterations of the search for multipliers that expose a face.
    /// Instance: `qap6` to `qap10` take 9 to 11.
    SEARCH_ITERATIONS = 15.0 in [12.0, 30.0];
    /// Share of the size of a solution above which the least eigenvalue that the search proves shows an interior.
    /// Instance: programs with an interior reach 1e-2 within a few iterations.
    INTERIOR = 1e-4 in [1e-5, 1e-3];
    /// Absolute value from which on a limit of a linear program is left out at first, where nothing asks for it.
    /// Instance: limits of 1e12 to 1e15 on variables whose solution is of order one.
    DISTANT_LIMIT = 1e9 in [1e8, 1e11];
    /// The same where a linear program has found no answer with all limits.
    /// Instance: variables within 1e6 that hide an infeasibility.
    NEAR_LIMIT = 1e3 in [1e2, 1e5];
    /// Largest DIMACS error of an answer of a linear program that is refined.
    /// Instance: costs of 1e9 and 1e-6, of which the small one decides.
    REFINABLE = 1e-3 in [1e-4, 1e-2];
    /// Weight of the range in the metric that exposing multipliers are polished in.
    /// Instance: `qap*`.
    RANGE_WEIGHT = 1e-4 in [1e-5, 1e-3];
    /// Product of the size of a point and of its errors and rounding, both relative to the data, from which an optimum is confirmed by a
    /// feasible point of moderate size. Where `[[t, d], [d, 0]]` must be semidefinite, the product of `t` and what is missing is `d²`.
    /// Instance: `control10` is at 6e-4; `qap*`, at 2e-2 and more, are confirmed; `sdp_two_rows` and `sdp_det_minus_one` are above 1.
    HIDDEN_SIZE = 5e-3 in [1e-3, 1e-2];
    /// Tolerance of the solve that looks for that point.
    /// Instance: `sdp_point_4`, which has no interior on one side.
    CONFIRMED_FROM = 1e-4 in [3e-5, 3e-4];
}
