//! Approximate Cholesky factors of graph Laplacians, by elimination that samples the edges it would fill in[^KS16].
//!
//! Eliminating a vertex with edges `w_1, …, w_d` of sum `W` joins each pair of its neighbours by an edge `w_i w_k/W`. Here, with
//! neighbours in ascending order of weight, each `i` but the last meets one `k > i` only, drawn with probability `w_k/S_i`,
//! `S_i = Σ_{k>i} w_k`, along an edge `w_i S_i/W`: the same Laplacian in expectation[^GKS23], and a vertex leaves one edge less
//! than it had. Weights are only added, multiplied and divided: nothing cancels, however far they are apart.
//!
//! [^KS16]: Kyng, Sachdeva. Approximate Gaussian elimination for Laplacians: fast, sparse, and simple. FOCS 2016.
//! [^GKS23]: Gao, Kyng, Spielman. Robust and practical solution of Laplacian equations by approximate elimination. 2023,
//! arXiv 2303.00709.

use crate::random::unit;
use rand_core::Rng;

/// `L D Lᵀ` near the Laplacian of a graph without the row and column of one vertex, the ground, which is the last.
#[derive(Debug, Clone, Default)]
pub(crate) struct SampledCholesky {
    /// Vertices in the order of elimination.
    order: Vec<u32>,
    start: Vec<usize>,
    /// Neighbours at elimination, the ground left out, and their shares `w_i/W`.
    index: Vec<u32>,
    share: Vec<f64>,
    /// `W`.
    pivot: Vec<f64>,
}

/// Vertices by the number of their edges, as it was when they were put in.
struct Queue {
    by_degree: Vec<Vec<u32>>,
    least: usize,
}

impl Queue {
    fn push(&mut self, v: u32, degree: usize) {
        let degree = degree.min(self.by_degree.len() - 1);
        self.by_degree[degree].push(v);
        self.least = self.least.min(degree);
    }

    /// One of least degree; those that are eliminated or whose degree has changed are skipped.
    fn pop(&mut self, degree: &[u32], eliminated: &[bool]) -> Option<usize> {
        loop {
            let Some(v) = self.by_degree.get_mut(self.least)?.pop() else {
                self.least += 1;
                continue;
            };
            let now = (degree[v as usize] as usize).min(self.by_degree.len() - 1);
            if !eliminated[v as usize] && now == self.least {
                return Some(v as usize);
            }
        }
    }
}

impl SampledCholesky {
    /// A factor for the graph with these edges `(u, v, weight)` between vertices `0..=n`, `n` the ground. Weights are positive, and every
    /// vertex is connected with the ground.
    ///
    /// # Complexity
    /// `O(edges log edges)` in expectation of what a random order would give; vertices of least degree go first.
    pub(crate) fn new(n: usize, edges: &[(u32, u32, f64)], rng: &mut impl Rng) -> Self {
        let mut at: Vec<Vec<(u32, f64)>> = vec![vec![]; n + 1];
        for &(u, v, w) in edges {
            at[u as usize].push((v, w));
            at[v as usize].push((u, w));
        }
        at[n].clear();
        let mut degree: Vec<u32> = at.iter().map(|v| v.len() as u32).collect();
        let mut eliminated = vec![false; n + 1];
        let mut queue = Queue {
            by_degree: vec![vec![]; n.max(2) + 1],
            least: 0,
        };
        (0..n).for_each(|v| queue.push(v as u32, at[v].len()));
        let mut out = Self {
            start: vec![0],
            pivot: vec![1.0; n],
            ..Self::default()
        };
        // The position of a neighbour among those of the vertex that is eliminated.
        let mut place = vec![u32::MAX; n + 1];
        let (mut near, mut above): (Vec<(u32, f64, u32)>, Vec<f64>) = (vec![], vec![]);
        while let Some(v) = queue.pop(&degree, &eliminated) {
            eliminated[v] = true;
            // The remaining neighbours, each once with the sum of its weights, lightest first.
            near.clear();
            for (u, w) in core::mem::take(&mut at[v]) {
                if eliminated[u as usize] {
                    continue;
                }
                match near.get_mut(place[u as usize] as usize) {
                    Some(known) => {
                        known.1 += w;
                        known.2 += 1;
                    }
                    None => {
                        place[u as usize] = near.len() as u32;
                        near.push((u, w, 1));
                    }
                }
            }
            near.iter()
                .for_each(|(u, ..)| place[*u as usize] = u32::MAX);
            near.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
            // above[k] = w_k + … + w_d, summed from the end: small weights added last would vanish.
            above.clear();
            above.resize(near.len() + 1, 0.0);
            for k in (0..near.len()).rev() {
                above[k] = above[k + 1] + near[k].1;
            }
            let total = above[0];
            out.order.push(v as u32);
            if total > 0.0 {
                out.pivot[v] = total;
            }
            // The column of the factor; and for every neighbour but the last one sampled edge to a heavier one.
            for (i, &(u, w, edges)) in near.iter().enumerate() {
                if u as usize != n {
                    out.index.push(u);
                    out.share.push(w / total);
                    degree[u as usize] -= edges;
                }
                if i + 1 < near.len() {
                    let drawn = unit(rng) * above[i + 1];
                    // The last k > i with w_k + … + w_d ≥ what was drawn.
                    let later = &above[i + 1..near.len()];
                    let k = i + later.partition_point(|s| *s >= drawn).max(1);
                    let weight = w * (above[i + 1] / total);
                    let other = near[k].0;
                    for (a, b) in [(u, other), (other, u)] {
                        if a as usize != n {
                            at[a as usize].push((b, weight));
                            degree[a as usize] += 1;
                        }
                    }
                }
            }
            out.start.push(out.index.len());
            for (u, ..) in near.iter().filter(|(u, ..)| *u as usize != n) {
                queue.push(*u, degree[*u as usize] as usize);
            }
        }
        out
    }

