//! Thresholds of the transport methods that were chosen by measurement.
//!
//! They decide how long a run takes and not what it answers: every answer carries a certificate of its own.

use crate::tuned::{Tuned, tuned};

tuned! { "transport":
    /// Inverse temperature of the first half-step, for a cost of range 1: warm enough that every arc counts.
    FIRST_BETA = 10.0 in [5.0, 20.0];
    /// Points beyond which the number of half-steps grows with the square of the number of points. Measured on points in the
    /// plane: 40 half-steps suffice for 10 000. For 20 000 the run takes 100 s with 40 of them and 53 s with 160, which leave
    /// a sixth of the pivots.
    MANY_POINTS = 10_000.0 in [5_000.0, 20_000.0];
    /// Largest factor by which the number of half-steps grows. Beyond it the half-steps cost more than the pivots they save.
    MAX_STEP_GROWTH = 10.0 in [5.0, 20.0];
    /// Factor between the points of a level and of the next coarser level. With 4 all coarser levels together cost less than a
    /// tenth of the finest.
    COARSENING = 4.0 in [3.0, 8.0];
    /// Points of the coarsest level, at least. Smaller samples are noise, and the finest level is cheap at that size anyway.
    MIN_LEVEL_POINTS = 200.0 in [100.0, 400.0];
    /// Factor between the last temperature of a level and of the next finer level. A colder sample fits its own noise, which
    /// costs more half-steps on the finer level than the sample saves.
    COARSE_WARMTH = 32.0 in [16.0, 64.0];
    /// Violated arcs of a column that join in a round. More arcs per round slow every later pivot search, fewer take more
    /// rounds over the whole cost.
    PRICED_PER_COLUMN = 4.0 in [2.0, 8.0];
    /// Pivots per node between two renumberings of the tree: a renumbering copies all nodes and arcs once.
    RENUMBERING = 0.125 in [0.0625, 0.25];
    /// Largest entry of a cost over the typical least entry of a line, beyond which entries are cut off: potentials of that size leave six
    /// digits less of the others. Instance: costs of order one with entries of 1e12 and more.
    WIDE_COST = 1e6 in [1e5, 1e7];
    /// The first cap on a cost over the typical least entry of a line, and the factor between one cap and the next.
    /// Instance: as for the ratio above.
    CAP = 1e4 in [1e3, 1e5];
    /// Rounds of the interior-point finish at most; the simplex prices what is left.
    INTERIOR_ROUNDS = 40.0 in [20.0, 80.0];
    /// Reduced costs that the interior-point finish leaves to the simplex: minus this much of the range of the cost.
    INTERIOR_VIOLATION = 1e-7 in [1e-8, 1e-6];
    /// First relative tolerance of the interior-point finish. Arcs should join while the point is far from the boundary.
    INTERIOR_COARSE = 1e-3 in [3e-4, 3e-3];
    /// Second relative tolerance of the interior-point finish.
    INTERIOR_MEDIUM = 1e-5 in [3e-6, 3e-5];
    /// Last relative tolerance of the interior-point finish. Its plan only orders the arcs, and a vertex is found from there.
    INTERIOR_FINE = 1e-8 in [1e-9, 1e-7];
    /// Factor on the mean product of mass and reduced cost at which an interior-point run starts: over that of the last run where
    /// arcs joined, and over the product `1/β` that Sinkhorn's method leaves on an arc. A point further inside is nearer to
    /// feasible.
    CENTRAL_WARMTH = 5.0 in [2.5, 10.0];
    /// Passes over rows and columns towards the central path, at most.
    CENTRAL_PASSES = 100.0 in [50.0, 200.0];
    /// Marginal violation, over the mass, at which these passes end: an interior-point run needs no better start.
    CENTRAL_VIOLATION = 1e-3 in [3e-4, 3e-3];
    /// Marginal violation, over the mass, at which a coarse stage of Sinkhorn's algorithm ends: the next stage starts no better
    /// from a smaller one.
    STAGE_VIOLATION = 1e-2 in [3e-3, 3e-2];
}

/// Tolerances of the interior-point finish, one after another.
pub(crate) static INTERIOR_TOLERANCES: [&Tuned; 3] =
    [&INTERIOR_COARSE, &INTERIOR_MEDIUM, &INTERIOR_FINE];
