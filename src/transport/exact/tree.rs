//! A spanning tree of rows and columns with its flow and its heights.

use super::solution::Potentials;

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// The fields of a node that a pivot uses, in half a cache line. Arc and flow are those between the node and its parent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) flow: i64,
    pub(super) parent: u32,
    pub(super) arc: u32,
    /// Nodes of the subtree, itself counted.
    size: u32,
    /// Neighbours in preorder, and the last node of the subtree there.
    next: u32,
    previous: u32,
    last: u32,
}

/// Rows are the nodes `0..rows`, columns follow.
///
/// All nodes are in one list in preorder. A subtree is a contiguous run of
/// the list: moving it changes a few links, and no stack is needed to traverse it.
/// The height of a row is its potential, the height of a column is minus its potential: a shift adds the same number to every
/// height of a subtree.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) rows: usize,
    pub(super) nodes: Vec<Node>,
    pub(super) height: Vec<f64>,
    root: u32,
}

/// A node, its parent, and the arc between them with its flow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) node: usize,
    pub(super) parent: usize,
    pub(super) arc: usize,
    pub(super) flow: i64,
}

/// A change of basis: the arc above `leaving` goes, `entering` joins `top` to `under`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange {
    /// The end of the entering arc that is cut off by the leaving arc.
    pub(super) top: u32,
    /// The other end, its parent from now on.
    pub(super) under: u32,
    pub(super) leaving: u32,
    /// The lowest common ancestor of both ends.
    pub(super) join: u32,
    pub(super) entering: u32,
    /// Flow of the entering arc.
    pub(super) flow: i64,
}

impl Tree {
    /// From the links of all nodes but the root, every node before its parent.
    pub(super) fn new(rows: usize, columns: usize, root: usize, links: &[Link]) -> Self {
        let node = |k: u32| Node {
            flow: 0,
            parent: NONE,
            arc: NONE,
            size: 1,
            next: NONE,
            previous: NONE,
            last: k,
        };
        let count = rows + columns;
        let mut nodes: Vec<Node> = (0..count as u32).map(node).collect();
        for link in links {
            nodes[link.parent].size += nodes[link.node].size;
            let node = &mut nodes[link.node];
            node.parent = link.parent as u32;
            node.arc = link.arc as u32;
            node.flow = link.flow;
        }
        // Parents come last: in reverse, every node is put right after its parent.
        for link in links.iter().rev() {
            let next = std::mem::replace(&mut nodes[link.parent].next, link.node as u32);
            nodes[link.node].next = next;
            nodes[link.node].previous = link.parent as u32;
            if next != NONE {
                nodes[next as usize].previous = link.node as u32;
            }
        }
        let mut order = Vec::with_capacity(count);
        let mut k = root as u32;
        while k != NONE {
            order.push(k);
            k = nodes[k as usize].next;
        }
        for (place, k) in order.iter().enumerate() {
            let node = &mut nodes[*k as usize];
            node.last = order[place + node.size as usize - 1];
        }
        Self {
            rows,
            nodes,
            height: vec![0.0; count],
            root: root as u32,
        }
    }

    /// Row and column potentials.
    pub(super) fn potentials(&self) -> Potentials {
        let (phi, psi) = self.height.split_at(self.rows);
        Potentials {
            rows: phi.to_vec(),
            columns: psi.iter().map(|v| -v).collect(),
        }
    }

    /// The lowest common ancestor of two nodes: the smaller of two subtrees never contains the other.
    pub(super) fn join(&self, mut u: u32, mut v: u32) -> u32 {
        while u != v {
            let (a, b) = (&self.nodes[u as usize], &self.nodes[v as usize]);
            if a.size < b.size {
                u = a.parent;
            } else {
                v = b.parent;
            }
        }
        u
    }

