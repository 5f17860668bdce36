//! The names of what a solve tries.

use super::Ended;
use core::fmt;

/// What one run of the interior-point method follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Mehrotra's predictor and corrector with multiple centrality correctors; for programs of nonnegative variables alone.
    Linear,
    /// Directions of Helmberg, Kojima and Monteiro.
    Hkm,
    /// Directions of Nesterov and Todd.
    NesterovTodd,
}

impl Method {
    /// The name in snake case, as in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Method::Linear => "linear",
            Method::Hkm => "hkm",
            Method::NesterovTodd => "nesterov_todd",
        }
    }
}

/// From where, and to which tolerances, an attempt runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Pass {
    /// From the method's own start, to the tolerances of the caller.
    #[default]
    First,
    /// From the point that the caller gave.
    Warm,
    /// From the method's own start, after a warm start led to no answer.
    Cold,
    /// To sharper tolerances: the program as stated misses the caller's.
    Tightened,
    /// Without the limits of a linear program that lie far away, which most solutions do not reach.
    Relaxed,
    /// For the correction that an answer lacks, in units in which the correction is of moderate size.
    Refined,
}

/// What an attempt does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// One run on the program.
    Run(Method),
    /// One run on the auxiliary program whose multipliers expose a face.
    Search(Method),
    /// The primal point is brought back to `A x = b`.
    Restore,
    /// Short steps along the central path, see [`short_step`](super::short_step).
    ShortStep,
}

/// One attempt of a solve. Displayed as a path: `hkm`, `cold/linear`, `face1/search/hkm`, `tightened/restore`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Attempt {
    /// From where, and to which tolerances.
    pub pass: Pass,
    /// How many faces were descended to; 0 is the program itself.
    pub face: u8,
    /// What is done.
    pub step: Step,
}

impl Attempt {
    /// The first run of one method on a program.
    pub(crate) fn run(method: Method) -> Self {
        Self {
            pass: Pass::First,
            face: 0,
            step: Step::Run(method),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pass {
            Pass::First => {}
            Pass::Warm => f.write_str("warm/")?,
            Pass::Cold => f.write_str("cold/")?,
            Pass::Tightened => f.write_str("tightened/")?,
            Pass::Relaxed => f.write_str("relaxed/")?,
            Pass::Refined => f.write_str("refined/")?,
        }
        if self.face > 0 {
            write!(f, "face{}/", self.face)?;
        }
        match self.step {
            Step::Run(method) => f.write_str(method.name()),
            Step::Search(method) => write!(f, "search/{}", method.name()),
            Step::Restore => f.write_str("restore"),
            Step::ShortStep => f.write_str("short_step"),
        }
    }
}

/// One attempt that was made, and how it ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AttemptRecord {
    /// What was tried.
    pub attempt: Attempt,
    /// Iterations made.
    pub iterations: usize,
    /// Why it ended.
    pub ended: Ended,
}

impl AttemptRecord {
    pub(crate) fn new(attempt: Attempt, iterations: usize, ended: Ended) -> Self {
        Self {
            attempt,
            iterations,
            ended,
        }
    }
}
