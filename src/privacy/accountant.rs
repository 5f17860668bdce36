//! The privacy cost of releases, and the budget for it.

use super::sampler::check_sample;
use crate::error::{Error, Result, check_positive, check_probability};

/// The privacy cost of one release.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Charge {
    /// `ε` of pure differential privacy.
    epsilon: f64,
    /// `ρ` of zero-concentrated differential privacy.
    zcdp: f64,
}

impl Charge {
    /// Any `ε`-differentially private release: `ε²/2`-zCDP[^BS16].
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] unless `epsilon` is finite and above 0.
    ///
    /// [^BS16]: Bun, Steinke. Concentrated differential privacy: simplifications, extensions, and lower bounds. TCC 2016.
    pub fn pure(epsilon: f64) -> Result<Self> {
        check_positive("epsilon", epsilon)?;
        Ok(Self {
            epsilon,
            zcdp: 0.5 * epsilon * epsilon,
        })
    }

    /// A release of the exponential mechanism with sensitivity 1 from all copies, such as a
    /// [`PrivateMedian`](super::PrivateMedian): because of its bounded range it is `ε²/8`-zCDP[^CR21].
    ///
    /// # Errors
    /// As [`Charge::pure`].
    ///
    /// [^CR21]: Cesar, Rogers. Bounding, concentrating, and truncating: unifying privacy loss composition for data analytics.
    /// ALT 2021.
    pub fn exponential(epsilon: f64) -> Result<Self> {
        check_positive("epsilon", epsilon)?;
        Ok(Self {
            epsilon,
            zcdp: 0.125 * epsilon * epsilon,
        })
    }

    /// A release of the exponential mechanism from `sample` out of `copies` copies, drawn without replacement, in secret and anew
    /// for each release: `ε' = ln(1 + (s/L)(e^ε − 1))`[^BBG18]. Sampling destroys the bounded range and does not amplify zCDP
    /// itself, so the zCDP cost is `ε'²/2`, or that of [`Charge::exponential`] where it is smaller.
    ///
    /// # Errors
    /// As [`Charge::pure`]; [`Error::InvalidSetting`] unless `1 ≤ sample ≤ copies`.
    ///
    /// [^BBG18]: Balle, Barthe, Gaboardi. Privacy amplification by subsampling: tight analyses via couplings and divergences.
    /// NeurIPS 2018.
    pub fn sampled(epsilon: f64, sample: usize, copies: usize) -> Result<Self> {
        check_positive("epsilon", epsilon)?;
        check_sample(sample, copies)?;
        let whole = Self::exponential(epsilon)?;
        let amplified = (sample as f64 / copies as f64 * epsilon.exp_m1()).ln_1p();
        // e^ε overflows for ε > 709: the charge is then without amplification.
        let epsilon = if amplified.is_finite() {
            amplified.min(epsilon)
        } else {
            epsilon
        };
        Ok(Self {
            epsilon,
            zcdp: (0.5 * epsilon * epsilon).min(whole.zcdp),
        })
    }

    /// `ε` of pure differential privacy.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// `ρ` of zero-concentrated differential privacy.
    pub fn zcdp(&self) -> f64 {
        self.zcdp
    }
}

/// How the costs of several releases add up.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Composition {
    /// `ε = Σ ε_i`, pure.
    Basic,
    /// `(ε, δ)` with `ε = Σ ε_i (e^{ε_i} − 1)/(e^{ε_i} + 1) + √(2 ln(1/δ) Σ ε_i²)`, or with the sum `Σ ε_i` where it is
    /// smaller[^KOV15].
    ///
    /// [^KOV15]: Kairouz, Oh, Viswanath. The composition theorem for differential privacy. ICML 2015.
    Advanced {
        /// Probability `δ` with which the bound may fail.
        delta: f64,
    },
    /// `ρ = Σ ρ_i` of zCDP, converted to `(ε, δ)` with `ε = ρ + 2√(ρ ln(1/δ))`[^BS16].
    ///
    /// [^BS16]: Bun, Steinke. Concentrated differential privacy. TCC 2016.
    Zcdp {
        /// Probability `δ` with which the bound may fail.
        delta: f64,
    },
}

impl Composition {
    fn validate(self) -> Result<()> {
        match self {
            Composition::Basic => Ok(()),
            Composition::Advanced { delta } | Composition::Zcdp { delta } => {
                check_probability("delta", delta)
            }
        }
    }

