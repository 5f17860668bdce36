//! The structure that suits the rows.

use super::forward::forward;
use super::iterative::{self, Costs, Iterative};
use super::params::{FACTOR_OVER_TWO_SIDED_WORK, MAX_ASSEMBLY_SHARE, MIN_FACTOR_SECONDS};
use super::{Direct, Projection, Refresh, Report, Seconds, Shape, Support, direct};
use crate::constraints::{Block, BlockWeight, Constraints, NearlyDependent, WeightForm};
use crate::error::Result;
use std::sync::Arc;

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
/// are asked for ([`Projection::supports`]) and [`Iterative`] answers, which turns from one preconditioner to another,
/// factors included, by what each has cost. Weights that only [`Direct`] knows are answered by it in any case.
///
/// ```
/// use dyncvx::constraints::{Block, Constraints};
/// use dyncvx::constraints::WeightForm;
/// use dyncvx::projection::{Auto, Projection, Support};
/// # fn main() -> dyncvx::Result<()> {
/// let small = Constraints::independent(40, &[Block::Psd(12)], 1, 1.into())?;
/// assert_eq!(Auto::new(small)?.supports(WeightForm::Root), Support::Yes);
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
    iterative: Option<Box<Iterative>>,
    /// Whether the last weight is with the maintained one.
    two_sided: bool,
}

impl Auto {
    /// A structure without a weight yet: call [`Projection::update`] before the first answer.
    ///
    /// # Complexity
    /// That of [`Direct::new`].
    ///
    /// # Errors
    /// Those of [`Direct::new`].
    pub fn new(a: impl Into<Arc<Constraints>>) -> Result<Self> {
        Self::with_settings(a, Settings::default())
    }

    /// A structure with settings, without a weight yet.
    ///
    /// # Complexity
    /// As [`Auto::new`].
    ///
    /// # Errors
    /// As [`Auto::new`].
    pub fn with_settings(a: impl Into<Arc<Constraints>>, settings: Settings) -> Result<Self> {
        let a = a.into();
        let mut out = Self {
            pays: pays(&a),
            settings,
            direct: None,
            iterative: None,
            two_sided: false,
            a,
        };
        if out.pays {
            // Where few rows meet, the Gram matrix is sparse.
            let direct = Direct::with_settings(out.a.clone(), direct_settings(settings))?;
            out.pays = !direct.is_sparse();
            out.direct = Some(Box::new(direct));
        }
        Ok(out)
    }

    /// The engine that has the last weight; none before the first.
    fn chosen(&self) -> Option<&dyn Projection> {
        match (&self.iterative, &self.direct) {
            (Some(iterative), _) if self.two_sided => Some(iterative.as_ref()),
            (_, Some(direct)) => Some(direct.as_ref()),
            _ => None,
        }
    }

    /// The engine that has the last weight, made if it is asked for the first time.
    fn chosen_mut(&mut self) -> Result<&mut dyn Projection> {
        match (&mut self.iterative, &mut self.direct) {
            (Some(iterative), _) if self.two_sided => Ok(iterative.as_mut()),
            (_, Some(direct)) => Ok(direct.as_mut()),
            (_, direct) => {
                let made = Direct::with_settings(self.a.clone(), direct_settings(self.settings))?;
                Ok(direct.insert(Box::new(made)).as_mut())
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
    costs.double > MIN_FACTOR_SECONDS.get()
        && costs.double > FACTOR_OVER_TWO_SIDED_WORK.get() * (costs.eigen + costs.scaling)
        && costs.assembly < MAX_ASSEMBLY_SHARE.get() * costs.double
}

impl Projection for Auto {
    fn shape(&self) -> Shape {
        Shape::of(&self.a)
    }

    fn supports(&self, form: WeightForm) -> Support {
        match form {
            WeightForm::Psd | WeightForm::Root | WeightForm::Spectral if self.pays => {
                Support::Preferred
            }
            _ => Support::Yes,
        }
    }

    fn report(&self) -> Report {
        self.chosen().map_or_else(
            || Report {
                seconds: Some(Seconds::default()),
                ..Report::default()
            },
            Projection::report,
        )
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> Result<Refresh> {
        let was = self.two_sided;
        self.two_sided = self.pays && weight.iter().all(|w| w.form().is_two_sided());
        if self.two_sided && self.iterative.is_none() {
            let mut settings = iterative::Settings::default();
            settings.nearly_dependent = self.settings.nearly_dependent;
            match Iterative::with_settings(self.a.clone(), settings) {
                Ok(made) => self.iterative = Some(Box::new(made)),
                // Dependent rows, which the other engine names as well unless it accepts them.
                Err(_) => (self.two_sided, self.pays) = (false, false),
            }
        }
        let found = self.chosen_mut().and_then(|chosen| chosen.update(weight));
        if found.is_err() {
            self.two_sided = was;
        }
        found
    }

    forward!(self => self.chosen_mut()?; operator solve query query_set);
}
