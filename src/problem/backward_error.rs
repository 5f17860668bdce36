//! Errors of a point, each row and each column in its own scale.
//!
//! The DIMACS errors divide by the largest number of the whole right-hand side or cost, so one large number hides errors elsewhere. The
//! backward error[^OP64] of a row divides by the terms of that row alone.
//!
//! [^OP64]: Oettli, Prager. *Compatibility of approximate solution of linear equations with given error bounds for coefficients and
//! right-hand sides.* Numerische Mathematik 6, 1964.

use super::ConicProgram;
use crate::constraints::{Block, Constraints};
use crate::error::Result;
use crate::linalg::max_abs;

/// The largest backward errors of a point.
///
/// * Row `i` of `A x = b`: `│a_iᵀx − b_i│ / (│b_i│ + Σ_j │a_ij x_j│ + ξ max_j │a_ij│)`, and of each block of `x` the distance from the
///   cone over `ξ` and, for a matrix, its largest entry.
/// * Column `j` of `Aᵀy + s = c`: `│a_jᵀy + s_j − c_j│ / (│c_j│ + Σ_i │a_ij y_i│ + │s_j│ + η max_i │a_ij│)`, and of each block of
///   `s` the distance from the cone over `η max│a_ij│` of the block and, for a matrix, its largest entry. Off the diagonal of a matrix the denominator is at least the
///   geometric mean of those of the two diagonal entries.
///
/// The unit `ξ` is the smaller of 1 and `max│x_j│`, or 1 where `b = 0`; `η` is the same of `y` and `c`. The unit keeps terms that
/// vanish from being compared with themselves.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct BackwardErrors {
    /// The largest of the primal side.
    pub row: f64,
    /// The row that has the largest error; `None` where a cone or a limit is missed by more.
    pub worst_row: Option<usize>,
    /// The largest of the dual side.
    pub column: f64,
    /// The column that has the largest error, as a position in the flat vector `x`; `None` where a cone is missed by more.
    pub worst_column: Option<usize>,
}

impl BackwardErrors {
    /// Errors that could not be measured.
    pub(crate) const NAN: Self = Self {
        row: f64::NAN,
        worst_row: None,
        column: f64::NAN,
        worst_column: None,
    };

    /// Two errors, wherever they are.
    #[cfg(test)]
    pub(crate) fn of(row: f64, column: f64) -> Self {
        Self {
            row,
            column,
            ..Self::default()
        }
    }

    /// The larger of the two; NaN when one is NaN.
    pub fn max(&self) -> f64 {
        max_abs(&[self.row, self.column])
    }
}

/// The largest quotient, and where it is. A NaN is kept. `0/0` counts as 0.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Largest {
    pub value: f64,
    pub at: Option<usize>,
}

impl Largest {
    pub(crate) fn record(&mut self, at: Option<usize>, error: f64, scale: f64) {
        let relative = if error == 0.0 {
            0.0
        } else {
            error.abs() / scale
        };
        if relative > self.value || relative.is_nan() && !self.value.is_nan() {
            *self = Self {
                value: relative,
                at,
            };
        }
    }
}

/// The unit of a vector: the smaller of 1 and its largest number, or 1 where the data that it answers to is zero.
pub(crate) fn unit(largest: f64, data: &[f64]) -> f64 {
    if data.iter().all(|v| *v == 0.0) {
        1.0
    } else {
        largest.min(1.0)
    }
}

/// Units of the numbers of a program that is solved in other units than it was stated in: 1 in the stated program is `x[j]` of entry
/// `j` and `y[i]` of row `i`.
#[derive(Debug, Clone)]
pub(crate) struct Units {
    pub x: Vec<f64>,
    pub y: Vec<f64>,
}

/// How far a point lies outside the cone.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Outside {
    /// `max(0, −λ_min)` over all blocks; NaN when the point is not finite.
    pub distance: f64,
    /// The block that is missed by most, relative to its largest entry.
    pub block: usize,
    /// `max(0, −λ_min)` of that block.
    pub block_distance: f64,
    /// The largest entry of that block; 0 for a block of numbers, each of which is a cone of its own.
    pub block_scale: f64,
}

impl Outside {
    /// A point that cannot be measured.
    pub(crate) const NAN: Self = Self {
        distance: f64::NAN,
        block: 0,
        block_distance: f64::NAN,
        block_scale: 0.0,
    };

