//! The structure that suits the rows.

use super::maintained::{Costs, Maintained};
use super::{Accuracy, Answered, Direct, Goal, Projection, Refresh, Seconds, Shape};
use crate::constraints::{Block, BlockWeight, Constraints, Weighted};
use crate::error::Result;
use faer::MatMut;
use std::sync::Arc;

/// Seconds (at nominal rates) a Gram matrix must cost to factor before anything else is worth a thought.
const WORTHWHILE: f64 = 0.015;
/// What it must cost in units of the work that two-sided weights bring with them.
const OVERHEAD: f64 = 4.0;
/// What forming it may cost as a share of that: rows of many entries, as those of control problems, are no graph's or
/// completion's, and their Gram matrices are too ill-conditioned for anything but a factor in double precision.
const FORMING: f64 = 0.5;

/// Chooses between [`Direct`] and [`Maintained`], by counts of operations: the former unless its Gram matrix is dense and so
/// large, for the orders of the matrix blocks, that a factorisation is what an update would cost. Then two-sided weights
/// are asked for ([`Projection::prefers_two_sided`]) and [`Maintained`] answers, which turns from one preconditioner to another,
/// factors included, by what each has cost. Weights that only [`Direct`] knows are answered by it in any case.
///
/// ```
/// use dyncvx::constraints::{Block, Constraints};
/// use dyncvx::projection::{Auto, Projection};
/// # fn main() -> dyncvx::Result<()> {
/// let small = Constraints::independent(40, &[Block::Psd(12)], 1, 1.into())?;
/// assert!(!Auto::new(small).prefers_two_sided());
/// # Ok(()) }
/// ```
///
/// # Complexity
/// That of what was chosen. One that was not asked is not made.
#[derive(Debug, Clone)]
pub struct Auto {
    a: Arc<Constraints>,
    pays: bool,
    direct: Option<Box<Direct>>,
    maintained: Option<Box<Maintained>>,
    /// Whether the last weight is with the maintained one.
    two_sided: bool,
}

impl Auto {
    /// A structure without a weight yet: call [`Projection::update`] before the first answer.
    ///
    /// # Complexity
    /// That of [`Direct::new`].
    pub fn new(a: impl Into<Arc<Constraints>>) -> Self {
        let a = a.into();
        let mut out = Self {
            pays: pays(&a),
            direct: None,
            maintained: None,
            two_sided: false,
            a,
        };
        if out.pays {
            // Where few rows meet, the Gram matrix is sparse.
            let direct = Direct::new(out.a.clone());
            out.pays = !direct.is_sparse();
            out.direct = Some(Box::new(direct));
        }
        out
    }

    fn chosen(&mut self) -> &mut dyn Projection {
        match (&mut self.maintained, &mut self.direct) {
            (Some(maintained), _) if self.two_sided => maintained.as_mut(),
            (_, direct) => direct
                .get_or_insert_with(|| Box::new(Direct::new(self.a.clone())))
                .as_mut(),
        }
    }
}

fn pays(a: &Constraints) -> bool {
    if !a.blocks().iter().any(|b| matches!(b, Block::Psd(_))) {
        return false;
    }
    let costs = Costs::new(a);
    costs.double > WORTHWHILE
        && costs.double > OVERHEAD * (costs.eigen + costs.scaling)
        && costs.assembly < FORMING * costs.double
}

impl Projection for Auto {
    fn shape(&self) -> Shape {
        Shape::of(&self.a)
    }

    fn seconds(&self) -> Option<Seconds> {
        match (&self.maintained, &self.direct) {
            (Some(maintained), _) if self.two_sided => maintained.seconds(),
            (_, Some(direct)) => direct.seconds(),
            _ => Some(Seconds::default()),
        }
    }

    fn prefers_two_sided(&self) -> bool {
        self.pays
    }

    fn answered(&self) -> Option<Answered> {
        match (&self.maintained, &self.direct) {
            (Some(maintained), _) if self.two_sided => maintained.answered(),
            (_, Some(direct)) => direct.answered(),
            _ => None,
        }
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> Result<Refresh> {
        let two_sided = |w: &BlockWeight<'_>| {
            !matches!(
                w,
                BlockWeight::Pair { .. }
                    | BlockWeight::OneSided(_)
                    | BlockWeight::OneSidedSpectral { .. }
            )
        };
        let was = self.two_sided;
        self.two_sided = self.pays && weight.iter().all(two_sided);
        if self.two_sided && self.maintained.is_none() {
            match Maintained::new(self.a.clone()) {
                Ok(made) => self.maintained = Some(Box::new(made)),
                // Dependent rows, which a dense factorisation names as well.
                Err(_) => (self.two_sided, self.pays) = (false, false),
            }
        }
        let found = self.chosen().update(weight);
        if found.is_err() {
            self.two_sided = was;
        }
        found
    }

    fn operator(&mut self, goal: Goal) -> Result<&mut Weighted> {
        self.chosen().operator(goal)
    }

    fn solve(&mut self, rhs: MatMut<'_, f64>, goal: Goal) -> Result<Accuracy> {
        self.chosen().solve(rhs, goal)
    }
}
