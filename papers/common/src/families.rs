//! Instances of the families of `problem::generators` by name and size.

use dyncvx::problem::SemidefiniteProgram;
use dyncvx::problem::generators::{
    binary_quadratic, hamming_graph, localisation, lovasz_theta, matrix_completion,
    max_cut_with_triangles, random_graph, random_quadratic, tomography,
};
use dyncvx::random::Seed;
use std::collections::BTreeSet;
use std::error::Error;

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
