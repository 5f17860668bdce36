//! Sketches that stay accurate against adaptive questions: the private median of a few secretly chosen copies.
//!
//! One sketch answers many *oblivious* questions well, but whoever sees its answers can learn it and then ask where it errs.
//! The remedy is to keep `L` independent copies and to answer each question by a differentially private median of a few of
//! them. As long as the whole conversation is private *in the copies*, no question can depend on them much[^HKMMS20][^BKMNSS22].
//! The number of copies then grows like `√T` with the number `T` of answers; a fresh sketch per answer would need `T`.
//!
//! * [`PrivateMedian`] releases one number by the exponential mechanism over a bounded [`Grid`], exactly.
//! * [`Sampler`] draws the copies, without replacement.
//! * [`Accountant`] adds up what releases cost and refuses a release that would exceed its budget.
//! * [`theory::plan`] and [`calibrated::plan`] compute how many copies are needed: by proof, and by measurement.
//!
//! The private data are the *random numbers of the copies*, not the data of a caller. Neighbouring data sets differ in one copy.
//!
//! # Known limits
//! The provable planner asks for millions of copies at sizes that a machine can run. The calibrated planner needs about a
//! thousand, but promises nothing beyond the attacks that it was measured with. Cloning an [`Accountant`] doubles its budget:
//! the clone and the original do not know of each other.
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
