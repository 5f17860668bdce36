//! The projection for the marginals of a transport problem on a sparse set of arcs.

mod graph;

use crate::clock::Instant;
use crate::constraints::{BlockWeight, Constraints, OwnedWeight, WeightForm, Weighted};
use crate::error::{Error, Result, check_finite, check_shape};
use crate::linalg::machine::{SAMPLED_ENTRY_SECONDS, SPARSE_FLOPS, SPARSE_SOLVE_SECONDS};
use crate::linalg::pcg::{Limits, Systems, Workspace, pcg};
use crate::linalg::sampled_cholesky::SampledCholesky;
use crate::linalg::sparse_cholesky::SparseCholesky;
use crate::projection::gram::Refiner;
use crate::projection::{
    Accuracy, Goal, Projection, Reason, Refresh, Report, Seconds, Shape, Support, check_forms,
};
use crate::random::{Lane, Seed};
use faer::MatMut;
use faer::prelude::ReborrowMut as _;
use graph::{Graph, Pattern};
use std::sync::Arc;

/// How [`Bipartite`] solves with `BBᵀ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Factor {
    /// The one of the two others that an estimate finds cheaper.
    #[default]
    Auto,
    /// Sparse Cholesky in an approximate minimum degree order.
    Exact,
    /// Conjugate gradients, preconditioned by an approximate Cholesky factor that samples its fill[^KS16].
    ///
    /// [^KS16]: Kyng, Sachdeva. Approximate Gaussian elimination for Laplacians: fast, sparse, and simple. FOCS 2016.
    Sampled,
}

/// Settings of [`Bipartite`].
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `factor` | automatic | see [`Factor`] | |
/// | `seed` | 0 | root of the random streams of sampled factors, one stream per factor | any |
/// | `solves` | 10 | right-hand sides expected per weight, for the automatic choice | any |
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// How to solve.
    pub factor: Factor,
    /// Root of the streams of sampled factors.
    pub seed: Seed,
    /// Right-hand sides expected per weight.
    pub solves: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            factor: Factor::Auto,
            seed: Seed::default(),
            solves: 10,
        }
    }
}

/// Pivots of the exact factor up to this count as zero. The factored matrix has a unit diagonal, so smaller pivots are rounding
/// errors.
const VANISHING: f64 = 1e-15;
/// Largest number of conjugate gradient iterations.
const MAX_ITER: usize = 500;
/// Typical number of iterations with a sampled factor for about ten digits; used by the automatic choice only.
const USUAL_ITER: f64 = 40.0;
/// Relative residual of answers from a sampled factor when the goal asks for none.
const SAMPLED_TOL: f64 = 1e-10;
/// Approximate ratio of the nonzeros of a sampled factor to the arcs of the graph.
const SAMPLED_FILL: f64 = 4.0;
/// Named in errors.
const SQUARES: &str = "squares of the weight";

/// `P = Bᵀ(BBᵀ)⁻¹B` for the marginals of a transport problem on given arcs, `B = A·diag(w)`.
///
/// A plan has one nonnegative number per arc. The rows of `A` are the sums over the rows of the plan, then the sums over its
/// columns. These marginals have one linear dependence per component of the graph of the arcs. So the marginal with the
/// most arcs is left out of every component. The others are independent by construction, and no test of independence is made.
///
/// `BBᵀ` is `[Diag(r) W; Wᵀ Diag(c)]` with the squared weights `W` and their row and column sums `r` and `c`. With the signs of the
/// columns of the plan changed, `BBᵀ` is a weighted graph Laplacian without one vertex per component.
///
/// Where the Cholesky factor of the Laplacian stays sparse (points in the plane), the Laplacian is factored. Where the arcs form
/// an expander (points in high dimension), the factor would fill in, and conjugate gradients with a sampled factor replace
/// it. The weights of a sampled factor are positive and cannot cancel, so the sampled factor also replaces an exact factor
/// that loses too many digits.
///
/// ```
/// use dyncvx::constraints::BlockWeight;
/// use dyncvx::faer::mat;
/// use dyncvx::projection::{Accuracy, Bipartite, Goal, Projection};
/// // Two rows, two columns, three arcs: one marginal of four is left out.
/// let mut p = Bipartite::of_arcs(2, 2, &[(0, 0), (0, 1), (1, 1)])?;
/// assert_eq!((p.shape().constraints, p.kept().len()), (3, 3));
/// p.update(&[BlockWeight::Nonneg(&[1.0, 1e-3, 1.0])])?;
/// let mut y = mat![[1.0], [0.5], [0.25]];
/// let accuracy = p.solve(y.as_mut(), Goal::Residual(1e-12))?;
/// assert!(matches!(accuracy, Accuracy::Exact { residual, .. } if residual <= 1e-12));
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Complexity
/// Exact: `Σ l_j²` flops per update for the lengths `l_j` of the columns of the factor, and `4 Σ l_j` flops per solve. Sampled:
/// `O(arcs log arcs)` per update and `O(arcs)` per iteration. Space: the nonzeros of the factor and a copy of the weight.
#[derive(Debug, Clone)]
pub struct Bipartite {
    a: Arc<Constraints>,
    graph: Arc<Graph>,
    settings: Settings,
    exact: Option<Exact>,
    sampled: Option<SampledCholesky>,
    weight: Option<Vec<OwnedWeight>>,
    squares: Vec<f64>,
    refiner: Refiner,
    work: Work,
    /// Number of factors sampled so far: the index of the next random stream.
    epoch: u64,
    seconds: Seconds,
}

