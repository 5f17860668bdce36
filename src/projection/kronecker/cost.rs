//! The cost model: what staying stale, absorbing and rebuilding cost, and which is cheapest.
//!
//! Absorbing a change is paid once, per column of the change. Staying stale costs refinement steps at every query until the
//! next rebuild. The model assumes a surplus of `e(k) = e₁√k` seconds per query after `k` unabsorbed updates. With a rebuild of
//! cost `F`, the best cycle has `T = (3F/e₁)^{2/3}` updates and costs `F/T + (2/3) e₁ √T` per update. The model compares
//! this cost with the cost of absorbing.

use crate::error::{Error, Result};
use crate::projection::params::STALE_MARGIN;

/// Seconds of each kernel for one set of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Rates {
    /// Assembling and factoring the Gram matrix.
    pub build: f64,
    /// Inverting the factor.
    pub invert: f64,
    /// One product with the inverse.
    pub apply: f64,
    /// One application of the exact operator.
    pub operator: f64,
    /// Appending one column of a change to the buffer.
    pub append: f64,
    /// Multiplying out one column of the buffer.
    pub flush: f64,
    /// Absorbing one column of a change into a Cholesky factor.
    pub update: f64,
}

impl Rates {
    /// Rates that replace the measured ones.
    pub fn new(
        build: f64,
        invert: f64,
        apply: f64,
        operator: f64,
        append: f64,
        flush: f64,
        update: f64,
    ) -> Self {
        Self {
            build,
            invert,
            apply,
            operator,
            append,
            flush,
            update,
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        let all = [
            self.build,
            self.invert,
            self.apply,
            self.operator,
            self.append,
            self.flush,
            self.update,
        ];
        match all.iter().find(|r| !(**r > 0.0 && r.is_finite())) {
            None => Ok(()),
            Some(r) => Err(Error::InvalidSetting {
                field: "rates",
                reason: format!("expected positive seconds, found {r}"),
            }),
        }
    }

    /// First guesses from the measured time of a build: every other kernel is assumed to run at the speed of the build's
    /// `m³/3` flops.
    pub(super) fn guess(m: usize, n: usize, build: f64) -> Self {
        let m = m.max(1) as f64;
        let flop = build.max(1e-7) / (m * m * m / 3.0 + 1e4);
        Self {
            build: build.max(1e-7),
            invert: 0.5 * 2.0 / 3.0 * m * m * m * flop,
            apply: 1.5 * m * m * flop,
            operator: 8.0 * (n * n * n) as f64 * flop,
            append: 0.6 * m * m * flop,
            flush: 0.6 * m * m * flop,
            update: 3.0 * m * m * flop,
        }
    }
}

/// A kernel whose time is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    Build,
    Invert,
    Apply,
    Operator,
    Append,
    Flush,
    Update,
}

/// What to do about a change of the weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Absorb nothing.
    Stale,
    /// Append the change to the buffer of the inverse. The inverse is formed first where only a factor is held.
    Append,
    /// Absorb the change into the Cholesky factor.
    Update,
    /// Form and factor the Gram matrix again.
    Rebuild,
}

/// The facts that [`Model::decide`] chooses an action by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation {
    /// Rank of the change of the Gram matrix from the weight absorbed.
    pub inner: usize,
    /// `max log ρ − min log ρ` over the unabsorbed drift, with 0 among the values.
    pub span: f64,
    /// Whether only a factor is held, and no inverse.
    pub factor: bool,
}

/// Rates of the kernels, and statistics of the queries so far.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub rates: Rates,
    /// Whether the caller gave the rates: measurements are ignored then.
    fixed: bool,
    /// Observed iterations divided by the bound on iterations, smoothed.
    theta: f64,
    /// `ln(2/tol)` of the queries so far, smoothed.
    digits: f64,
    /// Iterations per column when every change is absorbed, smoothed.
    base: f64,
    /// Columns solved per update, smoothed.
    queries: f64,
    /// Columns solved since the last update.
    since_update: usize,
    /// Unabsorbed updates since the last absorption or rebuild.
    cycle: usize,
    /// Seconds that queries have spent on additional refinement steps in this cycle.
    paid: f64,
    /// Seconds spent on updates of a factor that an inverse would have saved.
    factor_regret: f64,
    /// Seconds spent on a buffer that multiplying it out would have saved.
    buffer_regret: f64,
    /// Seconds of additional refinement steps while every change was absorbed: the inverse itself has lost digits.
    wear: f64,
}

impl Model {
    pub(super) fn new(rates: Rates, fixed: bool) -> Self {
        Self {
            rates,
            fixed,
            theta: 0.4,
            digits: (2.0f64 / 1e-10).ln(),
            base: 3.0,
            queries: 1.0,
            since_update: 0,
            cycle: 0,
            paid: 0.0,
            factor_regret: 0.0,
            buffer_regret: 0.0,
            wear: 0.0,
        }
    }

    /// Records that `units` calls of a kernel took `seconds`.
    pub(super) fn observe(&mut self, kernel: Kernel, units: usize, seconds: f64) {
        if self.fixed || units == 0 {
            return;
        }
        let r = &mut self.rates;
        let slot = match kernel {
            Kernel::Build => &mut r.build,
            Kernel::Invert => &mut r.invert,
            Kernel::Apply => &mut r.apply,
            Kernel::Operator => &mut r.operator,
            Kernel::Append => &mut r.append,
            Kernel::Flush => &mut r.flush,
            Kernel::Update => &mut r.update,
        };
        // Each measurement halves the share of the old value, so first guesses and outliers soon lose their influence.
        *slot = 0.5 * *slot + 0.5 * (seconds / units as f64).max(1e-9);
    }