    /// Numbers below the diagonal.
    pub(crate) fn nonzeros(&self) -> usize {
        self.index.len()
    }

    /// `v ← (L D Lᵀ)⁻¹ v`.
    pub(crate) fn solve_in_place(&self, v: &mut [f64]) {
        let column = |k: usize| {
            let at = self.start[k]..self.start[k + 1];
            self.index[at.clone()].iter().zip(&self.share[at])
        };
        for (k, &i) in self.order.iter().enumerate() {
            let value = v[i as usize];
            column(k).for_each(|(j, share)| v[*j as usize] += share * value);
            v[i as usize] = value / self.pivot[i as usize];
        }
        for (k, &i) in self.order.iter().enumerate().rev() {
            let sum: f64 = column(k).map(|(j, share)| share * v[*j as usize]).sum();
            v[i as usize] += sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Lane, Seed};
    use faer::Mat;

    fn rng(copy: u32) -> impl Rng {
        Seed::from(5).stream(Lane::GENERATOR, 40, u64::from(copy))
    }

    /// The Laplacian without the ground, dense.
    fn laplacian(n: usize, edges: &[(u32, u32, f64)]) -> Mat<f64> {
        let mut out = Mat::zeros(n + 1, n + 1);
        for &(u, v, w) in edges {
            let (u, v) = (u as usize, v as usize);
            out[(u, u)] += w;
            out[(v, v)] += w;
            out[(u, v)] -= w;
            out[(v, u)] -= w;
        }
        Mat::from_fn(n, n, |i, j| out[(i, j)])
    }

    /// `L D Lᵀ`, column by column.
    fn product(factor: &SampledCholesky, n: usize) -> Mat<f64> {
        let mut out = Mat::zeros(n, n);
        for (k, &v) in factor.order.iter().enumerate() {
            let mut column = vec![0.0; n];
            column[v as usize] = 1.0;
            for at in factor.start[k]..factor.start[k + 1] {
                column[factor.index[at] as usize] = -factor.share[at];
            }
            for i in 0..n {
                for j in 0..n {
                    out[(i, j)] += factor.pivot[v as usize] * column[i] * column[j];
                }
            }
        }
        out
    }

    #[test]
    fn trees_are_factored_exactly_whatever_their_weights() {
        let n = 30;
        for spread in [1, 6] {
            let weight = |k: u32| 10f64.powi((k as i32 % 7 - 3) * spread);
            let edges: Vec<(u32, u32, f64)> = (0..n as u32)
                .map(|k| (k, k + 1 + (k * 7) % (n as u32 - k), weight(k)))
                .collect();
            let factor = SampledCholesky::new(n, &edges, &mut rng(0));
            let (got, expected) = (product(&factor, n), laplacian(n, &edges));
            for i in 0..n {
                for j in 0..n {
                    let scale = (expected[(i, i)] * expected[(j, j)]).sqrt();
                    assert!((got[(i, j)] - expected[(i, j)]).abs() <= 1e-14 * scale);
                }
            }
            if spread == 1 {
                let truth: Vec<f64> = (0..n).map(|k| 1.0 + (k as f64).sin().abs()).collect();
                let row = |i: usize| (0..n).map(|j| expected[(i, j)] * truth[j]).sum();
                let mut v: Vec<f64> = (0..n).map(row).collect();
                factor.solve_in_place(&mut v);
                let off = v.iter().zip(&truth).map(|(v, t)| (v - t).abs());
                assert!(off.fold(0.0, f64::max) < 1e-8);
            }
        }
    }

    #[test]
    fn sampled_factors_are_right_on_average() {
        let n = 12;
        let mut edges = vec![];
        for i in 0..n as u32 {
            for j in i + 1..=n as u32 {
                if (i * j + i) % 3 != 1 || j == n as u32 {
                    edges.push((i, j, 0.1 + f64::from((i * 5 + j * 3) % 7)));
                }
            }
        }
        let exact = laplacian(n, &edges);
        let draws = 4000;
        let mut mean = Mat::<f64>::zeros(n, n);
        for copy in 0..draws {
            mean += product(&SampledCholesky::new(n, &edges, &mut rng(copy)), n);
        }
        mean *= faer::Scale(1.0 / f64::from(draws));
        // One draw is off by some 0.3 of the diagonal; the mean by a root of 4000 less.
        let off = (&mean - &exact).norm_max() / exact.norm_max();
        assert!(off < 0.02, "{off}");
        let one = product(&SampledCholesky::new(n, &edges, &mut rng(1)), n);
        assert!((&one - &exact).norm_max() / exact.norm_max() > 0.02);
    }

    #[test]
    fn the_same_stream_gives_the_same_factor() {
        let pairs = (0..20u32).flat_map(|i| (i + 1..=20).map(move |j| (i, j)));
        let edges: Vec<(u32, u32, f64)> = pairs
            .filter(|(i, j)| (i * j) % 3 != 1)
            .map(|(i, j)| (i, j, f64::from(1 + (i * 7 + j * 5) % 9)))
            .collect();
        let solve = |copy| {
            let mut v: Vec<f64> = (0..20).map(f64::from).collect();
            SampledCholesky::new(20, &edges, &mut rng(copy)).solve_in_place(&mut v);
            v
        };
        assert_eq!(solve(3), solve(3));
        assert_ne!(solve(3), solve(4));
    }
}
