//! Programs whose answer is known or bounded: random programs with certificates, relaxations of graph problems and of binary
//! quadratic problems, matrix completion, localisation of sensors, tomography of quantum states, and transport.
//!
//! ```
//! use dyncvx::{constraints::Block, problem::generators::Recipe, random::Seed};
//! # fn main() -> dyncvx::Result<()> {
//! let mut recipe = Recipe::new(5, &[Block::Psd(4), Block::Nonneg(3)]);
//! recipe.ranks = vec![1, 2];
//! let known = recipe.known_optimum(Seed::from(1))?;
//! let mut ax = vec![0.0; 5];
//! known.program.constraints().apply(&known.x, &mut ax)?;
//! assert_eq!(ax, known.program.rhs());
//! # Ok(()) }
//! ```

mod completion;
mod graph_relaxations;
mod graphs;
mod localisation;
mod quadratic;
mod random_rows;
mod recipe;
mod sample;
mod tomography;
mod transportation;

pub use completion::matrix_completion;
pub use graph_relaxations::{lovasz_theta, max_cut, max_cut_with_triangles};
pub use graphs::{hamming_graph, hamming_lovasz_number, random_graph};
pub use localisation::{Localisation, localisation};
pub use quadratic::{binary_quadratic, random_quadratic};
pub use recipe::{DualInfeasible, KnownOptimum, PrimalInfeasible, Recipe};
pub use tomography::{Tomography, tomography};
pub use transportation::transportation;