/// The exact factor of the scaled Laplacian.
#[derive(Debug, Clone)]
struct Exact {
    pattern: Arc<Pattern>,
    factor: SparseCholesky,
    values: Vec<f64>,
    scale: Vec<f64>,
}

#[derive(Debug, Clone, Default)]
struct Work {
    given: Vec<f64>,
    answer: Vec<f64>,
    conjugate: Workspace,
}

impl Bipartite {
    /// A structure for given rows, without a weight yet. The rows must be marginals of a plan: one nonnegative block, every
    /// variable in at most two rows with coefficient 1, rows that divide into sums over rows and sums over columns of the
    /// plan, and no dependent rows. [`Bipartite::of_arcs`] makes such rows.
    ///
    /// # Errors
    /// Those of [`Bipartite::with_settings`].
    pub fn new(rows: impl Into<Arc<Constraints>>) -> Result<Self> {
        Self::with_settings(rows, Settings::default())
    }

    /// [`Bipartite::new`] with settings.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for other rows; [`Error::RankDeficient`] when the rows include all marginals of a component.
    ///
    /// # Complexity
    /// A pass over the entries and, unless sampling is asked for, a symbolic factorisation.
    pub fn with_settings(rows: impl Into<Arc<Constraints>>, settings: Settings) -> Result<Self> {
        let a = rows.into();
        Self::on(Graph::of_rows(&a)?, a, settings)
    }

    /// A structure for a plan of `m` rows and `n` columns on the arcs `(row, column)`. The variables have the order of the arcs.
    ///
    /// # Errors
    /// Those of [`Bipartite::of_arcs_with`].
    pub fn of_arcs(m: usize, n: usize, arcs: &[(usize, usize)]) -> Result<Self> {
        Self::of_arcs_with(m, n, arcs, Settings::default())
    }

    /// [`Bipartite::of_arcs`] with settings.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an arc outside the plan, [`Error::Duplicate`] for an arc given twice,
    /// [`Error::InvalidSetting`] without arcs, [`Error::TooLarge`].
    ///
    /// # Complexity
    /// A sort of the arcs and, unless sampling is asked for, a symbolic factorisation.
    pub fn of_arcs_with(
        m: usize,
        n: usize,
        arcs: &[(usize, usize)],
        settings: Settings,
    ) -> Result<Self> {
        let (graph, a) = Graph::new(m, n, arcs)?;
        Self::on(graph, Arc::new(a), settings)
    }

    fn on(graph: Graph, a: Arc<Constraints>, settings: Settings) -> Result<Self> {
        let exact = match settings.factor {
            Factor::Sampled => None,
            _ => graph.analyse().filter(|(_, factor)| {
                settings.factor == Factor::Exact || pays(factor, &graph, settings.solves)
            }),
        };
        let exact = exact.map(|(pattern, factor)| Exact {
            pattern: Arc::new(pattern),
            factor,
            values: vec![],
            scale: vec![],
        });
        Ok(Self {
            refiner: Refiner::new(a.clone()),
            a,
            graph: Arc::new(graph),
            settings,
            exact,
            sampled: None,
            weight: None,
            squares: vec![],
            work: Work::default(),
            epoch: 0,
            seconds: Seconds::default(),
        })
    }

