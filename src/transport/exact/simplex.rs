//! The network simplex on a list of arcs without capacities[^C76].
//!
//! Flows are integers, so that ties are seen as ties. Every tree is strongly feasible (arcs of zero flow point to the root),
//! which excludes cycling.
//!
//! [^C76]: Cunningham. *A network simplex method.* Mathematical Programming 11, 1976.

use super::tree::{Exchange, NONE, Tree};
use crate::transport::params::RENUMBERING;

/// Arcs from rows to columns, each with its cost.
#[derive(Debug, Default)]
pub(super) struct ArcList {
    pub(super) ends: Vec<(u32, u32)>,
    pub(super) costs: Vec<f64>,
}

impl ArcList {
    /// Adds the arc from row `i` to column `j`, and returns its number.
    pub(super) fn push(&mut self, i: usize, j: usize, cost: f64) -> usize {
        self.ends.push((i as u32, j as u32));
        self.costs.push(cost);
        self.costs.len() - 1
    }

    pub(super) fn len(&self) -> usize {
        self.costs.len()
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Optimal,
    Halted,
}

/// Pivots between two looks at the clock.
const PIVOTS_PER_LOOK: usize = 1024;
/// Arcs per block of the pricing, and pivots between two renumberings, at least: smaller ones are all overhead.
const MIN_BLOCK: usize = 32;
const MIN_PIVOTS_PER_RENUMBERING: usize = 64;

/// Runs the primal network simplex until no arc has a reduced cost below `-tolerance`, or `halt`, which is asked now and then,
/// says so. `pivots` counts on.
///
/// Most of a pivot is a walk along the preorder list. So the nodes are renumbered by it now and then: nodes that are walked
/// over together are then stored together.
pub(super) fn run(
    tree: &mut Tree,
    arcs: &ArcList,
    tolerance: f64,
    pivots: &mut usize,
    halt: &mut dyn FnMut() -> bool,
) -> Ended {
    let mut pricing = Pricing {
        ends: arcs.ends.clone(),
        costs: &arcs.costs,
        names: (0..tree.nodes.len() as u32).collect(),
        tolerance,
        block: ((arcs.len() as f64).sqrt() as usize).clamp(MIN_BLOCK, arcs.len().max(MIN_BLOCK)),
        next: 0,
    };
    let ended = pivot_all(tree, &mut pricing, pivots, halt);
    tree.permute(&pricing.names);
    tree.reprice(&arcs.costs);
    ended
}

/// The arcs under the numbers that nodes have at present, and where the search for an entering arc goes on.
struct Pricing<'a> {
    ends: Vec<(u32, u32)>,
    costs: &'a [f64],
    /// The numbers that the nodes had at first.
    names: Vec<u32>,
    tolerance: f64,
    block: usize,
    next: usize,
}

fn pivot_all(
    tree: &mut Tree,
    pricing: &mut Pricing<'_>,
    pivots: &mut usize,
    halt: &mut dyn FnMut() -> bool,
) -> Ended {
    let often =
        ((RENUMBERING.get() * tree.nodes.len() as f64) as usize).max(MIN_PIVOTS_PER_RENUMBERING);
    let (mut repriced, mut since) = (true, often);
    tree.reprice(pricing.costs);
    loop {
        let Some(entering) = pricing.search(tree) else {
            // Every pivot adds a rounding error to the heights of a subtree. Believe only heights that come straight from the tree.
            if repriced {
                return Ended::Optimal;
            }
            tree.reprice(pricing.costs);
            repriced = true;
            continue;
        };
        if since == often {
            pricing.renumber(tree);
            since = 0;
        }
        tree.pivot(pricing.ends[entering], pricing.costs[entering], entering);
        repriced = false;
        since += 1;
        *pivots += 1;
        if pivots.is_multiple_of(PIVOTS_PER_LOOK) && halt() {
            return Ended::Halted;
        }
    }
}

impl Pricing<'_> {
    /// Numbers rows, and columns, in preorder.
    fn renumber(&mut self, tree: &mut Tree) {
        let (to, rows) = (tree.preorder(), tree.rows as u32);
        tree.permute(&to);
        for (i, j) in &mut self.ends {
            (*i, *j) = (to[*i as usize], to[(rows + *j) as usize] - rows);
        }
        let mut moved = vec![0; self.names.len()];
        for (to, name) in to.iter().zip(&self.names) {
            moved[*to as usize] = *name;
        }
        self.names = moved;
    }

    /// The arc of least reduced cost in the next block that has one below the tolerance.
    fn search(&mut self, tree: &Tree) -> Option<usize> {
        let (ends, costs) = (&self.ends[..], self.costs);
        let count = costs.len();
        let (mut least, mut found, mut left) = (-self.tolerance, None, count);
        while left > 0 {
            let first = self.next;
            let len = self.block.min(left).min(count - first);
            let range = first..first + len;
            let arcs = ends[range.clone()].iter().zip(&costs[range]);
            for (k, ((i, j), cost)) in arcs.enumerate() {
                let reduced =
                    cost - tree.height[*i as usize] + tree.height[tree.rows + *j as usize];
                if reduced < least {
                    (least, found) = (reduced, Some(first + k));
                }
            }
            self.next = (first + len) % count;
            left -= len;
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

impl Tree {
    /// Brings the arc `entering` from row `u` to column `j` into the tree; its reduced cost must be negative.
    fn pivot(&mut self, (u, j): (u32, u32), cost: f64, entering: usize) {
        let rows = self.rows as u32;
        let v = rows + j;
        let reduced = cost - self.height[u as usize] + self.height[v as usize];
        // The cycle runs along join → u → v → join. Its last blocking arc leaves, which keeps the tree strongly feasible.
        let join = self.join(u, v);
        let (mut delta, mut leaving, mut below_u) = (i64::MAX, NONE, true);
        let mut w = u;
        while w != join {
            let node = &self.nodes[w as usize];
            if w < rows && node.flow < delta {
                (delta, leaving) = (node.flow, w);
            }
            w = node.parent;
        }
        w = v;
        while w != join {
            let node = &self.nodes[w as usize];
            if w >= rows && node.flow <= delta {
                (delta, leaving, below_u) = (node.flow, w, false);
            }
            w = node.parent;
        }
        // Flow along the cycle.
        if delta > 0 {
            for (from, less) in [(u, true), (v, false)] {
                let mut w = from;
                while w != join {
                    let node = &mut self.nodes[w as usize];
                    node.flow += if (w < rows) == less { -delta } else { delta };
                    w = node.parent;
                }
            }
        }
        // The subtree that the leaving arc cuts off hangs from the entering arc, and its heights move by the reduced cost.
        let (top, under, by) = if below_u {
            (u, v, reduced)
        } else {
            (v, u, -reduced)
        };
        self.exchange(Exchange {
            top,
            under,
            leaving,
            join,
            entering: entering as u32,
            flow: delta,
        });
        self.shift(top, by);
    }
}
