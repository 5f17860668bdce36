//! A spanning tree of rows and columns with its flow and its potentials.

use super::simplex::Arcs;

/// No node.
pub(super) const NONE: usize = usize::MAX;

/// Rows are the nodes `0..rows`, columns follow. What belongs to the arc between a node and its parent is stored at the node.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) rows: usize,
    pub(super) parent: Vec<usize>,
    pub(super) arc: Vec<usize>,
    pub(super) flow: Vec<i64>,
    pub(super) depth: Vec<u32>,
    pub(super) dual: Vec<f64>,
    child: Vec<usize>,
    next: Vec<usize>,
    previous: Vec<usize>,
    root: usize,
    stack: Vec<usize>,
}

impl Tree {
    /// Nodes without links; `root` is where every later link leads.
    pub(super) fn new(rows: usize, columns: usize, root: usize) -> Self {
        let n = rows + columns;
        Self {
            rows,
            parent: vec![NONE; n],
            arc: vec![NONE; n],
            flow: vec![0; n],
            depth: vec![0; n],
            dual: vec![0.0; n],
            child: vec![NONE; n],
            next: vec![NONE; n],
            previous: vec![NONE; n],
            root,
            stack: Vec::new(),
        }
    }

    pub(super) fn link(&mut self, node: usize, parent: usize, arc: usize, flow: i64) {
        self.parent[node] = parent;
        self.arc[node] = arc;
        self.flow[node] = flow;
        let first = self.child[parent];
        self.next[node] = first;
        self.previous[node] = NONE;
        if first != NONE {
            self.previous[first] = node;
        }
        self.child[parent] = node;
    }

    fn unlink(&mut self, node: usize) {
        let (before, after) = (self.previous[node], self.next[node]);
        if before == NONE {
            self.child[self.parent[node]] = after;
        } else {
            self.next[before] = after;
        }
        if after != NONE {
            self.previous[after] = before;
        }
    }

    /// Cuts the arc above `leaving` and hangs what was below it under `under` by its node `top`.
    pub(super) fn rehang(
        &mut self,
        top: usize,
        under: usize,
        leaving: usize,
        arc: usize,
        flow: i64,
    ) {
        let (mut node, mut above, mut arc, mut flow) = (top, under, arc, flow);
        loop {
            let old = (self.parent[node], self.arc[node], self.flow[node]);
            self.unlink(node);
            self.link(node, above, arc, flow);
            if node == leaving {
                return;
            }
            (above, node) = (node, old.0);
            (arc, flow) = (old.1, old.2);
        }
    }

    /// Makes the arc above `top` tight, where it was short of it by `reduced`, and renews the depths below.
    pub(super) fn shift(&mut self, top: usize, reduced: f64) {
        let signs = match top < self.rows {
            true => [reduced, -reduced],
            false => [-reduced, reduced],
        };
        let mut stack = std::mem::take(&mut self.stack);
        stack.push(top);
        while let Some(node) = stack.pop() {
            self.dual[node] += signs[usize::from(node >= self.rows)];
            self.depth[node] = self.depth[self.parent[node]] + 1;
            let mut c = self.child[node];
            while c != NONE {
                stack.push(c);
                c = self.next[c];
            }
        }
        self.stack = stack;
    }

    /// Potentials and depths from the tree alone.
    pub(super) fn reprice(&mut self, arcs: &Arcs) {
        let mut stack = std::mem::take(&mut self.stack);
        self.dual[self.root] = 0.0;
        self.depth[self.root] = 0;
        stack.push(self.root);
        while let Some(node) = stack.pop() {
            let mut c = self.child[node];
            while c != NONE {
                self.dual[c] = arcs.costs[self.arc[c]] - self.dual[node];
                self.depth[c] = self.depth[node] + 1;
                stack.push(c);
                c = self.next[c];
            }
        }
        self.stack = stack;
    }
}
