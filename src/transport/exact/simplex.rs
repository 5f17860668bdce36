//! The network simplex on a list of arcs without capacities[^C76].
//!
//! Flows are integers, so that ties are seen as ties: every tree is strongly feasible (arcs of zero flow point to the root),
//! which excludes cycling.
//!
//! [^C76]: Cunningham. *A network simplex method.* Mathematical Programming 11, 1976.

use super::tree::{NONE, Tree};

/// Arcs from rows to columns, each with its cost.
#[derive(Debug, Default)]
pub(super) struct Arcs {
    pub(super) ends: Vec<(u32, u32)>,
    pub(super) costs: Vec<f64>,
}

impl Arcs {
    /// From row `i` to column `j`.
    pub(super) fn push(&mut self, i: usize, j: usize, cost: f64) -> usize {
        self.ends.push((i as u32, j as u32));
        self.costs.push(cost);
        self.costs.len() - 1
    }

    pub(super) fn len(&self) -> usize {
        self.costs.len()
    }
}

/// Whether a run came to the optimum on its arcs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Optimal,
    Halted,
}

/// Pivots between two looks at the clock.
const LOOK: usize = 1024;
/// Pivots a node between two renumberings.
const RENUMBER: f64 = 0.125;

/// Runs the primal network simplex until no arc has a reduced cost below `-eps`, or `halt` (asked now and then with the number
/// of pivots so far) says so.
///
/// Most of a pivot is a walk along the preorder list. So nodes are numbered by it, now and then anew: what is walked over together
/// is stored together.
pub(super) fn run(
    tree: &mut Tree,
    arcs: &Arcs,
    eps: f64,
    pivots: &mut usize,
    halt: &mut dyn FnMut(usize) -> bool,
) -> End {
    let mut ends = arcs.ends.clone();
    let mut names: Vec<u32> = (0..tree.nodes.len() as u32).collect();
    let end = pivot_all(
        tree,
        (&mut ends, &arcs.costs),
        &mut names,
        (eps, pivots),
        halt,
    );
    tree.permute(&names);
    tree.reprice(&arcs.costs);
    end
}

/// The loop of [`run`]; `names` become the numbers that nodes had.
fn pivot_all(
    tree: &mut Tree,
    (ends, costs): (&mut [(u32, u32)], &[f64]),
    names: &mut Vec<u32>,
    (eps, pivots): (f64, &mut usize),
    halt: &mut dyn FnMut(usize) -> bool,
) -> End {
    let block = ((ends.len() as f64).sqrt() as usize).clamp(32, ends.len().max(32));
    let often = ((RENUMBER * tree.nodes.len() as f64) as usize).max(64);
    let (mut at, mut fresh, mut since) = (0, true, often);
    tree.reprice(costs);
    loop {
        let Some(entering) = search(tree, (ends, costs), eps, block, &mut at) else {
            // Subtrees were shifted one rounding after another: believe only potentials that come straight from the tree.
            if fresh {
                return End::Optimal;
            }
            tree.reprice(costs);
            fresh = true;
            continue;
        };
        if since == often {
            renumber(tree, ends, names);
            since = 0;
        }
        tree.pivot(ends[entering], costs[entering], entering);
        fresh = false;
        since += 1;
        *pivots += 1;
        if pivots.is_multiple_of(LOOK) && halt(*pivots) {
            return End::Halted;
        }
    }
}

/// Numbers rows, and columns, in preorder.
fn renumber(tree: &mut Tree, ends: &mut [(u32, u32)], names: &mut Vec<u32>) {
    let (to, rows) = (tree.preorder(), tree.rows as u32);
    tree.permute(&to);
    for (i, j) in ends {
        (*i, *j) = (to[*i as usize], to[(rows + *j) as usize] - rows);
    }
    let mut moved = vec![0; names.len()];
    for (to, name) in to.iter().zip(&*names) {
        moved[*to as usize] = *name;
    }
    *names = moved;
}

/// The arc of least reduced cost in the first block, from `at` on, that has one below `-eps`.
fn search(
    tree: &Tree,
    (ends, costs): (&[(u32, u32)], &[f64]),
    eps: f64,
    block: usize,
    at: &mut usize,
) -> Option<usize> {
    let count = costs.len();
    let (mut least, mut found, mut left) = (-eps, None, count);
    while left > 0 {
        let len = block.min(left).min(count - *at);
        let range = *at..*at + len;
        let arcs = ends[range.clone()].iter().zip(&costs[range]);
        for (k, ((i, j), cost)) in arcs.enumerate() {
            let reduced = cost - tree.height[*i as usize] + tree.height[tree.rows + *j as usize];
            if reduced < least {
                (least, found) = (reduced, Some(*at + k));
            }
        }
        *at = (*at + len) % count;
        left -= len;
        if found.is_some() {
            return found;
        }
    }
    None
}

impl Tree {
    /// Brings the arc `entering` from row `u` to column `j` into the tree; its reduced cost must be negative.
    fn pivot(&mut self, (u, j): (u32, u32), cost: f64, entering: usize) {
        let rows = self.rows as u32;
        let v = rows + j;
        let reduced = cost - self.height[u as usize] + self.height[v as usize];
        let join = self.join(u, v);
        // Along apex → u → v → apex the last blocking arc leaves.
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
        let (ends, by) = if below_u {
            ((u, v), reduced)
        } else {
            ((v, u), -reduced)
        };
        self.rehang(ends, leaving, join, (entering as u32, delta));
        self.shift(ends.0, by);
    }
}