    /// The rows `A`, for a [`ConicProgram`](crate::problem::ConicProgram).
    pub fn constraints(&self) -> &Arc<Constraints> {
        &self.a
    }

    /// The number of the marginal of every row of `A`. For a structure made from arcs, numbers below `m` are sums over a row of
    /// the plan, and the others are sums over a column. For a structure made from rows, these are the numbers of the rows.
    pub fn kept(&self) -> &[usize] {
        &self.graph.kept
    }

    /// The kind of factor in use: [`Factor::Exact`] or [`Factor::Sampled`].
    pub fn factor(&self) -> Factor {
        match self.exact {
            Some(_) => Factor::Exact,
            None => Factor::Sampled,
        }
    }

    /// Number of nonzeros of the factor; 0 for a sampled factor before the first weight.
    pub fn nonzeros(&self) -> usize {
        match (&self.exact, &self.sampled) {
            (Some(exact), _) => exact.factor.nonzeros(),
            (None, Some(sampled)) => sampled.nonzeros(),
            (None, None) => 0,
        }
    }

    /// Samples a factor at the current weight.
    fn sample(&mut self) {
        let ground = self.graph.len() as u32;
        let arcs = self.graph.ends.iter().zip(&self.squares);
        // An arc between two dropped vertices touches no kept row.
        let edges: Vec<(u32, u32, f64)> = arcs
            .map(|((u, v), d)| (*u, *v, *d))
            .filter(|(u, v, _)| (*u, *v) != (ground, ground))
            .collect();
        let seed = self.settings.seed;
        let mut rng = seed.stream(Lane::LAPLACIAN, 0, self.epoch);
        self.epoch += 1;
        self.sampled = Some(SampledCholesky::new(self.graph.len(), &edges, &mut rng));
    }

    /// Solves for all columns of `work.given` with the factor in use; the answers are in `work.answer`. Returns the largest
    /// residual and the number of iterations.
    fn attempt(&mut self, tol: f64) -> (f64, usize) {
        let Self {
            graph,
            squares,
            exact,
            sampled,
            work,
            ..
        } = self;
        let n = graph.len();
        let precondition = |mut v: MatMut<'_, f64>| {
            for j in 0..v.ncols() {
                let Some(column) = v.rb_mut().col_mut(j).try_as_col_major_mut() else {
                    continue;
                };
                let v = column.as_slice_mut();
                graph.flip(v);
                match (sampled.as_ref(), exact.as_mut()) {
                    (Some(sampled), _) => sampled.solve_in_place(v),
                    (None, Some(exact)) => exact.solve(v),
                    (None, None) => {}
                }
                graph.flip(v);
            }
        };
        let apply = |y: &[f64], out: &mut [f64]| {
            for (y, out) in y.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
                graph.apply(squares, y, out);
            }
        };
        work.answer.clear();
        work.answer.resize(work.given.len(), 0.0);
        let reached = pcg(
            apply,
            precondition,
            Systems {
                n,
                b: &work.given,
                x: &mut work.answer,
            },
            Limits::new(tol, MAX_ITER),
            &mut work.conjugate,
        );
        (reached.residual, reached.iterations)
    }
}

/// Whether the exact factor is estimated to cost less than sampled ones.
fn pays(factor: &SparseCholesky, graph: &Graph, solves: usize) -> bool {
    let (arcs, solves) = (graph.ends.len() as f64, solves as f64);
    let exact = factor.flops() / SPARSE_FLOPS
        + solves * 2.0 * factor.nonzeros() as f64 * SPARSE_SOLVE_SECONDS;
    let filled = SAMPLED_FILL * arcs;
    let sampled = filled * SAMPLED_ENTRY_SECONDS
        + solves * USUAL_ITER * (2.0 * filled + 2.0 * arcs) * SPARSE_SOLVE_SECONDS;
    exact <= sampled
}

impl Exact {
    fn solve(&mut self, v: &mut [f64]) {
        v.iter_mut().zip(&self.scale).for_each(|(v, s)| *v *= s);
        self.factor.solve_in_place(v);
        v.iter_mut().zip(&self.scale).for_each(|(v, s)| *v *= s);
    }
}