    /// Seconds of one refinement step.
    fn step(&self) -> f64 {
        self.rates.apply + self.rates.operator
    }

    /// Bound on the iterations at the condition number `e^{2 span}`.
    fn bound(&self, span: f64) -> f64 {
        0.5 * span.min(20.0).exp() * self.digits
    }

    fn rebuild_cost(&self) -> f64 {
        self.rates.build + self.rates.invert
    }

    fn append_cost(&self, inner: usize) -> f64 {
        inner as f64 * (self.rates.append + self.rates.flush)
    }

    /// Seconds that the queries of one update are expected to spend beyond those at an absorbed weight.
    fn surplus(&self, span: f64) -> f64 {
        let iterations = self.theta * self.bound(span) - self.base;
        iterations.max(0.0) * self.step() * self.queries
    }

    /// The cheapest action.
    pub(super) fn decide(&mut self, s: Situation) -> Action {
        self.queries = 0.8 * self.queries + 0.2 * self.since_update as f64;
        self.since_update = 0;
        let rebuild = self.rebuild_cost();
        if self.wear > rebuild {
            return Action::Rebuild;
        }
        let absorb = if s.factor {
            let update = s.inner as f64 * self.rates.update;
            let regret = self.factor_regret + update;
            if regret < self.rates.invert {
                Action::Update
            } else {
                Action::Append
            }
        } else {
            Action::Append
        };
        let absorb_cost = match absorb {
            Action::Update => s.inner as f64 * self.rates.update,
            _ if s.factor => self.rates.invert + self.append_cost(s.inner),
            _ => self.append_cost(s.inner),
        };
        let k = (self.cycle + 1) as f64;
        let next = self.surplus(s.span);
        let first = (next / k.sqrt()).max(1e-12);
        let length = (3.0 * rebuild / first).powf(2.0 / 3.0).max(1.0);
        let stale = rebuild / length + 2.0 / 3.0 * first * length.sqrt();
        let average = (rebuild + self.paid + next) / k;
        // The cost per update of absorbing the pending changes now, and each later change at its update.
        let eager = self.append_cost(s.inner) / k;
        if next == 0.0
            || STALE_MARGIN.get() * stale < eager.min(rebuild) && next < average.max(stale)
        {
            return Action::Stale;
        }
        if absorb_cost < rebuild {
            absorb
        } else {
            Action::Rebuild
        }
    }

    /// The cheapest action other than staying stale.
    pub(super) fn absorb(&self, inner: usize, factor: bool) -> Action {
        let update = inner as f64 * self.rates.update;
        let (action, cost) = if !factor {
            (Action::Append, self.append_cost(inner))
        } else if self.factor_regret + update < self.rates.invert {
            (Action::Update, update)
        } else {
            (Action::Append, self.rates.invert + self.append_cost(inner))
        };
        if cost < self.rebuild_cost() {
            action
        } else {
            Action::Rebuild
        }
    }

    pub(super) fn stayed_stale(&mut self) {
        self.cycle += 1;
    }

    pub(super) fn absorbed(&mut self, action: Action, inner: usize) {
        self.cycle = 0;
        self.paid = 0.0;
        match action {
            Action::Rebuild => {
                self.factor_regret = 0.0;
                self.buffer_regret = 0.0;
                self.wear = 0.0;
            }
            Action::Update => self.factor_regret += inner as f64 * self.rates.update,
            _ => {}
        }
    }

    /// Records a query of `columns` right-hand sides that took `iterations` steps in all.
    pub(super) fn queried(
        &mut self,
        columns: usize,
        iterations: usize,
        tol: f64,
        span: f64,
        buffered: usize,
        m: usize,
    ) {
        self.since_update += columns;
        if columns == 0 {
            return;
        }
        let each = iterations as f64 / columns as f64;
        self.buffer_regret +=
            (iterations + columns) as f64 * self.rates.apply * 4.0 * buffered as f64
                / m.max(1) as f64;
        if !(tol > 0.0 && tol < 1.0) {
            return;
        }
        self.digits = 0.8 * self.digits + 0.2 * (2.0 / tol).ln();
        if span > 1e-6 {
            self.theta = (0.7 * self.theta + 0.3 * each / self.bound(span)).clamp(0.01, 1.0);
            self.paid += (each - self.base).max(0.0) * self.step() * columns as f64;
        } else {
            self.base = 0.9 * self.base + 0.1 * each.min(10.0);
            self.wear += (each - 10.0).max(0.0) * self.step() * columns as f64;
        }
    }

    /// Whether to multiply the buffer out. Multiplying out has a fixed cost beyond the flops of its columns: it reads and
    /// writes both triangles of the inverse, about 20 times the memory traffic of one product. The buffer is multiplied out
    /// once it has caused that cost in products.
    pub(super) fn should_flush(&mut self, buffered: usize, inner: usize) -> bool {
        self.buffer_regret += self.rates.flush * (inner * buffered) as f64 / 2000.0;
        buffered > 0 && self.buffer_regret > 20.0 * self.rates.apply
    }

    pub(super) fn flushed(&mut self) {
        self.buffer_regret = 0.0;
    }

    pub(super) fn inverted(&mut self) {
        self.factor_regret = 0.0;
    }
}
