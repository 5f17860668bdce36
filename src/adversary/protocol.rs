//! The two sides of an attack: who asks and who answers.

use crate::error::Result;

/// What is attacked: a structure that answers with approximations of `gᵀh`.
pub trait Target {
    /// Length `N` of `h`.
    fn ambient(&self) -> usize;

    /// Number of coordinates that may be asked for: `N` unless the target has fewer.
    fn coordinates(&self) -> usize {
        self.ambient()
    }

    /// Writes one answer per coordinate into `out`.
    ///
    /// # Errors
    /// Those of the structure, [`Error::BudgetExhausted`](crate::Error::BudgetExhausted) among them; they end a run.
    fn answer(&mut self, h: &[f64], coords: &[usize], out: &mut [f64]) -> Result<()>;

    /// Writes the row `g` of a coordinate: the exact answer is `gᵀh`.
    ///
    /// # Errors
    /// Those of the structure.
    fn row(&mut self, coord: usize, out: &mut [f64]) -> Result<()>;

    /// Order `n` of the weight that [`Target::update`] changes; `None` if there is no weight to change.
    fn order(&self) -> Option<usize> {
        None
    }

    /// `W ← W + gain · (Wv)(Wv)ᵀ/(vᵀWv)`: a rank-one change that keeps `W` positive definite for any `gain > −1`. The gain
    /// `−gain/(1 + gain)` with the same `v` undoes it. Returns whether the weight was changed; rows may then be different.
    ///
    /// # Errors
    /// Those of the structure.
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
    /// Coordinates that it is expected to ask for; it may ask for as many others instead.
    pub watch: &'a [usize],
    /// The exact rows of the watched coordinates, `N` numbers each.
    pub rows: &'a [Vec<f64>],
    /// Length of `h`.
    pub ambient: usize,
    /// Number of coordinates that it may ask for.
    pub coordinates: usize,
    /// Order of the weight that it may change.
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

impl Change {
    /// The change that takes this one back.
    pub fn inverse(self) -> Self {
        Self {
            v: self.v,
            gain: -self.gain / (1.0 + self.gain),
        }
    }
}

/// Somebody who chooses each question after seeing the answers to all earlier ones.
pub trait Attacker {
    /// Its name, lower case with dashes.
    fn name(&self) -> &'static str;

    /// The next question: fills `h` with a vector that is not 0. `coords` holds the watched coordinates; the attacker may
    /// replace them by as many others.
    fn ask(&mut self, view: &View<'_>, h: &mut [f64], coords: &mut Vec<usize>);

    /// Sees the answers to the question, and by how much each is off.
    fn learn(&mut self, view: &View<'_>, h: &[f64], answers: &[f64], errors: &[f64]);

    /// A change of the weight that it wants before the next question.
    fn change(&mut self, view: &View<'_>) -> Option<Change> {
        let _ = view;
        None
    }
}