    /// Adds a block whose smallest eigenvalue, where it is negative, and whose largest entry are given.
    pub(crate) fn record(&mut self, block: usize, least: f64, scale: f64) {
        let distance = (-least).max(0.0);
        self.distance = self.distance.max(distance);
        let worse = distance * self.block_scale.max(f64::MIN_POSITIVE)
            > self.block_distance * scale.max(f64::MIN_POSITIVE);
        if worse || distance > 0.0 && self.block_distance == 0.0 {
            (self.block, self.block_distance, self.block_scale) = (block, distance, scale);
        }
    }
}

/// What the scales of rows and columns depend on besides the point.
#[derive(Debug, Clone)]
pub(crate) struct OwnScales<'a> {
    problem: &'a ConicProgram,
    units: Option<&'a Units>,
    /// The absolute values of the rows.
    magnitudes: Constraints,
    /// `max_j │a_ij│` in units of `x`.
    row_floor: Vec<f64>,
    /// `max_i │a_ij│` in units of `y`; 1 where a column has no entry.
    column_floor: Vec<f64>,
}

/// Calls `f(row, position, value, multiplicity)` for every entry; both positions of an entry off the diagonal.
fn each_entry(a: &Constraints, mut f: impl FnMut(usize, usize, f64)) {
    for (i, b, row, col, v) in a.entries() {
        let (first, n) = (a.range(b).start, a.blocks()[b].order());
        match a.blocks()[b] {
            Block::Nonneg(_) => f(i, first + row, v),
            Block::Psd(_) => {
                f(i, first + row + col * n, v);
                if row != col {
                    f(i, first + col + row * n, v);
                }
            }
        }
    }
}

impl<'a> OwnScales<'a> {
    /// # Complexity
    /// One pass over the nonzeros.
    pub(crate) fn new(problem: &'a ConicProgram, units: Option<&'a Units>) -> Result<Self> {
        let a = problem.constraints();
        let values: Vec<f64> = a.entries().map(|e| e.4.abs()).collect();
        let (mut row_floor, mut column_floor) = (vec![0.0f64; a.len()], vec![0.0f64; a.ambient()]);
        each_entry(a, |i, k, v| {
            let (x, y) = units.map_or((1.0, 1.0), |u| (u.x[k], u.y[i]));
            row_floor[i] = row_floor[i].max((v * x).abs());
            column_floor[k] = column_floor[k].max((v * y).abs());
        });
        let columns = column_floor.iter_mut();
        columns.filter(|v| **v == 0.0).for_each(|v| *v = 1.0);
        Ok(Self {
            problem,
            units,
            magnitudes: a.with_values(&values)?,
            row_floor,
            column_floor,
        })
    }

    /// The unit `ξ` of `x`.
    fn primal_unit(&self, x: &[f64]) -> f64 {
        let largest = match self.units {
            None => max_abs(x),
            Some(u) => x
                .iter()
                .zip(&u.x)
                .fold(0.0f64, |m, (v, u)| m.max((v / u).abs())),
        };
        unit(largest, self.problem.rhs())
    }

    /// The unit `η` of `y`.
    fn dual_unit(&self, y: &[f64]) -> f64 {
        let largest = match self.units {
            None => max_abs(y),
            Some(u) => y
                .iter()
                .zip(&u.y)
                .fold(0.0f64, |m, (v, u)| m.max((v / u).abs())),
        };
        let costs = self.problem.cost().entries();
        if costs.into_iter().all(|(.., v)| v == 0.0) {
            1.0
        } else {
            largest.min(1.0)
        }
    }

    /// The largest error of the rows, whose residuals `A x − b` are given up to their signs.
    ///
    /// # Complexity
    /// One pass over the nonzeros.
    pub(crate) fn rows(&self, x: &[f64], residual: &[f64]) -> Result<Largest> {
        let unit = self.primal_unit(x);
        let sizes: Vec<f64> = x.iter().map(|v| v.abs()).collect();
        let mut scale = vec![0.0; residual.len()];
        self.magnitudes.apply(&sizes, &mut scale)?;
        let mut largest = Largest::default();
        let own = scale.iter().zip(self.problem.rhs()).zip(&self.row_floor);
        for (i, (r, ((terms, b), floor))) in residual.iter().zip(own).enumerate() {
            largest.record(Some(i), *r, terms + b.abs() + unit * floor);
        }
        Ok(largest)
    }

