//! The products `B Rᵀ` with a sketch `R`. Sketches with rows of rank one have a faster method.

use crate::constraints::{Block, Weighted};
use crate::error::Result;
use crate::sketch::{Place, RankOneRows, Sketch, for_each_row};
use faer::MatMut;
use faer::prelude::ReborrowMut as _;

/// `out ← B Rᵀ`, `m × b`.
///
/// # Complexity
/// `4b` flops per nonzero of `A` if `A` is sparse and the rows of the sketch have rank one on every matrix block. Otherwise `b`
/// applications of `B`.
pub(super) fn image(
    weighted: &mut Weighted,
    sketch: &dyn Sketch,
    mut out: MatMut<'_, f64>,
) -> Result<()> {
    if let Some(structured) = structured(weighted, sketch) {
        out.fill(0.0);
        for (block, rows) in &structured {
            let (vectors, pairs) = ((&rows.u, &rows.v), &rows.pairs);
            weighted.add_rank_one(*block, vectors, pairs, rows.scale, out.rb_mut());
        }
        if !weighted.has_numbers() {
            return Ok(());
        }
        let mut column = vec![0.0; out.nrows()];
        return for_each_row(sketch, |j, row| {
            column.fill(0.0);
            if let Some(row) = row.try_as_col_major() {
                weighted.add_numbers(row.as_slice(), &mut column);
            }
            column
                .iter()
                .enumerate()
                .for_each(|(i, x)| out[(i, j)] += x);
        });
    }
    let mut done = Ok(());
    for_each_row(sketch, |j, row| {
        let to = out.rb_mut().subcols_mut(j, 1);
        if let Err(error) = weighted.apply(row.as_mat(), to) {
            done = Err(error);
        }
    })?;
    done
}

/// The rows of the sketch on every PSD block, if all have rank one and `A` is sparse.
fn structured(weighted: &Weighted, sketch: &dyn Sketch) -> Option<Vec<(usize, RankOneRows)>> {
    let a = weighted.constraints();
    let mut out = vec![];
    for (block, kind) in a.blocks().iter().enumerate() {
        if let Block::Psd(order) = *kind {
            let first = a.range(block).start;
            out.push((block, sketch.rank_one_rows(Place { first, order })?));
        }
    }
    (!out.is_empty() && weighted.has_sparse_rows()).then_some(out)
}