    /// Cuts the arc above `leaving` and hangs the subtree below it under `under`, by its node `top`.
    pub(super) fn exchange(&mut self, by: Exchange) {
        let Exchange {
            top,
            under,
            leaving,
            join,
            ..
        } = by;
        let (mut arc, mut flow) = (by.entering, by.flow);
        // The subtree leaves the list.
        let size = self.cut(leaving, join);
        // From `top` up to `leaving` every node becomes the last child of the one before: its run follows,
        // without the run of the node before.
        let mut inner = self.nodes[top as usize];
        let (mut after, mut tail) = (self.nodes[inner.last as usize].next, inner.last);
        let (mut at, mut above) = (top, under);
        self.nodes[top as usize].size = size;
        loop {
            let node = &mut self.nodes[at as usize];
            (node.parent, node.arc, node.flow) = (above, arc, flow);
            if at == leaving {
                break;
            }
            let up = inner.parent;
            let outer = self.nodes[up as usize];
            let (rest, outer_after) = if outer.last == inner.last {
                (inner.previous, after)
            } else {
                self.nodes[inner.previous as usize].next = after;
                self.nodes[after as usize].previous = inner.previous;
                (outer.last, self.nodes[outer.last as usize].next)
            };
            self.nodes[tail as usize].next = up;
            self.nodes[up as usize].previous = tail;
            self.nodes[up as usize].size = size - inner.size;
            (tail, after) = (rest, outer_after);
            (arc, flow) = (inner.arc, inner.flow);
            (above, at, inner) = (at, up, outer);
        }
        // All nodes of this path now end where the whole run ends.
        while at != under {
            let node = &mut self.nodes[at as usize];
            node.last = tail;
            at = node.parent;
        }
        // The run joins the list right after `under`, and the sizes above grow.
        self.insert(top, tail, under);
        let mut w = under;
        while w != join {
            let node = &mut self.nodes[w as usize];
            node.size += size;
            w = node.parent;
        }
    }

    /// Takes the run of `k` out of the list, and its size off the nodes below `join`.
    fn cut(&mut self, k: u32, join: u32) -> u32 {
        let Node {
            size,
            parent,
            previous,
            last,
            ..
        } = self.nodes[k as usize];
        let after = self.nodes[last as usize].next;
        self.nodes[previous as usize].next = after;
        if after != NONE {
            self.nodes[after as usize].previous = previous;
        }
        let mut w = parent;
        while w != join {
            let node = &mut self.nodes[w as usize];
            node.size -= size;
            w = node.parent;
        }
        self.replace_last(parent, last, previous);
        size
    }

    /// Puts the run from `top` to `tail` right after `under`.
    fn insert(&mut self, top: u32, tail: u32, under: u32) {
        let next = std::mem::replace(&mut self.nodes[under as usize].next, top);
        self.nodes[top as usize].previous = under;
        self.nodes[tail as usize].next = next;
        if next != NONE {
            self.nodes[next as usize].previous = tail;
        }
        self.replace_last(under, under, tail);
    }

    /// Replaces `old` by `new` as the last node of each subtree that ended with `old`, from `w` upwards.
    fn replace_last(&mut self, mut w: u32, old: u32, new: u32) {
        while w != NONE && self.nodes[w as usize].last == old {
            self.nodes[w as usize].last = new;
            w = self.nodes[w as usize].parent;
        }
    }

    /// Adds `by` to the heights of the subtree of `top`, or takes it from all others where these are fewer.
    pub(super) fn shift(&mut self, top: u32, by: f64) {
        let node = self.nodes[top as usize];
        let end = self.nodes[node.last as usize].next;
        if 2 * node.size as usize <= self.nodes.len() {
            self.add(top, end, by);
        } else {
            self.add(self.root, top, -by);
            self.add(end, NONE, -by);
        }
    }

    fn add(&mut self, mut k: u32, end: u32, by: f64) {
        while k != end {
            self.height[k as usize] += by;
            k = self.nodes[k as usize].next;
        }
    }

    /// New numbers for all nodes: rows, and columns, in the order of the list.
    pub(super) fn preorder(&self) -> Vec<u32> {
        let mut to = vec![NONE; self.nodes.len()];
        let (mut row, mut column) = (0, self.rows as u32);
        let mut k = self.root;
        while k != NONE {
            let next = if (k as usize) < self.rows {
                &mut row
            } else {
                &mut column
            };
            to[k as usize] = *next;
            *next += 1;
            k = self.nodes[k as usize].next;
        }
        to
    }

    /// Calls node `k` by the number `to[k]`; rows stay rows.
    pub(super) fn permute(&mut self, to: &[u32]) {
        let new = |k: u32| to.get(k as usize).copied().unwrap_or(NONE);
        let (mut nodes, mut height) = (self.nodes.clone(), self.height.clone());
        for (k, to) in to.iter().enumerate() {
            let node = self.nodes[k];
            nodes[*to as usize] = Node {
                parent: new(node.parent),
                next: new(node.next),
                previous: new(node.previous),
                last: new(node.last),
                ..node
            };
            height[*to as usize] = self.height[k];
        }
        (self.nodes, self.height, self.root) = (nodes, height, new(self.root));
    }

    /// Heights from the tree alone.
    pub(super) fn reprice(&mut self, costs: &[f64]) {
        self.height[self.root as usize] = 0.0;
        let mut k = self.nodes[self.root as usize].next;
        while k != NONE {
            let node = &self.nodes[k as usize];
            let cost = costs[node.arc as usize];
            let above = self.height[node.parent as usize];
            self.height[k as usize] = if (k as usize) < self.rows {
                above + cost
            } else {
                above - cost
            };
            k = node.next;
        }
    }
}
