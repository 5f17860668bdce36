//! `B Rᵀ`, column by column of `Rᵀ` or through its structure.

use crate::constraints::Weighted;
use crate::error::Result;
use crate::sketch::{Sketch, for_each_row};
use faer::MatMut;
use faer::prelude::ReborrowMut as _;

/// `out ← B Rᵀ`, `m × b`.
///
/// # Complexity
/// `b` applications of `B`.
pub(super) fn image(
    weighted: &mut Weighted,
    sketch: &dyn Sketch,
    mut out: MatMut<'_, f64>,
) -> Result<()> {
    let mut done = Ok(());
    for_each_row(sketch, |j, row| {
        let to = out.rb_mut().subcols_mut(j, 1);
        if let Err(error) = weighted.apply(row.as_mat(), to) {
            done = Err(error);
        }
    })?;
    done
}
