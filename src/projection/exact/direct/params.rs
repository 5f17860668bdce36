//! Thresholds of the direct engine, tuned by measurement.

use crate::tuned::tuned;

tuned! { "direct":
    /// Pivots of the unit-diagonal sparse matrix up to this count as rounding: they come from rows that depend on others at
    /// this weight. A one takes their place, so that the answer there is the (vanishing) residual itself. Wright (Modified
    /// Cholesky factorizations in interior-point algorithms for linear programming, SIAM J. Optim. 9, 1999) shows that pivots
    /// as small as that may be replaced by anything large.
    /// Instances: at 1e-12 `dfl001` is lost, at 1e-9 `pilot4`.
    VANISHING_PIVOT = 1e-10 in [2e-11, 5e-10];
    /// With more rows than this, no pivot below [`VANISHING_PIVOT`] is kept: pivots that are rounding would enlarge what
    /// rounding left of a residual. The number of rows stands in for the size of the rounding.
    /// Instance: `dfl001`.
    MOST_ROWS_WITH_TINY_PIVOTS = 2500.0 in [2000.0, 3500.0];
    /// Residuals of this many times the tolerance make another bound of vanishing pivots worth trying.
    EXCESSIVE_RESIDUAL = 100.0 in [30.0, 300.0];
    /// Another bound is kept when its residual is this many times smaller.
    WORTH_OTHER_PIVOTS = 10.0 in [5.0, 30.0];
    /// Rounds of refinement with a sparse factor. Each has to halve the residual, so more are hardly reached.
    REFINEMENTS = 8.0 in [6.0, 12.0];
    /// Iterations of conjugate gradients where dense columns were put back.
    /// Instance: `fit1p` needs 38.
    MAX_ITER = 40.0 in [38.0, 80.0];
    /// A variable is taken out of the sparse matrix when more than this many times the square root of the number of rows
    /// read it.
    /// Instances: `fit1p`, `israel`.
    DENSE_COLUMN = 4.0 in [3.0, 5.0];
    /// Variables that may be taken out.
    MOST_DENSE_COLUMNS = 200.0 in [150.0, 400.0];
    /// Taking variables out must divide the flops by this.
    WORTH_SPLITTING = 4.0 in [2.0, 8.0];
    /// Refinement steps with a dense factor within which a residual has to halve. Beyond, `K` is known to fewer digits than
    /// are asked for.
    PATIENCE = 8.0 in [5.0, 16.0];
}