    /// `ε` of all releases, given as charges with their numbers.
    fn epsilon(self, releases: &[(Charge, u64)]) -> f64 {
        let sum =
            |f: fn(&Charge) -> f64| -> f64 { releases.iter().map(|(c, n)| *n as f64 * f(c)).sum() };
        match self {
            Composition::Basic => sum(Charge::epsilon),
            Composition::Advanced { delta } => {
                // (e^x − 1)/(e^x + 1) = tanh(x/2), which does not overflow.
                let drift = sum(|c| c.epsilon * (0.5 * c.epsilon).tanh());
                let spread = (2.0 * (1.0 / delta).ln() * sum(|c| c.epsilon * c.epsilon)).sqrt();
                (drift + spread).min(sum(Charge::epsilon))
            }
            Composition::Zcdp { delta } => {
                let rho = sum(Charge::zcdp);
                rho + 2.0 * (rho * (1.0 / delta).ln()).sqrt()
            }
        }
    }
}

/// Adds up the cost of releases and refuses a release that would exceed the budget.
///
/// Spent budget never comes back: an update of the structure returns nothing. Fresh copies get an accountant of their own.
/// Charges may differ from release to release, but must be fixed in advance. For charges that are chosen adaptively,
/// [`Composition::Advanced`] bounds a privacy odometer only up to constants.
///
/// ```
/// use dyncvx::privacy::{Accountant, Charge, Composition};
/// let mut accountant = Accountant::new(Composition::Basic, 1.0)?;
/// let release = Charge::pure(0.25)?;
/// for _ in 0..4 { accountant.spend(release, 1)?; }
/// assert_eq!(accountant.spend(release, 1), Err(dyncvx::Error::BudgetExhausted { answered: 4 }));
/// assert_eq!(accountant.spent(), 1.0);
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Complexity
/// Time and space linear in the number of distinct charges, which is 1 for a structure whose releases are all alike.
///
/// An accountant has no `Clone`: a copy would have the budget once more.
///
/// ```compile_fail,E0599
/// use dyncvx::privacy::{Accountant, Composition};
/// let accountant = Accountant::new(Composition::Basic, 1.0).unwrap();
/// let twice = accountant.clone();
/// ```
#[derive(Debug, PartialEq)]
pub struct Accountant {
    composition: Composition,
    limit: f64,
    releases: Vec<(Charge, u64)>,
}

impl Accountant {
    /// A budget of `epsilon`, with the `δ` of the composition if it has one.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] unless `epsilon` is finite and above 0 and `δ` a probability.
    pub fn new(composition: Composition, epsilon: f64) -> Result<Self> {
        composition.validate()?;
        check_positive("epsilon", epsilon)?;
        Ok(Self {
            composition,
            limit: epsilon,
            releases: vec![],
        })
    }

    /// The budget that `count` releases of this charge use up exactly.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for a `δ` that is not strictly between 0 and 1, or a count of 0.
    pub fn exactly(composition: Composition, charge: Charge, count: u64) -> Result<Self> {
        composition.validate()?;
        // The same sum as in `spend`, so that rounding does not refuse the last release.
        Self::new(composition, composition.epsilon(&[(charge, count)]))
    }

    /// Records `count` releases of this charge. On an error none is recorded.
    ///
    /// # Errors
    /// [`Error::BudgetExhausted`] if they would exceed the budget.
    pub fn spend(&mut self, charge: Charge, count: u64) -> Result<()> {
        match self.after(charge, count) {
            Some(releases) => self.releases = releases,
            None => {
                let answered = self.answered();
                return Err(Error::BudgetExhausted { answered });
            }
        }
        Ok(())
    }

    /// Whether [`Accountant::spend`] would succeed.
    pub fn allows(&self, charge: Charge, count: u64) -> bool {
        self.after(charge, count).is_some()
    }

    /// All releases with `count` more of this charge, if the budget covers them.
    fn after(&self, charge: Charge, count: u64) -> Option<Vec<(Charge, u64)>> {
        let mut releases = self.releases.clone();
        match releases.iter_mut().find(|(c, _)| *c == charge) {
            Some((_, n)) => *n = n.checked_add(count)?,
            None => releases.push((charge, count)),
        }
        let mut counts = releases.iter().map(|(_, n)| *n);
        counts.try_fold(0u64, u64::checked_add)?;
        // The comparison also refuses an ε that is NaN.
        (self.composition.epsilon(&releases) <= self.limit).then_some(releases)
    }

    /// `ε` spent.
    pub fn spent(&self) -> f64 {
        self.composition.epsilon(&self.releases)
    }

    /// The budget `ε`.
    pub fn limit(&self) -> f64 {
        self.limit
    }

    /// Number of releases recorded.
    pub fn answered(&self) -> u64 {
        self.releases.iter().map(|(_, n)| n).sum()
    }

    /// How costs add up.
    pub fn composition(&self) -> Composition {
        self.composition
    }
}
