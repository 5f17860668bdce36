//! The arcs of a first basis, and a feasible tree on them.

use super::dense_cost::DenseCost;
use super::simplex::ArcList;
use super::solution::Potentials;
use super::tree::{Link, Tree};

/// The `k` smallest values seen, in order.
#[derive(Debug, Clone)]
struct SmallestValues {
    /// Value and index.
    kept: Vec<(f64, u32)>,
    /// Values at or above this are not kept.
    bar: f64,
}

impl SmallestValues {
    fn new(k: usize) -> Self {
        Self {
            kept: Vec::with_capacity(k),
            bar: f64::INFINITY,
        }
    }

    fn offer(&mut self, value: f64, at: usize, k: usize) {
        let place = self.kept.partition_point(|(v, _)| *v <= value);
        if self.kept.len() == k {
            self.kept.pop();
        }
        self.kept.insert(place, (value, at as u32));
        if self.kept.len() == k {
            self.bar = self.kept[k - 1].0;
        }
    }
}

/// The arcs of the `k` least reduced costs of every row and column (each arc once), least first.
pub(super) fn candidates(cost: &DenseCost<'_>, potentials: &Potentials, k: usize) -> ArcList {
    let (phi, psi) = (&potentials.rows, &potentials.columns);
    let (m, n) = (phi.len(), psi.len());
    let (by_row, by_column) = (k.min(n), k.min(m));
    let mut rows = vec![SmallestValues::new(by_row); m];
    let mut bars = vec![f64::INFINITY; m];
    let mut found: Vec<(f64, u32, u32)> = Vec::with_capacity((m + n) * k);
    let mut line = Vec::new();
    for (j, psi) in psi.iter().enumerate() {
        let line = cost.column(j, &mut line);
        let mut column = SmallestValues::new(by_column);
        for (i, ((d, phi), bar)) in line.iter().zip(phi).zip(&mut bars).enumerate() {
            let reduced = d - phi - psi;
            if reduced < column.bar {
                column.offer(reduced, i, by_column);
            }
            if reduced < *bar {
                rows[i].offer(reduced, j, by_row);
                *bar = rows[i].bar;
            }
        }
        found.extend(column.kept.iter().map(|(r, i)| (*r, *i, j as u32)));
    }
    for (i, row) in rows.iter().enumerate() {
        found.extend(row.kept.iter().map(|(r, j)| (*r, i as u32, *j)));
    }
    found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    found.dedup_by_key(|a| (a.1, a.2));
    let mut arcs = ArcList::default();
    for (_, i, j) in found {
        let (i, j) = (i as usize, j as usize);
        arcs.push(i, j, cost.entry(i, j));
    }
    arcs
}

/// The forest of the arcs in their order, without those that close a cycle: the arcs at every node.
fn forest(arcs: &ArcList, m: usize, n: usize) -> Vec<Vec<usize>> {
    let mut above: Vec<usize> = (0..m + n).collect();
    let find = |above: &mut [usize], mut k: usize| {
        while above[k] != k {
            above[k] = above[above[k]];
            k = above[k];
        }
        k
    };
    let mut at = vec![Vec::new(); m + n];
    for (arc, (i, j)) in arcs.ends.iter().enumerate() {
        let (i, j) = (*i as usize, m + *j as usize);
        let (a, b) = (find(&mut above, i), find(&mut above, j));
        if a != b {
            above[a] = b;
            at[i].push(arc);
            at[j].push(arc);
        }
    }
    at
}

/// A partly built tree. Each arc that is used exhausts one of its ends, which becomes a child of the other end. Where an arc
/// exhausts both, the column hangs below the row: the row is left without mass, and the arc of zero flow above it will point to the
/// root.
pub(super) struct TreeBuilder {
    rows: usize,
    /// The mass that every node still has, rows first.
    pub(super) remaining: Vec<i64>,
    /// Nodes that hang below another.
    pub(super) exhausted: Vec<bool>,
    columns_left: usize,
    /// Whether the last column is kept as the root. Otherwise the caller links the nodes that remain on both sides.
    keeps_root: bool,
    pub(super) links: Vec<Link>,
}

