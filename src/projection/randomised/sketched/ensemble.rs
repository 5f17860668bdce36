//! [`Sketched`] as an ensemble: several copies over one inner structure.

use super::answer::entries;
use super::{Sketched, draw, recompute};
use crate::error::{Error, Result, check_shape};
use crate::projection::{Accuracy, Ensemble, Goal, Projection};
use faer::prelude::ReborrowMut as _;
use faer::{ColRef, MatMut, MatRef};

impl<P: Projection> Ensemble for Sketched<P> {
    fn copies(&self) -> usize {
        self.copies.len()
    }

    fn query_set_of(
        &mut self,
        which: &[usize],
        h: ColRef<'_, f64>,
        coords: &[usize],
        out: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        check_shape("answers", (coords.len(), which.len()), out.shape())?;
        let u = self.multipliers_of(which, h)?;
        let state = self.state.as_mut().ok_or(Error::NoWeight)?;
        entries(&mut state.weighted, &u, coords, out)?;
        Ok(self.accuracy(h))
    }

    fn whitened_of(
        &mut self,
        which: &[usize],
        h: ColRef<'_, f64>,
        out: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        let m = self.inner.shape().constraints;
        check_shape("whitened multipliers", (m, which.len()), out.shape())?;
        let u = self.multipliers_of(which, h)?;
        let state = self.state.as_ref().ok_or(Error::NoWeight)?;
        self.whitener.factor(&state.weighted)?.whiten(u, out);
        Ok(self.whitened_accuracy(h))
    }

    fn unwhiten(
        &mut self,
        z: MatRef<'_, f64>,
        mut multipliers: MatMut<'_, f64>,
        projected: MatMut<'_, f64>,
    ) -> Result<()> {
        let shape = self.inner.shape();
        let (m, k) = (shape.constraints, z.ncols());
        check_shape("whitened multipliers", (m, k), z.shape())?;
        check_shape("multipliers", (m, k), multipliers.shape())?;
        check_shape("projected", (shape.ambient, k), projected.shape())?;
        self.state()?;
        let state = self.state.as_mut().ok_or(Error::NoWeight)?;
        let factor = self.whitener.factor(&state.weighted)?;
        multipliers.copy_from(z);
        factor.unwhiten(multipliers.rb_mut());
        state
            .weighted
            .apply_transpose(multipliers.as_ref(), projected)
    }

    fn rows(&self) -> usize {
        self.settings.distribution.rows()
    }

    fn bytes(&self) -> usize {
        let y = self.state.as_ref().map_or(0, |s| s.y.nrows() * s.y.ncols());
        8 * y + self.copies.iter().map(|c| c.bytes()).sum::<usize>()
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn renew(&mut self) -> Result<()> {
        let epoch = self.epoch.checked_add(1).ok_or(Error::InvalidSetting {
            field: "epoch",
            reason: "expected an epoch after this one, found the last".into(),
        })?;
        let shape = self.inner.shape();
        let copies = draw(&shape, &self.settings, epoch)?;
        let state = match self.inner.operator(Goal::AsAbsorbed) {
            Ok(weighted) => {
                let weighted = weighted.clone();
                Some(recompute(&mut self.inner, weighted, &copies)?)
            }
            Err(Error::NoWeight) => None,
            Err(error) => return Err(error),
        };
        (self.copies, self.state, self.epoch) = (copies, state, epoch);
        Ok(())
    }
}
