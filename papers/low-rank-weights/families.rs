//! Instances of the families of `problem::generators` as SDPA files, for any solver that reads them.
//!
//!     cargo run --release --example families -- NAME SIZE [SEED] > FILE.dat-s
//!
//! | NAME | SIZE | m |
//! |---|---|---|
//! | `completion` | order `n` of the matrix; rank 2 | 17n |
//! | `triangles` | vertices of a random graph with 3n edges | n and up to 8n, four a triple |
//! | `quadratic` | binary variables; a tenth of the places occupied | n + 1 |
//! | `hamming` | bits d; distances d − 2 and d − 1 | 1 + edges |
//! | `theta` | vertices; half of all edges | 1 + n(n−1)/4 |
//! | `localisation` | sensors, 4 links each | 3 + 4n |
//! | `tomography` | qubits q; rank 2 | 4^q/2 |

use dyncvx::io::sdpa;
use dyncvx_papers::families::instance;
use std::error::Error;
use std::io::{BufWriter, Write as _};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, size, seed) = match &arguments[..] {
        [name, size] => (name, size.parse()?, 1),
        [name, size, seed] => (name, size.parse()?, seed.parse::<u64>()?),
        _ => return Err("expected a family, a size and perhaps a seed".into()),
    };
    let program = instance(name, size, seed.into())?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    writeln!(out, "\"{name} of size {size}, seed {seed}")?;
    sdpa::write(&program, &mut out)?;
    out.flush()?;
    Ok(())
}
