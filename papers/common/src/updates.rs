//! What the projection benchmarks share: a stream of weights with full turnover, and interleaved medians.

use dyncvx::constraints::{Block, Constraints};
use dyncvx::projection::kronecker::{LowRank, Settings};
use dyncvx::projection::{Accuracy, Complement, Goal, Kronecker, Projection, Recompute, Refresh};
use dyncvx::random::{Lane, Seed};
use faer::Mat;
use rand_chacha::ChaCha20Rng;
use rand_distr::{Distribution, StandardNormal};
use std::collections::VecDeque;
use std::time::Instant;

/// Relative residual that both sides answer to.
pub const RESIDUAL: f64 = 1e-10;

/// `0.3 I + Σ V_t V_tᵀ / n` over a window of `n` directions: the oldest leave as new ones come, in turns, so that every
/// change is of the asked rank, nothing of an old weight lasts, and the condition number stays near 10.
#[derive(Debug)]
pub struct Walk {
    /// The weight after the last step.
    pub weight: Mat<f64>,
    rank: usize,
    leave: bool,
    terms: VecDeque<Mat<f64>>,
    rng: ChaCha20Rng,
}

impl Walk {
    /// The weight after `n` directions have come, each change of rank `rank`.
    pub fn new(n: usize, rank: usize, seed: u64) -> Self {
        let mut walk = Self {
            weight: Mat::from_fn(n, n, |i, j| if i == j { 0.3 } else { 0.0 }),
            rank,
            leave: false,
            terms: VecDeque::new(),
            rng: Seed::from(seed).stream(Lane::SCRIPT, 0, 0),
        };
        for _ in 0..n.div_ceil(rank) {
            walk.leave = false;
            walk.step();
        }
        walk
    }

    /// Moves the weight; returns `V` and `C`.
    pub fn step(&mut self) -> (Mat<f64>, Mat<f64>) {
        let n = self.weight.nrows();
        let (v, sign) = match self.leave.then(|| self.terms.pop_front()).flatten() {
            Some(v) => (v, -1.0),
            None => {
                let v = Mat::from_fn(n, self.rank, |_, _| StandardNormal.sample(&mut self.rng));
                self.terms.push_back(v);
                (self.terms[self.terms.len() - 1].clone(), 1.0)
            }
        };
        self.leave = !self.leave;
        let c = Mat::from_fn(self.rank, self.rank, |i, j| {
            if i == j { sign / n as f64 } else { 0.0 }
        });
        let next = &self.weight + &v * &c * v.transpose();
        self.weight = Mat::from_fn(n, n, |i, j| 0.5 * (next[(i, j)] + next[(j, i)]));
        (v, c)
    }
}

/// The middle one of some times, NaN of none.
pub fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Medians and means of one interleaved run.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Median seconds of [`Recompute`] per change and query.
    pub naive: f64,
    /// Median seconds of [`Kronecker`] per change and query.
    pub maintained: f64,
    /// Mean of the maintained seconds: rebuilds and flushes count in full.
    pub amortised: f64,
    /// The largest relative residual of all answers.
    pub worst_residual: f64,
    /// Refinement steps per query.
    pub iterations: f64,
    /// Rebuilds of the maintained structure.
    pub rebuilds: usize,
    /// The rank that the maintained structure absorbed in all.
    pub absorbed_rank: usize,
    /// Median of [`Complement`], where the rows leave out fewer positions than they are.
    pub complement: Option<f64>,
}

/// Seconds of one query, its residual checked.
fn timed_query(p: &mut dyn Projection, h: &Mat<f64>, worst: &mut f64) -> f64 {
    let shape = p.shape();
    let (mut y, mut ph) = (
        Mat::zeros(shape.constraints, 1),
        Mat::zeros(shape.ambient, 1),
    );
    let t = Instant::now();
    let accuracy = p.query(
        h.as_ref(),
        Goal::Residual(RESIDUAL),
        y.as_mut(),
        ph.as_mut(),
    );
    let seconds = t.elapsed().as_secs_f64();
    match accuracy {
        Ok(Accuracy::Exact { residual, .. }) => *worst = worst.max(residual),
        other => panic!("{other:?}"),
    }
    seconds
}

/// `updates` changes of rank `rank`, each followed by a query to [`RESIDUAL`], on both structures in turns; the naive one
/// is asked at every `every`-th.
pub fn update_and_query(
    (n, m, entries, rank): (usize, usize, usize, usize),
    updates: usize,
    every: usize,
    settings: Settings,
) -> Measured {
    let a =
        Constraints::independent(m, &[Block::Psd(n)], entries, 1.into()).expect("independent rows");
    let mut walk = Walk::new(n, rank, 2);
    let start: [_; 1] = [(&walk.weight).into()];
    let mut kept = Kronecker::with_settings(a.clone(), settings)
        .expect("a first weight")
        .with_weight(&start)
        .expect("a first weight");
    let mut rest = (4 * m > n * (n + 1)).then(|| {
        Complement::new(a.clone())
            .expect("a structure")
            .with_weight(&start)
            .expect("a structure")
    });
    let mut naive = Recompute::new(a).expect("a structure");
    let ambient = n * n;
    let mut rng = Seed::from(3).stream(Lane::SCRIPT, 0, 0);
    let (mut slow, mut fast, mut through_rest, mut worst) = (vec![], vec![], vec![], 0.0f64);
    // Updates before the clock starts: the inverse is formed and the rates are known.
    let warm = updates / 4;
    for step in 0..warm + updates {
        let (v, c) = walk.step();
        let h = Mat::from_fn(ambient, 1, |_, _| StandardNormal.sample(&mut rng));
        let t = Instant::now();
        let told = LowRank {
            block: 0,
            v: v.as_ref(),
            c: c.as_ref(),
        };
        kept.update_low_rank(&[told]).expect("a change");
        let seconds = t.elapsed().as_secs_f64();
        let seconds = seconds + timed_query(&mut kept, &h, &mut worst);
        if step < warm {
            continue;
        }
        fast.push(seconds);
        if (step - warm).is_multiple_of(every) {
            let mut whole = |p: &mut dyn Projection| {
                let t = Instant::now();
                p.update(&[(&walk.weight).into()]).expect("a weight");
                t.elapsed().as_secs_f64() + timed_query(p, &h, &mut worst)
            };
            slow.push(whole(&mut naive));
            if let Some(rest) = &mut rest {
                through_rest.push(whole(rest));
            }
        }
    }
    let c = kept.counters();
    if std::env::var_os("DYNCVX_BENCH_VERBOSE").is_some() {
        eprintln!("{c:?}\n{:?}", kept.contents());
    }
    Measured {
        naive: median(slow),
        amortised: fast.iter().sum::<f64>() / fast.len() as f64,
        maintained: median(fast),
        worst_residual: worst,
        iterations: c.iterations as f64 / c.queries.max(1) as f64,
        rebuilds: c.rebuilds,
        absorbed_rank: c.absorbed_rank,
        complement: rest.map(|_| median(through_rest)),
    }
}

/// `m/(3nr)`: what an `f64` structure that multiplies out every change of inner dimension `nr` can gain at most.
pub fn roofline(n: usize, m: usize, rank: usize) -> f64 {
    m as f64 / (3 * n * rank) as f64
}

/// Whether an update was followed as a change of low rank.
pub fn was_low_rank(refresh: Refresh) -> bool {
    matches!(refresh, Refresh::LowRank { .. })
}
