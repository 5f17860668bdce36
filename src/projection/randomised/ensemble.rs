//! Copies of one randomised answer.

use crate::error::{Error, Result};
use crate::projection::{Accuracy, Projection};
use faer::{ColRef, MatMut};

/// Copies of one randomised answer over *one* inner state, on disjoint random streams: what a robust structure samples and
/// takes the median of.
///
/// # Errors
/// As [`Projection`]; [`Error::OutOfRange`] for a copy that does not exist.
pub trait Ensemble: Projection {
    /// Number of copies `L`.
    fn copies(&self) -> usize;

    /// Entries `coords` of `P h` as the copies `which` have them: `out` is `coords.len() × which.len()`. The accuracy is that of
    /// one copy.
    ///
    /// # Errors
    /// Those of [`Projection::query_set`].
    fn query_set_of(
        &mut self,
        which: &[usize],
        h: ColRef<'_, f64>,
        coords: &[usize],
        out: MatMut<'_, f64>,
    ) -> Result<Accuracy>;

    /// Rows `b` of one copy: `L·b` against `N` says whether copies are smaller than the exact structure.
    fn rows(&self) -> usize;

    /// Bytes that all copies hold, the inner structure not counted.
    fn bytes(&self) -> usize;

    /// Generation of the copies, counted from 0.
    fn epoch(&self) -> u64;

    /// Replaces all copies by fresh ones, those of the next epoch.
    ///
    /// # Errors
    /// Those of [`Projection::solve`]; the copies are the old ones then.
    fn renew(&mut self) -> Result<()>;

    /// Multipliers whitened by one factor of `K = BBᵀ = L_K L_Kᵀ`: column `s` of the `m × which.len()` matrix `out` is
    /// `L_K⁻¹ B RᵀR h` for copy `which[s]`. Each entry errs by about `‖h‖/√b`. For [`Ensemble::unwhiten`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the structure says otherwise.
    fn whitened_of(
        &mut self,
        which: &[usize],
        h: ColRef<'_, f64>,
        out: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        let _ = (which, h, out);
        Err(Error::Unsupported {
            what: "a whitened answer",
            by: "this ensemble",
        })
    }

    /// From whitened multipliers `z` to `multipliers ← L_K⁻ᵀ z` (`m × k`) and `projected ← Bᵀ L_K⁻ᵀ z` (`N × k`), which lies
    /// in the range of `Bᵀ` whatever `z` is.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the structure says otherwise.
    fn unwhiten(
        &mut self,
        z: faer::MatRef<'_, f64>,
        multipliers: MatMut<'_, f64>,
        projected: MatMut<'_, f64>,
    ) -> Result<()> {
        let _ = (z, multipliers, projected);
        Err(Error::Unsupported {
            what: "a whitened answer",
            by: "this ensemble",
        })
    }
}
