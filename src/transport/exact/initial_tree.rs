//! The arcs to begin with, and the first feasible tree.

use super::Dense;
use super::simplex::Arcs;
use super::tree::{Link, Tree};

/// The `k` smallest values seen, in order.
#[derive(Debug, Clone)]
struct Least {
    kept: Vec<(f64, u32)>,
    bar: f64,
}

impl Least {
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

/// The arcs of the `k` least reduced costs of every row and column (an arc once), least first.
pub(super) fn candidates(cost: &Dense<'_>, [phi, psi]: &[Vec<f64>; 2], k: usize) -> Arcs {
    let (m, n) = (phi.len(), psi.len());
    let (by_row, by_column) = (k.min(n), k.min(m));
    let mut rows = vec![Least::new(by_row); m];
    let mut bars = vec![f64::INFINITY; m];
    let mut found: Vec<(f64, u32, u32)> = Vec::with_capacity((m + n) * k);
    let mut line = Vec::new();
    for (j, psi) in psi.iter().enumerate() {
        let line = cost.column(j, &mut line);
        let mut column = Least::new(by_column);
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
    let mut arcs = Arcs::default();
    for (_, i, j) in found {
        let (i, j) = (i as usize, j as usize);
        arcs.push(i, j, cost.entry(i, j));
    }
    arcs
}

/// The arcs at every node of the forest that takes arcs in their order unless they close a cycle.
fn forest(arcs: &Arcs, m: usize, n: usize) -> Vec<Vec<usize>> {
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

/// Masses on their way: every arc used exhausts one line, which then hangs below the other end. Where it exhausts both, the
/// column goes: what is left is a row without mass, and the arc of zero flow above it will point to the root.
pub(super) struct Spread {
    rows: usize,
    /// What every node still has, rows first.
    pub(super) rest: Vec<i64>,
    pub(super) gone: Vec<bool>,
    columns_left: usize,
    /// Whether the last column stays, for the root; without it what is left of both sides is somebody else's.
    root_stays: bool,
    pub(super) links: Vec<Link>,
}

impl Spread {
    pub(super) fn new(supply: &[Vec<i64>; 2], root_stays: bool) -> Self {
        let (m, n) = (supply[0].len(), supply[1].len());
        Self {
            rows: m,
            rest: supply.iter().flatten().copied().collect(),
            gone: vec![false; m + n],
            columns_left: n,
            root_stays,
            links: Vec::with_capacity(m + n + 1),
        }
    }

    fn send(&mut self, i: usize, j: usize, arc: usize) {
        let v = self.rows + j;
        let last = self.root_stays && self.columns_left == 1;
        let row_goes = last || self.rest[i] < self.rest[v];
        let (out, stays) = if row_goes { (i, v) } else { (v, i) };
        let flow = self.rest[out];
        self.rest[stays] -= flow;
        self.gone[out] = true;
        self.columns_left -= usize::from(!row_goes);
        self.links.push((out, stays, arc, flow));
    }

    /// From the leaves of the forest of the first arcs inwards as far as masses go, then along all arcs in their order.
    pub(super) fn along(&mut self, arcs: &Arcs) {
        let (m, nodes) = (self.rows, self.gone.len());
        let at = forest(arcs, m, nodes - m);
        let mut degree: Vec<usize> = at.iter().map(Vec::len).collect();
        let mut leaves: Vec<usize> = (0..nodes).filter(|k| degree[*k] == 1).collect();
        while let Some(leaf) = leaves.pop() {
            let other = |arc: usize, k: usize| {
                let (i, j) = (arcs.ends[arc].0 as usize, m + arcs.ends[arc].1 as usize);
                if k == i { j } else { i }
            };
            if self.gone[leaf] {
                continue;
            }
            let Some(&arc) = at[leaf].iter().find(|arc| !self.gone[other(**arc, leaf)]) else {
                continue;
            };
            let end = other(arc, leaf);
            let (i, j) = arcs.ends[arc];
            self.send(i as usize, j as usize, arc);
            let out = if self.gone[leaf] { leaf } else { end };
            for arc in &at[out] {
                let k = other(*arc, out);
                if !self.gone[k] {
                    degree[k] -= 1;
                    if degree[k] == 1 {
                        leaves.push(k);
                    }
                }
            }
        }
        for (arc, (i, j)) in arcs.ends.iter().enumerate() {
            let (i, j) = (*i as usize, *j as usize);
            if !self.gone[i] && !self.gone[m + j] {
                self.send(i, j, arc);
            }
        }
    }
}

/// A strongly feasible tree: masses are spread along `arcs`, and the rest by the north-west corner with the lines in the order of
/// the potentials, whose arcs are added. Potentials of an optimum give its tree back.
pub(super) fn tree(
    cost: &Dense<'_>,
    arcs: &mut Arcs,
    [phi, psi]: &[Vec<f64>; 2],
    supply: &[Vec<i64>; 2],
) -> Tree {
    let (m, n) = (phi.len(), psi.len());
    let mut spread = Spread::new(supply, true);
    spread.along(arcs);
    let mut rows: Vec<usize> = (0..m).filter(|i| !spread.gone[*i]).collect();
    let mut columns: Vec<usize> = (0..n).filter(|j| !spread.gone[m + j]).collect();
    rows.sort_by(|a, b| phi[*a].total_cmp(&phi[*b]));
    columns.sort_by(|a, b| psi[*b].total_cmp(&psi[*a]));
    let (mut a, mut b) = (0, 0);
    while let (Some(&i), Some(&j)) = (rows.get(a), columns.get(b)) {
        let arc = arcs.push(i, j, cost.entry(i, j));
        spread.send(i, j, arc);
        a += usize::from(spread.gone[i]);
        b += usize::from(spread.gone[m + j]);
    }
    let root = (0..m + n).find(|v| !spread.gone[*v]).unwrap_or(0);
    Tree::new(m, n, root, &spread.links)
}
