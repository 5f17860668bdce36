//! Reusing randomness against an adaptive asker: the private median of a few secretly chosen copies.
//!
//! A sketch answers many *oblivious* questions, but whoever sees its answers can learn it and ask where it errs. Keep `L`
//! independent copies instead, and answer each question by a differentially private median of a few of them: as long as
//! the whole conversation is private *in the copies*, no question can have been tuned to them[^HKMMS20][^BKMNSS22]. The
//! number of copies then grows like `√T` in the number `T` of answers, where a fresh sketch an answer would need `T`.
//!
//! * [`PrivateMedian`] releases one number by the exponential mechanism over a bounded [`Grid`], exactly.
//! * [`Sampler`] draws the copies, without replacement.
//! * [`Accountant`] counts what was released and refuses the answer that would pass its budget.
//! * [`theory::plan`] and [`calibrated::plan`] say how many copies are needed: provably, and by measurement.
//!
//! What is private is the *randomness of the copies*, not any caller's data; neighbours differ in one copy.
//!
//! [^HKMMS20]: Hassidim, Kaplan, Mansour, Matias, Stemmer. Adversarially robust streaming algorithms via differential
//! privacy. NeurIPS 2020.
//! [^BKMNSS22]: Beimel, Kaplan, Mansour, Nissim, Saranurak, Stemmer. Dynamic algorithms against an adaptive adversary. STOC
//! 2022.

mod accountant;
pub mod calibrated;
mod median;
mod plan;
mod private_median;
mod sampler;
pub mod theory;

pub use accountant::{Accountant, Charge, Composition};
pub(crate) use median::median;
pub use plan::{Demand, Plan, Release, noise_share};
pub use private_median::{Grid, Piece, PrivateMedian};
pub use sampler::Sampler;
