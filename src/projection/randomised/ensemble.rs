//! The trait of a structure that holds several independent copies of a sketch.

use crate::error::{Error, Result};
use crate::projection::{Accuracy, Projection};
use faer::{ColRef, MatMut};

/// A structure with several independent copies of a sketch over *one* inner state, on disjoint random streams. A robust structure
/// samples these copies and releases the median of their answers.
///
/// # Errors
/// As [`Projection`]; [`Error::OutOfRange`] for a copy that does not exist.
pub trait Ensemble: Projection {
    /// Number of copies `L`.
    fn copies(&self) -> usize;

    /// Entries `coords` of `P h` as answered by the copies `which`; `out` is `coords.len() × which.len()`. The returned accuracy is
    /// the accuracy of one copy.
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

    /// Rows `b` of one copy. All copies together are smaller than the exact structure if `L·b < N`.
    fn rows(&self) -> usize;

    /// Bytes of all copies, without the inner structure.
    fn bytes(&self) -> usize;

    /// Generation of the copies, counted from 0.
    fn epoch(&self) -> u64;

    /// Replaces all copies by the newly drawn copies of the next epoch.
    ///
    /// # Errors
    /// Those of [`Projection::solve`]; after an error the old copies stay.
    fn renew(&mut self) -> Result<()>;

    /// Multipliers whitened by the factor of `K = BBᵀ = L_K L_Kᵀ`: column `s` of the `m × which.len()` matrix `out` is
    /// `L_K⁻¹ B RᵀR h` for copy `which[s]`. Each entry has an error of about `‖h‖/√b`. [`Ensemble::unwhiten`] takes such multipliers.
    ///
    /// # Errors
    /// [`Error::Unsupported`] by default.
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

    /// Converts whitened multipliers `z`: `multipliers ← L_K⁻ᵀ z` (`m × k`) and `projected ← Bᵀ L_K⁻ᵀ z` (`N × k`). The second lies in
    /// the range of `Bᵀ` for any `z`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] by default.
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