    /// The largest error of the columns, whose residuals `Aᵀy + s − c` are given up to their signs.
    ///
    /// # Complexity
    /// One pass over the nonzeros.
    pub(crate) fn columns(&self, y: &[f64], s: &[f64], residual: &[f64]) -> Result<Largest> {
        let a = self.problem.constraints();
        let unit = self.dual_unit(y);
        let sizes: Vec<f64> = y.iter().map(|v| v.abs()).collect();
        let mut scale = vec![0.0; s.len()];
        self.magnitudes.adjoint(&sizes, &mut scale)?;
        for ((scale, s), floor) in scale.iter_mut().zip(s).zip(&self.column_floor) {
            *scale += s.abs() + unit * floor;
        }
        each_entry(self.problem.cost(), |_, k, v| scale[k] += v.abs());
        let mut largest = Largest::default();
        for (b, block) in a.blocks().iter().enumerate() {
            let range = a.range(b);
            match *block {
                Block::Nonneg(_) => {
                    range.for_each(|k| largest.record(Some(k), residual[k], scale[k]));
                }
                Block::Psd(n) => {
                    let first = range.start;
                    let diagonal = |l: usize| scale[first + l * (n + 1)].sqrt();
                    let roots: Vec<f64> = (0..n).map(diagonal).collect();
                    for k in range {
                        if residual[k] == 0.0 {
                            continue;
                        }
                        let (row, col) = ((k - first) % n, (k - first) / n);
                        let own = scale[k].max(roots[row] * roots[col]);
                        largest.record(Some(k), residual[k], own);
                    }
                }
            }
        }
        Ok(largest)
    }

