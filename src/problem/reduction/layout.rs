//! Which entries of the variables are kept, and where they go.

use crate::constraints::{Block, Constraints};

/// Rows and columns of one matrix block that no entry of any `A_i` or of `C` links to the others; or one number.
#[derive(Debug, Clone)]
pub(super) struct Component {
    /// Block of the original program.
    pub block: usize,
    /// Indices in that block, ascending.
    pub index: Vec<u32>,
}

/// Where an index of an original block went.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// Into matrix block `block` of the smaller program, at this index.
    Matrix { block: u32, at: u32 },
    /// Among the nonnegative numbers.
    Number(u32),
    /// Into a component that no row touches.
    Unconstrained { component: u32, at: u32 },
}

/// The variables of a program sorted into components.
///
/// Entries of `X` between components are read by no row and no cost, and dropping them leaves `X` semidefinite; `S` vanishes
/// there.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    original: Vec<Block>,
    /// Start of each original block in a flat vector, and `N` at the end.
    start: Vec<usize>,
    place: Vec<Vec<Place>>,
    matrices: Vec<Component>,
    /// Original block and index of every nonnegative number.
    numbers: Vec<(u32, u32)>,
    unconstrained: Vec<Component>,
    blocks: Vec<Block>,
}

impl Layout {
    /// # Complexity
    /// One pass over the nonzeros, nearly linear.
    pub(super) fn new(a: &Constraints, c: &Constraints) -> Self {
        let original = a.blocks().to_vec();
        let start = (0..=original.len()).map(|b| a.range(b).start).collect();
        let mut forests: Vec<Forest> = original.iter().map(|b| Forest::new(b.order())).collect();
        let mut touched: Vec<Vec<bool>> = original.iter().map(|b| vec![false; b.order()]).collect();
        for (_, b, row, col, _) in c.entries() {
            forests[b].link(row, col);
        }
        for (_, b, row, col, _) in a.entries() {
            forests[b].link(row, col);
            touched[b][row] = true;
        }
        let mut layout = Self {
            original,
            start,
            place: vec![],
            matrices: vec![],
            numbers: vec![],
            unconstrained: vec![],
            blocks: vec![],
        };
        for (b, (mut forest, touched)) in forests.into_iter().zip(touched).enumerate() {
            layout.place.push(vec![Place::Number(0); touched.len()]);
            for index in forest.trees() {
                let reached = index.iter().any(|&k| touched[k as usize]);
                layout.add(Component { block: b, index }, reached);
            }
        }
        let orders = layout.matrices.iter().map(|m| Block::Psd(m.index.len()));
        layout.blocks = orders.collect();
        if !layout.numbers.is_empty() {
            layout.blocks.push(Block::Nonneg(layout.numbers.len()));
        }
        layout
    }

    fn add(&mut self, component: Component, touched: bool) {
        let place = &mut self.place[component.block];
        for (at, &k) in (0..).zip(&component.index) {
            place[k as usize] = if !touched {
                let component = self.unconstrained.len() as u32;
                Place::Unconstrained { component, at }
            } else if component.index.len() == 1 {
                Place::Number(self.numbers.len() as u32)
            } else {
                let block = self.matrices.len() as u32;
                Place::Matrix { block, at }
            };
        }
        match (&component.index[..], touched) {
            (_, false) => self.unconstrained.push(component),
            (&[k], true) => self.numbers.push((component.block as u32, k)),
            (_, true) => self.matrices.push(component),
        }
    }

    /// The blocks of the smaller program: a matrix a component, then all numbers in one block.
    pub(super) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The components that no row touches.
    pub(super) fn unconstrained(&self) -> &[Component] {
        &self.unconstrained
    }

    /// Ranks of the original blocks from those of the components; a number counts where it exceeds its slack.
    pub(super) fn ranks(&self, found: &[usize], x: &[f64], s: &[f64]) -> Vec<usize> {
        let mut out = vec![0; self.original.len()];
        for (component, rank) in self.matrices.iter().zip(found) {
            out[component.block] += rank;
        }
        for &(block, k) in &self.numbers {
            let at = self.flat(block as usize, k as usize, k as usize);
            out[block as usize] += usize::from(x[at] > s[at]);
        }
        out
    }

