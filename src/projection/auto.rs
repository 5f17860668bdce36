//! The structure that suits the rows.

use super::iterative::{self, Costs, Iterative};
use super::{Accuracy, Answered, Direct, Goal, Projection, Refresh, Seconds, Shape, direct};
use crate::constraints::{Block, BlockWeight, Constraints, NearlyDependent, Weighted};
use crate::error::Result;
use faer::{ColRef, MatMut, MatRef};
use std::sync::Arc;

/// Seconds (at nominal rates) a Gram matrix must cost to factor before anything else is worth a thought.
const WORTHWHILE: f64 = 0.015;
/// What it must cost in units of the work that two-sided weights bring with them.
const OVERHEAD: f64 = 4.0;
/// What forming it may cost as a share of that: rows of many entries, as those of control problems, are no graph's or
/// completion's, and their Gram matrices are too ill-conditioned for anything but a factor in double precision.
const FORMING: f64 = 0.5;

/// Settings of [`Auto`].
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `nearly_dependent` | refuse | what to do with rows that products of rows cannot tell apart | |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Settings {
    /// What to do with rows that products of rows cannot tell apart.
    pub nearly_dependent: NearlyDependent,
}

impl Settings {
    /// For solvers, which measure their answers in the program itself: nearly dependent rows are accepted.
    pub fn for_solvers() -> Self {
        Self {
            nearly_dependent: NearlyDependent::Accept,
        }
    }
}

/// Chooses between [`Direct`] and [`Iterative`], by counts of operations: the former unless its Gram matrix is dense and so
/// large, for the orders of the matrix blocks, that a factorisation is what an update would cost. Then two-sided weights
/// are asked for ([`Projection::prefers_two_sided`]) and [`Iterative`] answers, which turns from one preconditioner to another,
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
    settings: Settings,
    pays: bool,
    direct: Option<Box<Direct>>,
    maintained: Option<Box<Iterative>>,
    /// Whether the last weight is with the maintained one.
    two_sided: bool,
}

impl Auto {
    /// A structure without a weight yet: call [`Projection::update`] before the first answer.
    ///
    /// # Complexity
    /// That of [`Direct::new`].
    pub fn new(a: impl Into<Arc<Constraints>>) -> Self {
        Self::with_settings(a, Settings::default())
    }

    /// A structure with settings, without a weight yet.
    ///
    /// # Complexity
    /// As [`Auto::new`].
    pub fn with_settings(a: impl Into<Arc<Constraints>>, settings: Settings) -> Self {
        let a = a.into();
        let mut out = Self {
            pays: pays(&a),
            settings,
            direct: None,
            maintained: None,
            two_sided: false,
            a,
        };
        if out.pays {
            // Where few rows meet, the Gram matrix is sparse.
            let direct = Direct::with_settings(out.a.clone(), direct_settings(settings));
            out.pays = !direct.is_sparse();
            out.direct = Some(Box::new(direct));
        }
        out
    }

    fn chosen(&mut self) -> &mut dyn Projection {
        match (&mut self.maintained, &mut self.direct) {
            (Some(maintained), _) if self.two_sided => maintained.as_mut(),
            (_, direct) => {
                let (a, settings) = (&self.a, direct_settings(self.settings));
                direct
                    .get_or_insert_with(|| Box::new(Direct::with_settings(a.clone(), settings)))
                    .as_mut()
            }
        }
    }
}

fn direct_settings(settings: Settings) -> direct::Settings {
    direct::Settings {
        nearly_dependent: settings.nearly_dependent,
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
            let mut settings = iterative::Settings::default();
            settings.nearly_dependent = self.settings.nearly_dependent;
            match Iterative::with_settings(self.a.clone(), settings) {
                Ok(made) => self.maintained = Some(Box::new(made)),
                // Dependent rows, which the other engine names as well unless it accepts them.
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

    fn query(
        &mut self,
        h: MatRef<'_, f64>,
        goal: Goal,
        multipliers: MatMut<'_, f64>,
        projected: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        self.chosen().query(h, goal, multipliers, projected)
    }

    fn query_set(
        &mut self,
        h: ColRef<'_, f64>,
        coords: &[usize],
        goal: Goal,
        out: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        self.chosen().query_set(h, coords, goal, out)
    }
}
