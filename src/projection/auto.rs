//! The automatic choice between a direct and an iterative structure.

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
/// | `nearly_dependent` | refuse | what to do with rows so nearly dependent that their Gram matrix is singular up to rounding | |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Settings {
    /// What to do with rows so nearly dependent that their Gram matrix is singular up to rounding.
    pub nearly_dependent: NearlyDependent,
}

impl Settings {
    /// Settings for solvers: nearly dependent rows are accepted, because a solver measures its answers in the program itself.
    pub fn for_solvers() -> Self {
        Self {
            nearly_dependent: NearlyDependent::Accept,
        }
    }
}

/// Chooses between [`Direct`] and [`Iterative`] by counts of operations.
///
/// [`Direct`] is the choice unless its Gram matrix is dense and so large, compared with the matrix blocks, that the factorisation
/// dominates an update. In that case [`Projection::supports`] prefers two-sided weights, and [`Iterative`] answers them; it
/// chooses among several preconditioners, factors included, by their cost so far. [`Direct`] always answers weights of the
/// other forms.
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
/// The complexity of the chosen structure. A structure is made when it is first needed.
#[derive(Debug, Clone)]
pub struct Auto {
    a: Arc<Constraints>,
    settings: Settings,
    pays: bool,
    direct: Option<Box<Direct>>,
    iterative: Option<Box<Iterative>>,
    /// Whether the iterative structure has the last weight.
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
            // A sparse Gram matrix is cheap to factor: the direct structure is better after all.
            let direct = Direct::with_settings(out.a.clone(), direct_settings(settings))?;
            out.pays = !direct.is_sparse();
            out.direct = Some(Box::new(direct));
        }
        Ok(out)
    }

    /// The structure that has the last weight; `None` before the first weight.
    fn chosen(&self) -> Option<&dyn Projection> {
        match (&self.iterative, &self.direct) {
            (Some(iterative), _) if self.two_sided => Some(iterative.as_ref()),
            (_, Some(direct)) => Some(direct.as_ref()),
            _ => None,
        }
    }

    /// The structure that has the last weight. The direct structure is made on first use.
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
                // The rows are dependent. The direct structure returns the same error, or accepts such rows.
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
