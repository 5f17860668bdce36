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
use dyncvx::problem::SemidefiniteProgram;
use dyncvx::problem::generators::{
    binary_quadratic, hamming_graph, localisation, lovasz_theta, matrix_completion,
    max_cut_with_triangles, random_graph, random_quadratic, tomography,
};
use dyncvx::random::Seed;
use std::collections::BTreeSet;
use std::error::Error;
use std::io::{BufWriter, Write as _};

/// Two triples around every vertex that has three neighbours: the vertex and two of them.
fn triples(n: usize, edges: &[(usize, usize)]) -> Vec<[usize; 3]> {
    let mut out = BTreeSet::new();
    for v in 0..n {
        let near: Vec<usize> = edges
            .iter()
            .filter(|e| e.0 == v || e.1 == v)
            .map(|e| e.0 + e.1 - v)
            .collect();
        for pair in near.windows(2).take(2) {
            let mut triple = [v, pair[0], pair[1]];
            triple.sort_unstable();
            out.insert(triple);
        }
    }
    out.into_iter().collect()
}

/// An instance by name.
pub fn instance(
    name: &str,
    size: usize,
    seed: Seed,
) -> Result<SemidefiniteProgram, Box<dyn Error>> {
    Ok(match name {
        "completion" => {
            let (n1, n2) = (size / 2, size - size / 2);
            matrix_completion((n1, n2), 2, (17 * size).min(n1 * n2), seed)?
        }
        "triangles" => {
            let edges = random_graph(size, 3 * size, seed)?;
            let weighted: Vec<_> = edges.iter().map(|&(u, v)| (u, v, 1.0)).collect();
            max_cut_with_triangles(size, &weighted, &triples(size, &edges))?
        }
        "quadratic" => binary_quadratic(size, &random_quadratic(size, 0.1, seed)?)?,
        "hamming" => {
            let d = u32::try_from(size)?;
            if d < 3 {
                return Err("expected 3 bits or more".into());
            }
            lovasz_theta(1 << d, &hamming_graph(d, &[d - 2, d - 1])?)?
        }
        "theta" => lovasz_theta(size, &random_graph(size, size * (size - 1) / 4, seed)?)?,
        "localisation" => localisation(size, 4, seed)?.program,
        "tomography" => {
            let q = u32::try_from(size)?;
            let all = 1usize.checked_shl(2 * q).ok_or("expected fewer qubits")?;
            tomography(q, 2, all / 2, seed)?.program
        }
        other => return Err(format!("no family is called {other}").into()),
    })
}

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
