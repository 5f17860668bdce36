//! The network that the simplex sees on given arcs: the arcs kept and two hubs, which make every problem feasible.

use crate::transport::exact::arc_index::ArcIndex;
use crate::transport::exact::basic_plan::{UNITS, units};
use crate::transport::exact::initial_tree::TreeBuilder;
use crate::transport::exact::monitor::Monitor;
use crate::transport::exact::settings::ExactSettings;
use crate::transport::exact::simplex::ArcList;
use crate::transport::exact::solution::Potentials;
use crate::transport::exact::tree::{Link, NONE, Tree};
use crate::transport::polytope::marginals::Marginals;

/// The data as given, without forbidden arcs.
pub(super) struct SparseProblem<'a> {
    pub(super) arcs: &'a [(usize, usize, f64)],
    pub(super) marginals: &'a Marginals,
    pub(super) settings: &'a ExactSettings,
    pub(super) largest_cost: f64,
    pub(super) moderate_cost: f64,
}

/// Arcs kept and the simplex's tree on them, with one more row and one more column, the hubs. Every row can send to the column
/// hub, every column can receive from the row hub, and the row hub sends to the column hub.
pub(super) struct Network {
    /// Points of positive mass.
    pub(super) rows: Vec<usize>,
    pub(super) columns: Vec<usize>,
    /// Given arcs between these points.
    pub(super) all: ArcIndex,
    /// The arcs that the simplex sees: those of the hubs, then some of `all`.
    pub(super) kept: ArcList,
    /// The numbers of the kept arcs in `all`; `NONE` for those of the hubs.
    pub(super) origin: Vec<u32>,
    /// Whether an arc of `all` is kept.
    pub(super) is_kept: Vec<bool>,
    pub(super) tree: Tree,
}

impl Network {
    /// Chooses the first arcs and a tree on them. The kept arcs of `all` cost nothing and the arcs from rows to the column hub
    /// cost 1, as phase one needs them.
    ///
    /// # Complexity
    /// `O(arcs)` per half-step of Sinkhorn's method, and a selection among the arcs of every row and column.
    pub(super) fn new(
        problem: &SparseProblem<'_>,
        start: Option<&Potentials>,
        monitor: &mut Monitor<'_>,
    ) -> Self {
        let marginals = problem.marginals;
        let positive = |mode: usize| -> Vec<usize> {
            let masses = marginals.masses(mode).iter().enumerate();
            masses.filter(|(_, v)| **v > 0.0).map(|(i, _)| i).collect()
        };
        let (rows, columns) = (positive(0), positive(1));
        let all = ArcIndex::new(between(problem, &rows, &columns), rows.len(), columns.len());
        // Potentials of a similar problem, or of Sinkhorn's method, choose the first arcs.
        let potentials = match start {
            Some(start) => start.restricted(&rows, &columns),
            None => {
                let masses = [(0, &rows), (1, &columns)]
                    .map(|(mode, at)| at.iter().map(|i| marginals.masses(mode)[*i]).collect());
                all.anneal(&masses, problem.settings, monitor)
            }
        };
        let chosen = all.least(&potentials, problem.settings.arcs.min(all.arcs.len()));
        let mut first = ArcList::default();
        for k in &chosen {
            let (i, j) = all.arcs.ends[*k as usize];
            first.push(i as usize, j as usize, all.arcs.costs[*k as usize]);
        }
        // Most of the mass goes along them.
        let mut builder = TreeBuilder::new(&units(marginals, [&rows, &columns]), false);
        builder.send_along_all(&first);
        let (m, n) = (rows.len(), columns.len());
        let mut kept = hub_arcs(m, n);
        let hubs = kept.len();
        let tree = with_hubs(&builder, m, n);
        let mut is_kept = vec![false; all.arcs.len()];
        for (k, (i, j)) in chosen.iter().zip(&first.ends) {
            kept.push(*i as usize, *j as usize, 0.0);
            is_kept[*k as usize] = true;
        }
        Self {
            rows,
            columns,
            all,
            kept,
            origin: [vec![NONE; hubs], chosen].concat(),
            is_kept,
            tree,
        }
    }

    /// Adds an arc of `all` at a cost.
    pub(super) fn keep(&mut self, arc: u32, cost: f64) {
        let (i, j) = self.all.arcs.ends[arc as usize];
        self.kept.push(i as usize, j as usize, cost);
        self.origin.push(arc);
        self.is_kept[arc as usize] = true;
    }

    /// Arcs of `all` that are kept.
    pub(super) fn kept_arcs(&self) -> usize {
        self.origin.iter().filter(|k| **k != NONE).count()
    }

    /// Units that rows send to the column hub.
    pub(super) fn missing(&self) -> f64 {
        let nodes = self.tree.nodes.iter();
        let sent = nodes.filter(|v| v.arc != NONE && (v.arc as usize) < self.rows.len());
        sent.map(|v| v.flow).sum::<i64>() as f64
    }
}

/// The given arcs between points of positive mass, by the places of the points in `rows` and `columns`.
fn between(problem: &SparseProblem<'_>, rows: &[usize], columns: &[usize]) -> ArcList {
    let places = |at: &[usize], count: usize| {
        let mut place = vec![None; count];
        at.iter().enumerate().for_each(|(k, i)| place[*i] = Some(k));
        place
    };
    let row = places(rows, problem.marginals.masses(0).len());
    let column = places(columns, problem.marginals.masses(1).len());
    let mut arcs = ArcList::default();
    for (i, j, cost) in problem.arcs {
        if let (Some(i), Some(j)) = (row[*i], column[*j]) {
            arcs.push(i, j, *cost);
        }
    }
    arcs
}

/// From every row to the column hub at cost 1, from the row hub to every column, and between the hubs.
fn hub_arcs(m: usize, n: usize) -> ArcList {
    let mut arcs = ArcList::default();
    (0..m).for_each(|i| _ = arcs.push(i, n, 1.0));
    (0..n).for_each(|j| _ = arcs.push(m, j, 0.0));
    arcs.push(m, n, 0.0);
    arcs
}

/// The tree of the masses sent so far, with the masses that remain going to and from the hubs.
///
/// The flow between the hubs may be zero; its arc points to the root, as do those of rows without mass: the tree is strongly
/// feasible.
fn with_hubs(builder: &TreeBuilder, m: usize, n: usize) -> Tree {
    let (row_hub, column_hub, hubs) = (m, m + 1 + n, m + n + 1);
    // The row hub comes between rows and columns.
    let node = |k: usize| if k < m { k } else { k + 1 };
    let mut links: Vec<Link> = builder
        .links
        .iter()
        .map(|link| Link {
            node: node(link.node),
            parent: node(link.parent),
            arc: hubs + link.arc,
            flow: link.flow,
        })
        .collect();
    let mut between_hubs = UNITS as i64;
    for k in (0..m + n).filter(|k| !builder.exhausted[*k]) {
        let flow = builder.remaining[k];
        links.push(Link {
            node: node(k),
            parent: if k < m { column_hub } else { row_hub },
            arc: k,
            flow,
        });
        between_hubs -= if k < m { flow } else { 0 };
    }
    links.push(Link {
        node: row_hub,
        parent: column_hub,
        arc: m + n,
        flow: between_hubs,
    });
    Tree::new(m + 1, n + 1, column_hub, &links)
}