    /// Whether everything stays where it is.
    pub(super) fn is_identity(&self) -> bool {
        self.unconstrained.is_empty() && self.blocks == self.original
    }

    /// Block, row and column of an entry in the smaller program; `None` in a component that no row touches, and for an
    /// entry that links two components.
    pub(super) fn entry(
        &self,
        block: usize,
        row: usize,
        col: usize,
    ) -> Option<(usize, usize, usize)> {
        match (self.place[block][row], self.place[block][col]) {
            (
                Place::Matrix { block, at },
                Place::Matrix {
                    block: other,
                    at: to,
                },
            ) if block == other => Some((block as usize, at as usize, to as usize)),
            (Place::Number(k), Place::Number(other)) if k == other => {
                Some((self.matrices.len(), k as usize, k as usize))
            }
            _ => None,
        }
    }

    /// The blocks of the original program.
    pub(super) fn original(&self) -> &[Block] {
        &self.original
    }

    /// Whether an entry lies inside one component.
    pub(super) fn holds(&self, block: usize, row: usize, col: usize) -> bool {
        self.entry(block, row, col).is_some() || self.unconstrained_entry(block, row, col).is_some()
    }

    /// Component and place in it of an entry that no row touches.
    pub(super) fn unconstrained_entry(
        &self,
        block: usize,
        row: usize,
        col: usize,
    ) -> Option<(usize, usize, usize)> {
        match (self.place[block][row], self.place[block][col]) {
            (
                Place::Unconstrained { component, at },
                Place::Unconstrained {
                    component: other,
                    at: to,
                },
            ) if component == other => Some((component as usize, at as usize, to as usize)),
            _ => None,
        }
    }

    /// Length of a flat vector of the original program.
    pub(super) fn ambient(&self) -> usize {
        self.start[self.original.len()]
    }

    /// Where an entry of the original program lies in a flat vector of it.
    pub(super) fn flat(&self, block: usize, row: usize, col: usize) -> usize {
        match self.original[block] {
            Block::Psd(n) => self.start[block] + row + col * n,
            Block::Nonneg(_) => self.start[block] + row,
        }
    }

    /// Calls `f(original, reduced)` with the two places in flat vectors of every number kept.
    pub(super) fn for_each(&self, mut f: impl FnMut(usize, usize)) {
        let mut at = 0;
        for Component { block, index } in &self.matrices {
            for &col in index {
                for &row in index {
                    f(self.flat(*block, row as usize, col as usize), at);
                    at += 1;
                }
            }
        }
        for &(block, k) in &self.numbers {
            f(self.flat(block as usize, k as usize, k as usize), at);
            at += 1;
        }
    }
}

/// Union–find over the indices of a block.
struct Forest(Vec<u32>);

impl Forest {
    fn new(n: usize) -> Self {
        Self((0..n as u32).collect())
    }

    fn root(&mut self, mut k: u32) -> u32 {
        while self.0[k as usize] != k {
            let up = self.0[self.0[k as usize] as usize];
            self.0[k as usize] = up;
            k = up;
        }
        k
    }

    fn link(&mut self, i: usize, j: usize) {
        let (i, j) = (self.root(i as u32), self.root(j as u32));
        // The smaller index leads, so that trees come in the order of their first members.
        self.0[i.max(j) as usize] = i.min(j);
    }

    /// The indices of every tree, ascending.
    fn trees(&mut self) -> Vec<Vec<u32>> {
        let (mut which, mut trees) = (vec![0; self.0.len()], Vec::<Vec<u32>>::new());
        for k in 0..self.0.len() as u32 {
            let root = self.root(k);
            if root == k {
                which[k as usize] = trees.len();
                trees.push(vec![]);
            }
            trees[which[root as usize]].push(k);
        }
        trees
    }
}