impl TreeBuilder {
    pub(super) fn new(supply: &[Vec<i64>; 2], keeps_root: bool) -> Self {
        let (m, n) = (supply[0].len(), supply[1].len());
        Self {
            rows: m,
            remaining: supply.iter().flatten().copied().collect(),
            exhausted: vec![false; m + n],
            columns_left: n,
            keeps_root,
            links: Vec::with_capacity(m + n + 1),
        }
    }

    fn send_along(&mut self, i: usize, j: usize, arc: usize) {
        let v = self.rows + j;
        let last = self.keeps_root && self.columns_left == 1;
        let row_goes = last || self.remaining[i] < self.remaining[v];
        let (out, stays) = if row_goes { (i, v) } else { (v, i) };
        let flow = self.remaining[out];
        self.remaining[stays] -= flow;
        self.exhausted[out] = true;
        self.columns_left -= usize::from(!row_goes);
        self.links.push(Link {
            node: out,
            parent: stays,
            arc,
            flow,
        });
    }

    /// Sends mass along all arcs: from the leaves of the forest of the first arcs inwards, then along all arcs in their order.
    pub(super) fn send_along_all(&mut self, arcs: &ArcList) {
        let (m, nodes) = (self.rows, self.exhausted.len());
        // A leaf has one arc to send its mass along; its end may become a leaf by that.
        let at = forest(arcs, m, nodes - m);
        let mut degree: Vec<usize> = at.iter().map(Vec::len).collect();
        let mut leaves: Vec<usize> = (0..nodes).filter(|k| degree[*k] == 1).collect();
        while let Some(leaf) = leaves.pop() {
            let other = |arc: usize, k: usize| {
                let (i, j) = (arcs.ends[arc].0 as usize, m + arcs.ends[arc].1 as usize);
                if k == i { j } else { i }
            };
            if self.exhausted[leaf] {
                continue;
            }
            let Some(&arc) = at[leaf]
                .iter()
                .find(|arc| !self.exhausted[other(**arc, leaf)])
            else {
                continue;
            };
            let end = other(arc, leaf);
            let (i, j) = arcs.ends[arc];
            self.send_along(i as usize, j as usize, arc);
            let out = if self.exhausted[leaf] { leaf } else { end };
            for arc in &at[out] {
                let k = other(*arc, out);
                if !self.exhausted[k] {
                    degree[k] -= 1;
                    if degree[k] == 1 {
                        leaves.push(k);
                    }
                }
            }
        }
        // Then greedily.
        for (arc, (i, j)) in arcs.ends.iter().enumerate() {
            let (i, j) = (*i as usize, *j as usize);
            if !self.exhausted[i] && !self.exhausted[m + j] {
                self.send_along(i, j, arc);
            }
        }
    }
}

/// A strongly feasible tree: masses are sent along `arcs`, and the remainder by the north-west corner rule with rows and
/// columns in the order of their potentials; the arcs of that rule are added. Potentials of an optimum give its tree back.
pub(super) fn tree(
    cost: &DenseCost<'_>,
    arcs: &mut ArcList,
    potentials: &Potentials,
    supply: &[Vec<i64>; 2],
) -> Tree {
    let (phi, psi) = (&potentials.rows, &potentials.columns);
    let (m, n) = (phi.len(), psi.len());
    let mut builder = TreeBuilder::new(supply, true);
    builder.send_along_all(arcs);
    let mut rows: Vec<usize> = (0..m).filter(|i| !builder.exhausted[*i]).collect();
    let mut columns: Vec<usize> = (0..n).filter(|j| !builder.exhausted[m + j]).collect();
    rows.sort_by(|a, b| phi[*a].total_cmp(&phi[*b]));
    columns.sort_by(|a, b| psi[*b].total_cmp(&psi[*a]));
    let (mut a, mut b) = (0, 0);
    while let (Some(&i), Some(&j)) = (rows.get(a), columns.get(b)) {
        let arc = arcs.push(i, j, cost.entry(i, j));
        builder.send_along(i, j, arc);
        a += usize::from(builder.exhausted[i]);
        b += usize::from(builder.exhausted[m + j]);
    }
    let root = (0..m + n).find(|v| !builder.exhausted[*v]).unwrap_or(0);
    Tree::new(m, n, root, &builder.links)
}