    /// Both errors of a point. `outside` says by how much `x` and `s` lie outside the cone.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// Four passes over the nonzeros.
    pub(crate) fn errors(
        &self,
        (x, y, s): (&[f64], &[f64], &[f64]),
        outside: (Outside, Outside),
    ) -> Result<BackwardErrors> {
        let a = self.problem.constraints();
        let mut primal = vec![0.0; a.len()];
        a.apply(x, &mut primal)?;
        let rhs = self.problem.rhs();
        primal.iter_mut().zip(rhs).for_each(|(r, b)| *r -= b);
        let mut dual = vec![0.0; a.ambient()];
        a.adjoint(y, &mut dual)?;
        dual.iter_mut().zip(s).for_each(|(d, s)| *d += s);
        each_entry(self.problem.cost(), |_, k, c| dual[k] -= c);
        let mut rows = self.rows(x, &primal)?;
        let Outside {
            block_distance,
            block_scale,
            ..
        } = outside.0;
        rows.record(None, block_distance, self.primal_unit(x) + block_scale);
        let mut columns = self.columns(y, s, &dual)?;
        let out = outside.1;
        let floor = match a.blocks().is_empty() {
            true => 1.0,
            false => max_abs(&self.column_floor[a.range(out.block)]),
        };
        let scale = self.dual_unit(y) * floor + out.block_scale;
        columns.record(None, out.block_distance, scale);
        Ok(BackwardErrors {
            row: rows.value,
            worst_row: rows.at,
            column: columns.value,
            worst_column: columns.at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x_0 + 2 x_1 = 1`, `x_2 = 1e9`, and a matrix with `X_00 = 4`; costs 1e-6 on `x_0`, 1e9 on `x_2`, `X_01` twice.
    fn program() -> ConicProgram {
        let blocks = [Block::Nonneg(3), Block::Psd(2)];
        let mut a = Constraints::builder(3, &blocks).unwrap();
        a.entry(0, 0, 0, 0, 1.0).unwrap();
        a.entry(0, 0, 1, 1, 2.0).unwrap();
        a.entry(1, 0, 2, 2, 1.0).unwrap();
        a.entry(2, 1, 0, 0, 1.0).unwrap();
        let mut c = Constraints::builder(1, &blocks).unwrap();
        c.entry(0, 0, 0, 0, 1e-6).unwrap();
        c.entry(0, 0, 2, 2, 1e9).unwrap();
        c.entry(0, 1, 0, 1, 1.0).unwrap();
        c.entry(0, 1, 1, 1, 1.0).unwrap();
        ConicProgram::new(a.build().unwrap(), vec![1.0, 1e9, 4.0], c.build().unwrap()).unwrap()
    }

    #[test]
    fn a_large_number_hides_nothing() {
        let p = program();
        let scales = OwnScales::new(&p, None).unwrap();
        // Row 0 is 0.1 off, against 1 + 1.1 + its largest entry.
        let x = [0.5, 0.3, 1e9, 4.0, 0.0, 0.0, 1.0];
        let y = [0.0, 1e9, -1.0];
        let s = [1e-6, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let inside = (Outside::default(), Outside::default());
        let found = scales.errors((&x, &y, &s), inside).unwrap();
        assert!((found.row - 0.1 / (1.0 + 1.1 + 2.0)).abs() < 1e-15);
        assert_eq!(found.worst_row, Some(0));
        assert_eq!(found.column, 0.0);
        // The cost of 1e-6 is missed by half of it: hidden by 1e9 for DIMACS, not here.
        let s = [0.5e-6, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let found = scales.errors((&x, &y, &s), inside).unwrap();
        assert!((found.column - 0.5e-6 / (1e-6 + 0.5e-6 + 1.0)).abs() < 1e-20);
        assert_eq!(found.worst_column, Some(0));
    }

    #[test]
    fn cones_are_missed_in_the_scale_of_their_block() {
        let p = program();
        let scales = OwnScales::new(&p, None).unwrap();
        let x = [1.0, 0.0, 1e9, 4.0, 0.0, 0.0, 1.0];
        let (y, s) = ([0.0, 1e9, -1.0], [1e-6, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
        let mut out = Outside::default();
        out.record(1, -0.5, 4.0);
        let found = scales
            .errors((&x, &y, &s), (out, Outside::default()))
            .unwrap();
        assert!((found.row - 0.5 / 5.0).abs() < 1e-15 && found.worst_row.is_none());
        // The block that is missed by most in its own scale counts, not the largest distance.
        out.record(0, -2.0, 1e9);
        assert_eq!((out.distance, out.block), (2.0, 1));
    }

    /// In other units the same errors are found.
    #[test]
    fn errors_do_not_depend_on_units() {
        let p = program();
        let plain = OwnScales::new(&p, None).unwrap();
        let (e, d) = ([4.0, 0.25, 1024.0, 2.0], [0.5, 8.0, 2.0]);
        let factor = |k: usize| if k < 3 { e[k] } else { e[3] };
        let values: Vec<f64> = p
            .constraints()
            .entries()
            .map(|(i, b, r, _, v)| v * d[i] * if b == 0 { e[r] } else { e[3] })
            .collect();
        let costs: Vec<f64> = p
            .cost()
            .entries()
            .map(|(_, b, r, _, v)| v * if b == 0 { e[r] } else { e[3] })
            .collect();
        let scaled = ConicProgram::new(
            p.constraints().with_values(&values).unwrap(),
            p.rhs().iter().zip(d).map(|(b, d)| b * d).collect(),
            p.cost().with_values(&costs).unwrap(),
        )
        .unwrap();
        let units = Units {
            x: (0..7).map(|k| 1.0 / factor(k)).collect(),
            y: d.iter().map(|d| 1.0 / d).collect(),
        };
        let turned = OwnScales::new(&scaled, Some(&units)).unwrap();
        let x = [0.5, 0.3, 1.1e9, 4.0, 0.5, 0.5, 1.0];
        let (y, s) = ([1e-3, 1e9, -1.0], [1e-6, 0.1, 0.0, 1.1, 1.0, 1.0, 1.0]);
        let inside = (Outside::default(), Outside::default());
        let found = plain.errors((&x, &y, &s), inside).unwrap();
        let x2: Vec<f64> = x.iter().enumerate().map(|(k, v)| v / factor(k)).collect();
        let y2: Vec<f64> = y.iter().zip(d).map(|(y, d)| y / d).collect();
        let s2: Vec<f64> = s.iter().enumerate().map(|(k, v)| v * factor(k)).collect();
        let again = turned.errors((&x2, &y2, &s2), inside).unwrap();
        assert!((found.row - again.row).abs() <= 1e-14 * found.row);
        assert!((found.column - again.column).abs() <= 1e-14 * found.column);
        assert!(found.row > 0.0 && found.column > 0.0);
    }
}