impl Projection for Bipartite {
    fn shape(&self) -> Shape {
        Shape::of(&self.a)
    }

    fn supports(&self, form: WeightForm) -> Support {
        Support::when(form == WeightForm::Nonneg)
    }

    fn report(&self) -> Report {
        Report {
            seconds: Some(self.seconds),
            ..Report::default()
        }
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> Result<Refresh> {
        // The squares of the weight must be normal numbers: they are the weights of the Laplacian.
        check_forms(self, weight, "Bipartite")?;
        let weight = OwnedWeight::new_all(self.a.blocks(), weight)?;
        let [OwnedWeight::Nonneg(w)] = &weight[..] else {
            let (what, by) = (
                "a weight of more than one block",
                "the marginals of a transport problem",
            );
            return Err(Error::Unsupported { what, by });
        };
        let clock = Instant::now();
        let squares: Vec<f64> = w.iter().map(|w| w * w).collect();
        if let Some(pivot) = squares.iter().position(|d| *d < f64::MIN_POSITIVE) {
            let what = SQUARES;
            return Err(Error::NotPositiveDefinite { what, pivot });
        }
        let diagonal = self.graph.diagonal(&squares);
        check_finite(SQUARES, &squares)?;
        check_finite("diagonal of the Gram matrix", &diagonal)?;
        // Factor exactly where the settings or the estimate say so; sample a factor otherwise, or if the exact one fails.
        self.squares = squares;
        self.weight = Some(weight);
        self.refiner.forget();
        self.sampled = None;
        let mut factored = false;
        if let Some(exact) = &mut self.exact {
            exact.scale.clear();
            let scale = diagonal.iter().map(|d| 1.0 / d.sqrt());
            exact.scale.extend(scale);
            let Exact {
                pattern,
                values,
                scale,
                ..
            } = exact;
            pattern.assemble(&self.graph, &self.squares, &diagonal, scale, values);
            self.seconds.assembly += clock.elapsed().as_secs_f64();
            let clock = Instant::now();
            factored = exact.factor.factor_semidefinite(&exact.values, VANISHING);
            self.seconds.factorisation += clock.elapsed().as_secs_f64();
        }
        if !factored {
            let clock = Instant::now();
            self.sample();
            self.seconds.factorisation += clock.elapsed().as_secs_f64();
        }
        Ok(Refresh::Rebuilt(Reason::Always))
    }

    fn operator(&mut self, _goal: Goal) -> Result<&mut Weighted> {
        self.refiner
            .weighted(self.weight.as_ref().ok_or(Error::NoWeight)?)
    }

    fn solve(&mut self, mut rhs: MatMut<'_, f64>, goal: Goal) -> Result<Accuracy> {
        if self.weight.is_none() {
            return Err(Error::NoWeight);
        }
        let n = self.graph.len();
        check_shape("right-hand side", (n, rhs.ncols()), rhs.shape())?;
        let mut tol = goal.tolerance()?;
        for j in 0..rhs.ncols() {
            check_finite("right-hand side", rhs.as_ref().col(j).iter())?;
        }
        self.work.given.clear();
        for j in 0..rhs.ncols() {
            self.work.given.extend(rhs.as_ref().col(j).iter());
        }
        if self.sampled.is_some() {
            tol = tol.min(SAMPLED_TOL);
        }
        let (mut residual, mut iterations) = self.attempt(tol);
        if residual > tol.max(SAMPLED_TOL) && self.sampled.is_none() {
            // The exact factor lost too many digits: use a sampled factor for the remaining solves at this weight.
            let before = core::mem::take(&mut self.work.answer);
            self.sample();
            let (left, more) = self.attempt(tol);
            iterations += more;
            if left < residual {
                residual = left;
            } else {
                self.work.answer = before;
                self.sampled = None;
            }
        }
        for (j, answer) in self.work.answer.chunks_exact(n.max(1)).enumerate() {
            let column = rhs.as_mut().col_mut(j);
            column.iter_mut().zip(answer).for_each(|(r, a)| *r = *a);
        }
        Ok(Accuracy::Exact {
            residual,
            iterations,
        })
    }
}
