//! The marginals of a transport problem on a sparse set of arcs.

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
    /// By an estimate of what either costs.
    #[default]
    Auto,
    /// Sparse Cholesky, in an order of approximate minimum degree.
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
/// | `seed` | 0 | names the streams that sampled factors draw from, one an update | any |
/// | `solves` | 10 | right-hand sides expected a weight, for the automatic choice | any |
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// How to solve.
    pub factor: Factor,
    /// Root of the streams of sampled factors.
    pub seed: Seed,
    /// Right-hand sides a weight.
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

/// Vanishing pivots of the exact factor, whose matrix has a unit diagonal: below, there is nothing but rounding.
const VANISHING: f64 = 1e-15;
/// Iterations of conjugate gradients, at most.
const MAX_ITER: usize = 500;
/// Those that a sampled factor needs for some ten digits, about, for the automatic choice.
const USUAL_ITER: f64 = 40.0;
/// Residual that answers of a sampled factor have when none is asked for.
const SAMPLED_TOL: f64 = 1e-10;
/// A sampled factor has this many times the nonzeros of the graph, about.
const SAMPLED_FILL: f64 = 4.0;

/// `P = Bᵀ(BBᵀ)⁻¹B` for the marginals of a transport problem on given arcs, `B = A·diag(w)`.
///
/// The rows of `A` are the sums over the rows, then over the columns, of a plan with one nonnegative number an arc. They depend on
/// each other once per component of the graph of the arcs; so the one with the most arcs of every component is left out. Those
/// that are kept are independent by construction, so that no test of independence is made. `BBᵀ` is
/// `[Diag(r) W; Wᵀ Diag(c)]` with the squared weights `W` and their sums, and with the signs of the columns changed a weighted
/// graph Laplacian without one vertex a component.
///
/// Where its Cholesky factor stays sparse (points in the plane) it is factored; where the arcs form an expander (points in high
/// dimension) it would fill in, and conjugate gradients with a sampled factor take its place, whose weights cannot cancel. They also
/// help out where the exact factor loses too many digits.
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
/// Exact, `Σ l_j²` flops an update for the lengths `l_j` of the columns of the factor, and `4 Σ l_j` a solve; sampled,
/// `O(arcs log arcs)` an update and `O(arcs)` an iteration. Space as many numbers as the factor has, and a copy of the weight.
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
    /// Sampled factors so far.
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
    /// For rows that are such sums: one nonnegative block, every number in at most two rows with coefficient 1, rows that
    /// divide into those of the plan and those of its columns, and no dependent rows. [`Bipartite::of_arcs`] makes them.
    ///
    /// # Errors
    /// Those of [`Bipartite::with_settings`].
    pub fn new(rows: impl Into<Arc<Constraints>>) -> Result<Self> {
        Self::with_settings(rows, Settings::default())
    }

    /// The same, with settings.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for other rows; [`Error::RankDeficient`] for the sums of a whole component.
    ///
    /// # Complexity
    /// A pass over the entries and, unless sampling is asked for, a symbolic factorisation.
    pub fn with_settings(rows: impl Into<Arc<Constraints>>, settings: Settings) -> Result<Self> {
        let a = rows.into();
        Self::on(Graph::of_rows(&a)?, a, settings)
    }

    /// For a plan of `m` rows and `n` columns on the arcs `(row, column)`, whose numbers stand in this order.
    ///
    /// # Errors
    /// Those of [`Bipartite::of_arcs_with`].
    pub fn of_arcs(m: usize, n: usize, arcs: &[(usize, usize)]) -> Result<Self> {
        Self::of_arcs_with(m, n, arcs, Settings::default())
    }

    /// The same, with settings.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an arc without its row or column, [`Error::Duplicate`] for one that is given twice,
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

    /// The marginal of every row of `A`: below `m` that of a row of the plan, from there on of a column. Where the rows were
    /// given, their own numbers.
    pub fn kept(&self) -> &[usize] {
        &self.graph.kept
    }

    /// What solves: [`Factor::Exact`] or [`Factor::Sampled`].
    pub fn factor(&self) -> Factor {
        match self.exact {
            Some(_) => Factor::Exact,
            None => Factor::Sampled,
        }
    }

    /// Numbers in the factor, 0 before the first weight where it is sampled.
    pub fn nonzeros(&self) -> usize {
        match (&self.exact, &self.sampled) {
            (Some(exact), _) => exact.factor.nonzeros(),
            (None, Some(sampled)) => sampled.nonzeros(),
            (None, None) => 0,
        }
    }

    fn sample(&mut self) {
        let ground = self.graph.len() as u32;
        let arcs = self.graph.ends.iter().zip(&self.squares);
        // Arcs between two dropped vertices are components of their own.
        let edges: Vec<(u32, u32, f64)> = arcs
            .map(|((u, v), d)| (*u, *v, *d))
            .filter(|(u, v, _)| (*u, *v) != (ground, ground))
            .collect();
        let seed = self.settings.seed;
        let mut rng = seed.stream(Lane::LAPLACIAN, 0, self.epoch);
        self.epoch += 1;
        self.sampled = Some(SampledCholesky::new(self.graph.len(), &edges, &mut rng));
    }

    /// One pass over all columns of `work.given`; answers in `work.answer`.
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
        const WHAT: &str = "squares of the weight";
        check_forms(self, weight, "Bipartite")?;
        let weight = OwnedWeight::new_all(self.a.blocks(), weight)?;
        let [OwnedWeight::Nonneg(w)] = &weight[..] else {
            let (what, by) = ("this weight", "the marginals of a transport problem");
            return Err(Error::Unsupported { what, by });
        };
        let clock = Instant::now();
        let squares: Vec<f64> = w.iter().map(|w| w * w).collect();
        if let Some(pivot) = squares.iter().position(|d| *d < f64::MIN_POSITIVE) {
            return Err(Error::NotPositiveDefinite { what: WHAT, pivot });
        }
        let diagonal = self.graph.diagonal(&squares);
        check_finite(WHAT, &squares)?;
        check_finite("diagonal of the Gram matrix", &diagonal)?;
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
            // The exact factor lost its digits: one that cannot, for this and what else is asked at this weight.
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
