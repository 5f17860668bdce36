//! Adaptive attackers on randomised structures that answer set queries, and a harness that measures what they achieve.
//!
//! A randomised structure approximates `gᵀh`, where the row `g` belongs to a coordinate and `h` is the question. Its guarantee
//! holds for questions that do not depend on earlier answers; these attackers choose questions that do. Wrap your own structure
//! in a [`Target`], or a closure in a [`FromFn`], and [`run`] any [`Attacker`] against it; [`Oblivious`] gives the baseline. An
//! attacker knows everything except the random numbers of the structure, including the exact rows.
//!
//! # Known limits
//! A target's exact answer is `gᵀh`: structures for other questions, such as second moments or distinct counts, do not fit.
//! The attackers find errors that a direction can have; that they find none proves nothing.
//!
//! ```
//! use dyncvx::adversary::{FromFn, Oblivious, Settings, SignCorrelation, run, unobserved};
//! use dyncvx::random::{Lane, Seed};
//! use rand_distr::{Distribution, StandardNormal};
//! // A structure whose error is a fixed secret functional: small until somebody finds its direction.
//! let mut rng = Seed::from(1).stream(Lane::GENERATOR, 0, 0);
//! let secret: Vec<f64> = (0..64).map(|_| { let z: f64 = StandardNormal.sample(&mut rng); 0.1 * z }).collect();
//! let mut row = vec![0.0; 64];
//! row[0] = 1.0;
//! let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
//! let mut target = FromFn::new(vec![row], |h: &[f64], _: usize| h[0] + dot(&secret, h));
//! let settings = Settings::new(2000, vec![0]);
//! let calm = run(&mut target, &mut Oblivious::new(1.into()), &settings, &mut unobserved)?;
//! let attacked = run(&mut target, &mut SignCorrelation::new(1.into()), &settings, &mut unobserved)?;
//! assert!(attacked.worst_p95() > 3.0 * calm.p95());
//! # Ok::<(), dyncvx::Error>(())
//! ```

mod attackers;
mod from_fn;
mod gaussian_copies;
mod harness;
mod projection_target;
mod protocol;

pub use crate::projection::PlainMedian;
pub use attackers::{
    Oblivious, Potential, Reconstruction, SUITE, SignCorrelation, WeightMover, attacker,
};
pub use from_fn::FromFn;
pub use gaussian_copies::{Answer, GaussianCopies};
pub use harness::{Observer, Progress, Run, Settings, run, unobserved};
pub use projection_target::Structure;
pub use protocol::{Attacker, Change, Target, View};
