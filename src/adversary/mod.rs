//! Adaptive attackers on randomised structures that answer set queries, and a harness that measures what they achieve.
//!
//! A randomised structure approximates `gᵀh`, for the row `g` that belongs to a coordinate and whatever vector `h` it is
//! asked with. Its guarantee is for vectors chosen without looking at earlier answers; these attackers look. Wrap your own
//! structure in a [`Target`] (or a closure in a [`FromFn`]) and [`run`] any [`Attacker`] against it; [`Oblivious`] gives
//! the baseline. Everything but the structure's randomness is known to an attacker, the exact rows too.
//!
//! ```
//! use dyncvx::adversary::{FromFn, Oblivious, Settings, SignCorrelation, run};
//! use dyncvx::random::{Lane, Seed};
//! use rand_distr::{Distribution, StandardNormal};
//! // A structure that is off by a fixed secret functional: harmless until somebody finds the direction.
//! let mut rng = Seed::from(1).stream(Lane::GENERATOR, 0, 0);
//! let secret: Vec<f64> = (0..64).map(|_| { let z: f64 = StandardNormal.sample(&mut rng); 0.1 * z }).collect();
//! let mut row = vec![0.0; 64];
//! row[0] = 1.0;
//! let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
//! let mut target = FromFn::new(vec![row], |h: &[f64], _: usize| h[0] + dot(&secret, h));
//! let settings = Settings::new(2000, vec![0]);
//! let calm = run(&mut target, &mut Oblivious::new(1.into()), &settings, None)?;
//! let attacked = run(&mut target, &mut SignCorrelation::new(1.into()), &settings, None)?;
//! assert!(attacked.worst_p95() > 3.0 * calm.p95());
//! # Ok::<(), dyncvx::Error>(())
//! ```

mod attackers;
mod harness;
mod model;
mod structure;

pub use attackers::{
    Mover, Oblivious, Potential, Reconstruction, SUITE, SignCorrelation, attacker,
};
pub use harness::{Observer, Progress, Run, Settings, run};
pub use model::{Answer, FromFn, GaussianCopies};
pub use structure::{PlainMedian, Structure};

use crate::error::Result;

/// What is attacked: a structure that answers with approximations of `gᵀh`.
pub trait Target {
    /// Length `N` of `h`.
    fn ambient(&self) -> usize;

    /// One answer a coordinate, into `out`.
    ///
    /// # Errors
    /// The structure's own, [`Error::BudgetExhausted`](crate::Error::BudgetExhausted) among them; they end a run.
    fn answer(&mut self, h: &[f64], coords: &[usize], out: &mut [f64]) -> Result<()>;

    /// The row `g` of a coordinate: the exact answer is `gᵀh`.
    ///
    /// # Errors
    /// The structure's own.
    fn row(&mut self, coord: usize, out: &mut [f64]) -> Result<()>;

    /// Order `n` of the weight that [`Target::update`] changes; `None` when there is none to change.
    fn order(&self) -> Option<usize> {
        None
    }

    /// `W ← W + gain · (Wv)(Wv)ᵀ/(vᵀWv)`: rank one, positive definite again for any `gain > −1`, and undone by the gain
    /// `−gain/(1 + gain)` with the same `v`. Returns whether it was done; the rows may be others afterwards.
    ///
    /// # Errors
    /// The structure's own.
    fn update(&mut self, v: &[f64], gain: f64) -> Result<bool> {
        let _ = (v, gain);
        Ok(false)
    }
}

/// What an attacker knows when its turn comes.
#[derive(Debug)]
pub struct View<'a> {
    /// Number of questions asked so far.
    pub round: usize,
    /// Number of questions it may ask.
    pub rounds: usize,
    /// Coordinates it is expected to ask for; it may ask for as many others instead.
    pub watch: &'a [usize],
    /// The exact rows of those, one after another, `N` numbers each.
    pub rows: &'a [Vec<f64>],
    /// Length of `h`.
    pub ambient: usize,
    /// Order of the weight that may be changed.
    pub order: Option<usize>,
}

/// A rank-one change of the target's weight, see [`Target::update`].
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Direction.
    pub v: Vec<f64>,
    /// Relative size, above −1.
    pub gain: f64,
}

/// Somebody who chooses each question after seeing the answers to all earlier ones.
pub trait Attacker {
    /// What it is called, lower case with dashes.
    fn name(&self) -> &'static str;

    /// The next question: fills `h` (any length but 0) and may replace the coordinates, which are those of the watch list
    /// when it is called, by as many others.
    fn ask(&mut self, view: &View<'_>, h: &mut [f64], coords: &mut Vec<usize>);

    /// The answers to it, and by how much each is off.
    fn learn(&mut self, view: &View<'_>, h: &[f64], answers: &[f64], errors: &[f64]);

    /// A change of the weight wanted before the next question.
    fn change(&mut self, view: &View<'_>) -> Option<Change> {
        let _ = view;
        None
    }
}
