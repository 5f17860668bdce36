//! How the maintained inverse follows a change of the weight: the choice of an action, and the actions.

use super::change::{Change, GramChange};
use super::cost::{Action, Kernel, Situation};
use super::settings::Policy;
use super::{Absorbed, Kronecker};
use crate::clock::Instant;
use crate::constraints::OwnedWeight;
use crate::error::Result;
use crate::linalg::padded;
use crate::linalg::{product, spectral};
use crate::projection::gram::{GramInverse, Refiner, ScaledFactor};
use crate::projection::lazy::{self, BlockDrift, Step};
use crate::projection::params::SAME_WEIGHT;
use crate::projection::{Reason, Refresh};
use crate::random::{Lane, Seed};
use faer::{Accum, Mat};
use rand_distr::{Distribution, StandardNormal};

impl Kronecker {
    /// Moves to `weight`; `change` is the difference from the weight absorbed.
    pub(super) fn follow(
        &mut self,
        weight: Vec<OwnedWeight>,
        change: Vec<Change>,
    ) -> Result<Refresh> {
        // No change was found: the weights are equal up to rounding, but small eigenvalues may still have moved.
        let (rank, inner) = self.size(&change);
        if inner == 0 {
            if self.probe(&weight) > SAME_WEIGHT.get().max(self.held.guard()) {
                return self.rebuild(weight, Reason::Conditioning);
            }
            self.absorbed = None;
            self.commit(weight, 0.0, 0.0);
            return Ok(self.note(Refresh::Kept, 0.0, 0));
        }
        if self.settings.policy == Policy::Rebuild {
            return self.rebuild(weight, Reason::Rank);
        }
        if self.settings.stale_tol > 0.0 {
            return self.follow_lazily(weight);
        }
        // The drift tells the cost model how many refinement steps an unabsorbed change costs. It is computed only where
        // staying stale is possible.
        let eager = 3 * inner > self.a.len() || self.settings.policy == Policy::Absorb;
        let (mut drift, mut span) = (0.0, 0.0);
        if (!eager || self.settings.policy == Policy::Stale)
            && let Some(d) = lazy::drift(self.from(), &weight, false)?
        {
            (drift, span) = (lazy::largest(&d), lazy::span(&d));
        }
        // The cost model proposes an action; the policy and the rank of the change may overrule it.
        let factor = self.held.is_factor();
        let action = match self.settings.policy {
            Policy::Absorb => self.model.absorb(inner, factor),
            _ => self.model.decide(Situation {
                inner,
                span,
                factor,
            }),
        };
        let action = match (action, self.settings.policy) {
            (_, _) if 3 * inner > self.a.len() && self.settings.policy != Policy::Stale => {
                Action::Rebuild
            }
            (Action::Append | Action::Update, Policy::Stale) => Action::Rebuild,
            (action, _) => action,
        };
        match action {
            Action::Stale => {
                self.leave(weight, change, drift, span);
                Ok(self.note(Refresh::Stale { rank }, drift, 0))
            }
            Action::Rebuild => self.rebuild(weight, Reason::Rank),
            Action::Append | Action::Update => {
                let old = self.from().to_vec();
                if !self.absorb(&old, &weight, &change, action == Action::Append)? {
                    return self.rebuild(weight, Reason::Conditioning);
                }
                self.absorbed = None;
                self.model.absorbed(action, inner);
                self.commit(weight, 0.0, 0.0);
                self.counters.absorbed_inner += inner;
                Ok(self.note(Refresh::LowRank { rank, inner }, drift, rank))
            }
        }
    }

    /// The policy of the paper: absorb the directions whose drift exceeds the threshold, and no others.
    fn follow_lazily(&mut self, weight: Vec<OwnedWeight>) -> Result<Refresh> {
        // A drift within the tolerance needs no work.
        let from = self.from().to_vec();
        let Some(drift) = lazy::drift(&from, &weight, true)? else {
            return self.rebuild(weight, Reason::Form);
        };
        let tol = self.settings.stale_tol;
        let (met, span) = (lazy::largest(&drift), lazy::span(&drift));
        if met <= tol {
            let pending = change_between(&from, &weight)?;
            let rank = self.size(&pending).0;
            self.leave(weight, pending, met, span);
            return Ok(self.note(Refresh::Stale { rank }, met, 0));
        }
        // Choose the directions to absorb. Directions with equal drift are all taken, even beyond the batch.
        let mut all: Vec<f64> = drift.iter().flat_map(|d| d.log.iter().copied()).collect();
        let count = lazy::batch(&mut all, tol);
        let threshold = all[count - 1].abs();
        let (mut target, mut change) = (vec![], vec![]);
        for ((held, new), d) in from.iter().zip(&weight).zip(&drift) {
            let (to, c) = part_of(held, new, d, threshold)?;
            target.push(to);
            change.push(c);
        }
        // Absorb these directions, or rebuild where that is cheaper.
        let (rank, inner) = self.size(&change);
        let action = match 3 * inner > self.a.len() {
            true => Action::Rebuild,
            false => self.model.absorb(inner, self.held.is_factor()),
        };
        if action == Action::Rebuild {
            return self.rebuild(weight, Reason::Rank);
        }
        if !self.absorb(&from, &target, &change, action == Action::Append)? {
            return self.rebuild(weight, Reason::Conditioning);
        }
        self.model.absorbed(action, inner);
        self.counters.absorbed_inner += inner;
        // The remaining drift is pending: record it for the next update.
        let left = lazy::drift(&target, &weight, false)?.unwrap_or_default();
        let (left, span) = (lazy::largest(&left), lazy::span(&left));
        let pending = change_between(&target, &weight)?;
        if self.size(&pending).1 == 0 {
            self.absorbed = None;
            self.commit(weight, 0.0, 0.0);
        } else {
            self.absorbed = Some(Absorbed {
                weight: target,
                refiner: Refiner::new(self.a.clone()),
                pending,
            });
            self.commit(weight, left, span);
        }
        Ok(self.note(Refresh::LowRank { rank, inner }, met, rank))
    }

