//! Graphs for the relaxations of [`lovasz_theta`](super::lovasz_theta) and [`max_cut`](super::max_cut).

use super::sample::sample;
use crate::error::{Error, Result, check_memory, check_range};
use crate::random::{Lane, Seed};

/// The graph on the words of `dimension` bits that joins words at one of these Hamming distances. Edges `(u, v)` have `u < v` and
/// are in lexical order. Distances 3 and 4 on 8 bits give `hamming-8-3-4` of DIMACS.
///
/// ```
/// use dyncvx::problem::generators::hamming_graph;
/// assert_eq!(hamming_graph(2, &[1])?, [(0, 1), (0, 2), (1, 3), (2, 3)]);
/// assert_eq!(hamming_graph(8, &[3, 4])?.len(), 16_128);
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidSetting`] unless the dimension is 1 to 15 and every distance 1 to the dimension.
///
/// # Complexity
/// `O(4^dimension)`.
pub fn hamming_graph(dimension: u32, distances: &[u32]) -> Result<Vec<(usize, usize)>> {
    check(dimension, distances)?;
    let n = 1usize << dimension;
    let joined = |u: usize, v: usize| distances.contains(&(u ^ v).count_ones());
    Ok((0..n)
        .flat_map(|u| (u + 1..n).map(move |v| (u, v)))
        .filter(|&(u, v)| joined(u, v))
        .collect())
}

/// The Lovász number of [`hamming_graph`] with a single distance. The graph is regular and its automorphisms map every edge to
/// every other edge, so that the number is `−nλ_min/(λ_max − λ_min)`[^L79]. The eigenvalues `λ_k` of the graph are the
/// Krawtchouk polynomials `K_distance(k)`.
///
/// ```
/// // The square is perfect, and has two words of two bits that are not at distance 1.
/// assert_eq!(dyncvx::problem::generators::hamming_lovasz_number(2, 1)?, 2.0);
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// As [`hamming_graph`].
///
/// # Complexity
/// `O(dimension²)`.
///
/// [^L79]: Lovász. On the Shannon capacity of a graph. IEEE Transactions on Information Theory 25, 1979; theorem 9.
pub fn hamming_lovasz_number(dimension: u32, distance: u32) -> Result<f64> {
    check(dimension, &[distance])?;
    let binomial = |n: u32, k: u32| -> f64 {
        (0..k).fold(1.0, |b, i| b * f64::from(n - i) / f64::from(i + 1))
    };
    // K_j(k) = Σ_i (−1)^i C(k, i) C(d − k, j − i).
    let eigenvalue = |k: u32| -> f64 {
        (0..=distance.min(k))
            .filter(|i| distance - i <= dimension - k)
            .map(|i| {
                let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
                sign * binomial(k, i) * binomial(dimension - k, distance - i)
            })
            .sum()
    };
    let least = (0..=dimension).map(eigenvalue).fold(f64::MAX, f64::min);
    let n = f64::from(1u32 << dimension);
    Ok(-n * least / (eigenvalue(0) - least))
}

/// A uniformly random graph with `n` vertices and this many distinct edges. Edges `(u, v)` have `u < v` and are in lexical order.
///
/// ```
/// let all = dyncvx::problem::generators::random_graph(4, 6, 1.into())?;
/// assert_eq!(all, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]);
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidSetting`] for more edges than there are pairs.
///
/// # Complexity
/// `O(n + edges log edges)`.
pub fn random_graph(n: usize, edges: usize, seed: Seed) -> Result<Vec<(usize, usize)>> {
    // Vertices have indices of 32 bits.
    check_range("n", 0..=u32::MAX as usize, n)?;
    let pairs = n.saturating_mul(n.saturating_sub(1)) / 2;
    if edges > pairs {
        return Err(Error::InvalidSetting {
            field: "edges",
            reason: format!("expected at most {pairs}, found {edges}"),
        });
    }
    // The edges, and the set that they are drawn into.
    check_memory("the edges of a graph", 4 * edges as u128)?;
    let mut rng = seed.stream(Lane::GENERATOR, 0, 0);
    let chosen = sample(pairs, edges, &mut rng);
    // Pairs in lexical order: row u has n − 1 − u of them.
    let (mut u, mut first) = (0, 0);
    let mut out = Vec::with_capacity(edges);
    for k in chosen {
        while k >= first + (n - 1 - u) {
            first += n - 1 - u;
            u += 1;
        }
        out.push((u, u + 1 + k - first));
    }
    Ok(out)
}

fn check(dimension: u32, distances: &[u32]) -> Result<()> {
    let invalid = |field, reason| Err(Error::InvalidSetting { field, reason });
    if !(1..=15).contains(&dimension) {
        return invalid("dimension", format!("expected 1 to 15, found {dimension}"));
    }
    match distances.iter().find(|d| !(1..=dimension).contains(*d)) {
        None => Ok(()),
        Some(d) => invalid("distances", format!("expected 1 to {dimension}, found {d}")),
    }
}
