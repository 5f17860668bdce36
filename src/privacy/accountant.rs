//! What was released, and how much of it is allowed.

use super::sampler::check_sample;
use crate::error::{Error, Result, check_positive, check_probability};

/// What one release costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Charge {
    epsilon: f64,
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

    /// A release of the exponential mechanism with sensitivity 1, such as a [`PrivateMedian`](super::PrivateMedian), of
    /// all copies: its bounded range makes it `ε²/8`-zCDP[^CR21].
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

    /// The same of `sample` out of `copies` copies drawn without replacement, afresh and in secret:
    /// `ε' = ln(1 + (s/L)(e^ε − 1))`[^BBG18]. Bounded range does not survive sampling, and zCDP itself is not
    /// amplified: it is charged `ε'²/2`, or [`Charge::exponential`] where that is less.
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
        // e^ε overflows beyond 709: no amplification is left to claim there.
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

    /// Pure differential privacy.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// Zero-concentrated differential privacy.
    pub fn zcdp(&self) -> f64 {
        self.zcdp
    }
}

/// How many releases together are bounded.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Composition {
    /// `ε = Σ ε_i`, pure.
    Basic,
    /// `(ε, δ)` with `ε = Σ ε_i (e^{ε_i} − 1)/(e^{ε_i} + 1) + √(2 ln(1/δ) Σ ε_i²)`, or the sum where that is less[^KOV15].
    ///
    /// [^KOV15]: Kairouz, Oh, Viswanath. The composition theorem for differential privacy. ICML 2015.
    Advanced {
        /// Probability left aside.
        delta: f64,
    },
    /// `ρ = Σ ρ_i`, read as `(ρ + 2√(ρ ln(1/δ)), δ)`[^BS16].
    ///
    /// [^BS16]: Bun, Steinke. Concentrated differential privacy. TCC 2016.
    Zcdp {
        /// Probability left aside.
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

    /// `ε` of releases that come this often each.
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

/// Counts releases and refuses the one that would pass the budget.
///
/// What is spent never falls: an update of the structure does not give anything back, only fresh copies do, which get an
/// accountant of their own. Charges may differ from release to release as long as they are fixed in advance; chosen
/// adaptively, [`Composition::Advanced`] is a bound for a privacy odometer only up to constants.
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
/// Time and space linear in the number of distinct charges, which is 1 for a structure that always asks alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Accountant {
    composition: Composition,
    limit: f64,
    releases: Vec<(Charge, u64)>,
}

impl Accountant {
    /// A budget of `epsilon`, with the composition's `δ` if it has one.
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

    /// The budget that exactly `count` releases of this charge use up.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for a `δ` that is no probability or a count of 0.
    pub fn exactly(composition: Composition, charge: Charge, count: u64) -> Result<Self> {
        composition.validate()?;
        // The very sum that `spend` compares with, so that the last of them is not lost to rounding.
        Self::new(composition, composition.epsilon(&[(charge, count)]))
    }

    /// Records `count` releases of this charge, all of them or, on an error, none.
    ///
    /// # Errors
    /// [`Error::BudgetExhausted`] when they would pass the budget.
    pub fn spend(&mut self, charge: Charge, count: u64) -> Result<()> {
        let exhausted = Error::BudgetExhausted {
            answered: self.answered(),
        };
        let before = self.releases.clone();
        let total = match self.releases.iter_mut().find(|(c, _)| *c == charge) {
            Some((_, n)) => n.checked_add(count).map(|sum| *n = sum),
            None => {
                self.releases.push((charge, count));
                Some(())
            }
        };
        let sum = (self.releases.iter()).try_fold(0u64, |sum, (_, n)| sum.checked_add(*n));
        // An ε that is not a number is past any budget too.
        if total.is_some() && sum.is_some() && self.spent() <= self.limit {
            return Ok(());
        }
        self.releases = before;
        Err(exhausted)
    }

    /// Whether [`Accountant::spend`] would succeed.
    pub fn allows(&self, charge: Charge, count: u64) -> bool {
        self.clone().spend(charge, count).is_ok()
    }

    /// `ε` spent.
    pub fn spent(&self) -> f64 {
        self.composition.epsilon(&self.releases)
    }

    /// `ε` that may be spent.
    pub fn limit(&self) -> f64 {
        self.limit
    }

    /// Number of releases recorded.
    pub fn answered(&self) -> u64 {
        self.releases.iter().map(|(_, n)| n).sum()
    }

    /// How releases are added up.
    pub fn composition(&self) -> Composition {
        self.composition
    }
}