    /// The weight absorbed: the weight of the inverse.
    pub(super) fn from(&self) -> &[OwnedWeight] {
        match &self.absorbed {
            Some(absorbed) => &absorbed.weight,
            None => self.given.as_deref().unwrap_or_default(),
        }
    }

    /// Rank of the change of the weight, and of the Gram matrix.
    fn size(&self, change: &[Change]) -> (usize, usize) {
        change
            .iter()
            .zip(self.a.blocks())
            .fold((0, 0), |(rank, inner), (c, b)| {
                (rank + c.rank(), inner + c.inner(b.order()))
            })
    }

    /// Keeps the inverse unchanged and records `change` as pending.
    fn leave(&mut self, weight: Vec<OwnedWeight>, pending: Vec<Change>, drift: f64, span: f64) {
        self.model.stayed_stale();
        self.fresh = false;
        match &mut self.absorbed {
            Some(absorbed) => absorbed.pending = pending,
            None => {
                let fresh = Refiner::new(self.a.clone());
                self.absorbed = Some(Absorbed {
                    weight: self.given.take().unwrap_or_default(),
                    refiner: core::mem::replace(&mut self.refiner, fresh),
                    pending,
                });
            }
        }
        self.commit(weight, drift, span);
    }

    /// Moves the inverse or the factor from `old` to `new`. Returns `false`, with `held` restored, when the result would lose
    /// too many digits.
    fn absorb(
        &mut self,
        old: &[OwnedWeight],
        new: &[OwnedWeight],
        change: &[Change],
        invert: bool,
    ) -> Result<bool> {
        // An update of a factor overwrites it: keep a copy to return to. A buffer is truncated instead.
        let inner = self.size(change).1;
        self.fresh = false;
        if invert {
            self.invert();
        }
        let backup = match &self.held {
            GramInverse::Factor(factor) => Some(factor.clone()),
            _ => None,
        };
        // Multiply the buffer out first where it is full or has become expensive to apply.
        let buffered = self.held.buffered();
        let flush = match self.settings.buffer {
            Some(cap) => buffered > 0 && buffered + inner > cap,
            None => self.model.should_flush(buffered, inner),
        };
        if flush {
            let start = Instant::now();
            self.held.flush();
            self.model
                .observe(Kernel::Flush, buffered, start.elapsed().as_secs_f64());
            self.model.flushed();
            self.counters.flushes += 1;
        }
        // Absorb the change, and test the result with a random right-hand side.
        let start = Instant::now();
        let gram = GramChange::new(&self.a, old, new, change, &mut self.rotated)?;
        let mark = self.held.mark();
        let mut good = self.held.absorb(gram.plus, gram.minus);
        let kernel = if backup.is_some() {
            Kernel::Update
        } else {
            Kernel::Append
        };
        self.model
            .observe(kernel, inner, start.elapsed().as_secs_f64());
        if good && self.probe(new) > self.held.guard() {
            match backup {
                Some(factor) => self.held = GramInverse::Factor(factor),
                None => self.held.undo(mark),
            }
            good = false;
        }
        Ok(good)
    }

    /// Forms the inverse where only a factor is held, and measures the time of a product with the inverse.
    fn invert(&mut self) {
        if !self.held.is_factor() {
            return;
        }
        let start = Instant::now();
        self.held.invert(self.settings.precision);
        self.model
            .observe(Kernel::Invert, 1, start.elapsed().as_secs_f64());
        self.model.inverted();
        self.counters.inversions += 1;
        let mut v = vec![1.0; self.a.len()];
        for _ in 0..3 {
            let start = Instant::now();
            self.held.apply(&mut v);
            self.model
                .observe(Kernel::Apply, 1, start.elapsed().as_secs_f64());
        }
    }

    /// Forms and factors the Gram matrix at `weight`.
    pub(super) fn rebuild(&mut self, weight: Vec<OwnedWeight>, why: Reason) -> Result<Refresh> {
        let start = Instant::now();
        let factor = ScaledFactor::new(&self.a, &weight, &self.assembler)?;
        self.model
            .observe(Kernel::Build, 1, start.elapsed().as_secs_f64());
        self.held = GramInverse::Factor(Box::new(factor));
        self.fresh = true;
        self.absorbed = None;
        self.model.absorbed(Action::Rebuild, 0);
        self.commit(weight, 0.0, 0.0);
        self.counters.rebuilds += 1;
        Ok(self.note(Refresh::Rebuilt(why), 0.0, 0))
    }

    /// Makes `weight` the weight given, with its drift from the weight absorbed.
    fn commit(&mut self, weight: Vec<OwnedWeight>, drift: f64, span: f64) {
        self.given = Some(weight);
        self.refiner.forget();
        (self.drift, self.span) = (drift, span);
    }

    /// Counts the update, and appends it to the trace where one is kept.
    fn note(&mut self, refresh: Refresh, drift: f64, rank: usize) -> Refresh {
        let c = &mut self.counters;
        c.updates += 1;
        match refresh {
            Refresh::Kept | Refresh::Stale { .. } => c.kept += 1,
            Refresh::LowRank { .. } => c.absorbed += 1,
            _ => {}
        }
        c.absorbed_rank += rank;
        if self.settings.trace {
            self.trace.push(Step {
                drift,
                left: self.drift,
                rank,
                refresh,
            });
        }
        refresh
    }

    /// Relative residual, at `weight`, of one solve with the held inverse for a random right-hand side.
    fn probe(&mut self, weight: &[OwnedWeight]) -> f64 {
        let mut rng = Seed::default().stream(Lane::PROBE, 0, self.probes);
        self.probes += 1;
        let v: Vec<f64> = (0..self.a.len())
            .map(|_| StandardNormal.sample(&mut rng))
            .collect();
        let held = &mut self.held;
        let start = Instant::now();
        let residual = self.refiner.probe(weight, |v| held.apply_all(v), &v);
        let seconds = start.elapsed().as_secs_f64() - self.model.rates.apply;
        self.model.observe(Kernel::Operator, 1, seconds);
        residual
    }
}

/// The change from `old` to `new`; empty when a block changed its form.
fn change_between(old: &[OwnedWeight], new: &[OwnedWeight]) -> Result<Vec<Change>> {
    Ok(super::change::find(old, new)?.unwrap_or_default())
}

/// The weight `held` with every direction whose drift is at least `threshold` moved to its value in `new`, and the change.
fn part_of(
    held: &OwnedWeight,
    new: &OwnedWeight,
    d: &BlockDrift,
    threshold: f64,
) -> Result<(OwnedWeight, Change)> {
    let chosen: Vec<usize> = (0..d.log.len())
        .filter(|&k| d.log[k].abs() >= threshold)
        .collect();
    if let (OwnedWeight::Spectral(old), OwnedWeight::Spectral(new)) = (held, new)
        && old.same_kind(new)
    {
        let mut eigenvalues = old.eigenvalues.clone();
        chosen
            .iter()
            .for_each(|&k| eigenvalues[k] = new.eigenvalues[k]);
        let change = Change::Eigenvalues {
            moved: chosen,
            one_sided: new.one_sided(),
        };
        return Ok((
            OwnedWeight::Spectral(Box::new(old.with(eigenvalues))),
            change,
        ));
    }
    let moved = |w: &Mat<f64>| {
        let n = w.nrows();
        let v = padded::from_fn(n, chosen.len(), |i, j| d.vectors[(i, chosen[j])]);
        let c: Vec<f64> = chosen.iter().map(|&k| d.gain[k]).collect();
        let scaled = padded::from_fn(n, c.len(), |i, j| v[(i, j)] * c[j]);
        let mut w = w.clone();
        product::gemm_lower(w.as_mut(), Accum::Add, 1.0, scaled.as_ref(), v.transpose());
        product::mirror_lower(w.as_mut());
        (w, v, c)
    };
    Ok(match (held.dense(), new.dense()) {
        (OwnedWeight::Nonneg(old), OwnedWeight::Nonneg(new)) => {
            let mut w = old.clone();
            chosen.iter().for_each(|&k| w[k] = new[k]);
            (OwnedWeight::Nonneg(w), Change::Entries(chosen))
        }
        (OwnedWeight::OneSided { square, .. }, _) => {
            let (square, v, c) = moved(square);
            let w = spectral::square_root("square of a one-sided weight", square.as_ref())?;
            (OwnedWeight::OneSided { w, square }, Change::Square { v, c })
        }
        (held, _) => match held.two_sided() {
            Some(w) => {
                let (w, v, c) = moved(w);
                (OwnedWeight::TwoSided(w), Change::TwoSided { v, c })
            }
            None => (held.clone(), Change::Entries(vec![])),
        },
    })
}
