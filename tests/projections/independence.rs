//! One verdict on rows: every engine answers for the same rows, and refuses the same rows for the same reason.

use crate::common::*;
use dyncvx::constraints::{Block, BlockWeight, Constraints};
use dyncvx::error::{Error, Result};
use dyncvx::projection::{
    Auto, BaseLowRank, Complement, Direct, Goal, Iterative, Kronecker, Projection, Recompute, auto,
    direct,
};
use faer::Mat;
use rand_core::Rng;

type Make = fn(&Constraints, &[BlockWeight<'_>]) -> Result<Box<dyn Projection>>;

fn updated<P: Projection + 'static>(
    mut engine: P,
    weight: &[BlockWeight<'_>],
) -> Result<Box<dyn Projection>> {
    engine.update(weight)?;
    Ok(Box::new(engine))
}

/// Every engine that takes arbitrary rows, at a weight.
const ENGINES: [(&str, Make); 7] = [
    ("recompute", |a, w| updated(Recompute::new(a.clone())?, w)),
    ("direct", |a, w| updated(Direct::new(a.clone())?, w)),
    ("auto", |a, w| updated(Auto::new(a.clone())?, w)),
    ("iterative", |a, w| updated(Iterative::new(a.clone())?, w)),
    ("kronecker", |a, w| {
        Ok(Box::new(Kronecker::new(a.clone())?.with_weight(w)?))
    }),
    ("complement", |a, w| {
        Ok(Box::new(Complement::new(a.clone())?.with_weight(w)?))
    }),
    ("base and low rank", |a, w| {
        Ok(Box::new(BaseLowRank::new(a.clone())?.with_weight(w)?))
    }),
];

/// What an engine says about rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Answered,
    NearlyDependent { row: usize },
    Dependent { rank: usize },
}

/// The verdict of one engine; an answer must be within `bound` of the true one.
fn verdict(
    make: Make,
    a: &Constraints,
    weight: &[BlockWeight<'_>],
    (h, truth, bound): (&Mat<f64>, &Mat<f64>, f64),
) -> Verdict {
    let (mut y, mut found) = (Mat::zeros(a.len(), 1), Mat::zeros(a.ambient(), 1));
    let query = |mut p: Box<dyn Projection>| {
        let goal = Goal::Residual(1e-13);
        p.query(h.as_ref(), goal, y.as_mut(), found.as_mut())
    };
    match make(a, weight).and_then(query) {
        Ok(_) => {
            let error = (&found - truth).norm_l2() / h.norm_l2();
            assert!(
                error <= bound,
                "error {error:.1e} of P h, bound {bound:.1e}"
            );
            Verdict::Answered
        }
        Err(Error::NearlyDependent { row, .. }) => Verdict::NearlyDependent { row },
        Err(Error::RankDeficient { rank, .. }) => Verdict::Dependent { rank },
        Err(error) => panic!("{error}"),
    }
}

/// The rows `A_i` as matrices.
struct Rows {
    n: usize,
    matrices: Vec<Mat<f64>>,
}

impl Rows {
    /// `m` random rows with so many entries each, or dense ones.
    fn random(n: usize, m: usize, entries: Option<usize>, seed: u64) -> Self {
        let mut rng = rng(seed);
        let mut row = || {
            let mut matrix = Mat::zeros(n, n);
            let (count, dense) = (entries.unwrap_or(0), entries.is_none());
            let mut put = |r: usize, c: usize, v: f64| (matrix[(r, c)], matrix[(c, r)]) = (v, v);
            if dense {
                (0..n).for_each(|c| (0..=c).for_each(|r| put(r, c, normal(&mut rng))));
            } else {
                let mut below = |n: usize| (rng.next_u64() % n as u64) as usize;
                let places: Vec<_> = (0..count).map(|_| (below(n), below(n))).collect();
                places
                    .iter()
                    .for_each(|&(r, c)| put(r, c, normal(&mut rng)));
            }
            matrix
        };
        let matrices = (0..m).map(|_| row()).collect();
        Self { n, matrices }
    }

    fn constraints(&self) -> Constraints {
        let mut a = Constraints::builder(self.matrices.len(), &[Block::Psd(self.n)]).unwrap();
        for (i, row) in self.matrices.iter().enumerate() {
            for (r, c) in (0..self.n).flat_map(|c| (0..=c).map(move |r| (r, c))) {
                if row[(r, c)] != 0.0 {
                    a.entry(i, 0, r, c, row[(r, c)]).unwrap();
                }
            }
        }
        a.build().unwrap()
    }

    /// An orthonormal basis of the rows `G A_i G` by threefold Gram–Schmidt, and the least share of a row that is outside the
    /// span of those before it.
    fn basis(&self, g: &Mat<f64>) -> (Vec<Vec<f64>>, f64) {
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        let (mut basis, mut least): (Vec<Vec<f64>>, f64) = (vec![], 1.0);
        for matrix in &self.matrices {
            let b = g * matrix * g;
            let mut row: Vec<f64> = (0..self.n)
                .flat_map(|c| b.col_as_slice(c).to_vec())
                .collect();
            let length = dot(&row, &row).sqrt();
            for _ in 0..3 {
                for q in &basis {
                    let along = dot(q, &row);
                    row.iter_mut().zip(q).for_each(|(r, q)| *r -= along * q);
                }
            }
            let left = dot(&row, &row).sqrt();
            least = least.min(left / length);
            row.iter_mut().for_each(|r| *r /= left);
            basis.push(row);
        }
        (basis, least)
    }
}

/// `P h` from an orthonormal basis of the rows of `B`.
fn projected(basis: &[Vec<f64>], h: &Mat<f64>) -> Mat<f64> {
    let mut out = Mat::zeros(h.nrows(), 1);
    for q in basis {
        let along: f64 = q.iter().zip(h.col_as_slice(0)).map(|(q, h)| q * h).sum();
        (0..q.len()).for_each(|k| out[(k, 0)] += along * q[k]);
    }
    out
}

/// The last row is the first and `δ` of another one. Every engine gives the same verdict, which only gets worse as `δ` falls.
#[test]
fn every_engine_gives_the_same_verdict_on_rows_that_approach_each_other() {
    let (n, m) = (6, 12);
    for (entries, scale, seed) in [
        (Some(4), 1.0, 1),
        (None, 1.0, 2),
        (Some(4), 1e6, 3),
        (None, 1e-6, 4),
    ] {
        // Sparse random rows of this size may be dependent: a position of its own keeps every row apart.
        let mut base = Rows::random(n, m, entries, seed);
        let positions: Vec<_> = (0..n).flat_map(|c| (0..=c).map(move |r| (r, c))).collect();
        for (i, matrix) in base.matrices.iter_mut().enumerate() {
            let (r, c) = positions[i];
            let value = matrix[(r, c)] + 3.0;
            (matrix[(r, c)], matrix[(c, r)]) = (value, value);
        }
        let g = positive(n, &mut rng(seed + 10));
        let weight = [BlockWeight::Root(g.as_ref())];
        let h = symmetrised(&gaussian(n, n, &mut rng(seed + 20)));
        let h = Mat::from_fn(n * n, 1, |k, _| h[(k % n, k / n)]);
        let mut worst = Verdict::Answered;
        for exponent in 3..=16 {
            let delta = if exponent == 16 {
                0.0
            } else {
                10f64.powi(-exponent)
            };
            let mut rows = Rows {
                n,
                matrices: base.matrices.clone(),
            };
            let last = &base.matrices[0] + &base.matrices[m - 1] * faer::Scale(delta);
            rows.matrices[m - 1] = last;
            // The rows have the scale in turn.
            for matrix in rows.matrices.iter_mut().step_by(2) {
                *matrix = &*matrix * faer::Scale(scale);
            }
            let a = rows.constraints();
            let (basis, apart) = rows.basis(&g);
            let truth = projected(&basis, &h);
            // Products of rows lose the square of the distance; the true answer is known to 1e-15 over the distance.
            let bound = 20.0 * f64::EPSILON / (apart * apart);
            let asked = (&h, &truth, bound.min(2e-2));
            let found = ENGINES.map(|(name, make)| (name, verdict(make, &a, &weight, asked)));
            for (name, one) in &found {
                assert_eq!(
                    *one, found[0].1,
                    "{name} at {delta:e}, {entries:?}, {scale:e}"
                );
            }
            let found = found[0].1;
            assert!(found >= worst, "{found:?} at {delta:e} after {worst:?}");
            worst = found;
            match exponent {
                ..=5 => assert_eq!(found, Verdict::Answered),
                8..=11 => assert_eq!(found, Verdict::NearlyDependent { row: m - 1 }),
                14.. => assert_eq!(found, Verdict::Dependent { rank: m - 1 }),
                _ => {}
            }
        }
    }
}

/// Solvers measure their answers in the program itself, so their engines accept nearly dependent rows; but no residual of the
/// multipliers bounds the error of `P h`, so that is refused.
#[test]
fn engines_of_solvers_accept_nearly_dependent_rows_and_refuse_their_projection() {
    let (n, m) = (6, 10);
    let mut rows = Rows::random(n, m, None, 7);
    rows.matrices[m - 1] = &rows.matrices[0] + &rows.matrices[m - 1] * faer::Scale(1e-9);
    let a = rows.constraints();
    let g = positive(n, &mut rng(8));
    let weight = [BlockWeight::Root(g.as_ref())];
    let refused = |error: Error| matches!(error, Error::NearlyDependent { row: 9, separation, .. } if separation < 1e-8);
    let direct = Direct::with_settings(a.clone(), direct::Settings::for_solvers()).unwrap();
    let auto = Auto::with_settings(a.clone(), auto::Settings::for_solvers()).unwrap();
    for mut engine in [
        updated(direct, &weight).unwrap(),
        updated(auto, &weight).unwrap(),
    ] {
        // A right-hand side in the range of K: its residual can be made small.
        let mut rhs = Mat::from_fn(m, 1, |i, _| f64::from(u8::from(i % (m - 1) == 0)));
        engine.solve(rhs.as_mut(), Goal::Residual(1e-8)).unwrap();
        let h = Mat::from_fn(n * n, 1, |k, _| (k as f64).sin());
        let (mut y, mut out) = (Mat::zeros(m, 1), Mat::zeros(n * n, 1));
        let goal = Goal::Residual(1e-10);
        assert!(refused(
            engine
                .query(h.as_ref(), goal, y.as_mut(), out.as_mut())
                .unwrap_err()
        ));
        let out = out.as_mut().subrows_mut(0, 1);
        assert!(refused(
            engine.query_set(h.col(0), &[3], goal, out).unwrap_err()
        ));
    }
    assert!(Direct::new(a).unwrap().update(&weight).is_err_and(refused));
}

/// Rank by elimination without fractions, in integers: exact.
fn exact_rank(mut rows: Vec<Vec<i128>>) -> usize {
    let (mut rank, mut last) = (0, 1);
    for col in 0..rows[0].len() {
        let Some(pivot) = (rank..rows.len()).find(|&i| rows[i][col] != 0) else {
            continue;
        };
        rows.swap(rank, pivot);
        let by = rows[rank].clone();
        for row in &mut rows[rank + 1..] {
            let factor = row[col];
            for (r, b) in row.iter_mut().zip(&by) {
                *r = (*r * by[col] - factor * b) / last;
            }
        }
        (last, rank) = (by[col], rank + 1);
        if rank == rows.len() {
            break;
        }
    }
    rank
}

/// Small integer rows, many of them dependent: the rank in the error is the true one, and full rank is no error.
#[test]
fn the_rank_that_is_reported_is_that_of_exact_elimination() {
    let (n, numbers) = (3, 3);
    let mut deficient = 0;
    for seed in 0..60 {
        let mut rng = rng(seed);
        let mut below = |n: u64| rng.next_u64() % n;
        let m = 3 + below(8) as usize;
        let spread = 1 + below(2) as i128;
        let positions = n * (n + 1) / 2 + numbers;
        let mut rows: Vec<Vec<i128>> = vec![];
        for i in 0..m {
            let fresh: Vec<i128> = (0..positions)
                .map(|_| below(2 * spread as u64 + 1) as i128 - spread)
                .collect();
            // A third of the rows are combinations of two others.
            rows.push(match i {
                2.. if below(3) == 0 => {
                    let (j, k) = (below(i as u64) as usize, below(i as u64) as usize);
                    (0..positions)
                        .map(|p| rows[j][p] - 2 * rows[k][p])
                        .collect()
                }
                _ => fresh,
            });
        }
        let mut a = Constraints::builder(m, &[Block::Psd(n), Block::Nonneg(numbers)]).unwrap();
        for (i, row) in rows.iter().enumerate() {
            let upper = (0..n).flat_map(|c| (0..=c).map(move |r| (0, r, c)));
            let places = upper.chain((0..numbers).map(|k| (1, k, k)));
            for ((block, r, c), &v) in places.zip(row).filter(|(_, v)| **v != 0) {
                a.entry(i, block, r, c, v as f64).unwrap();
            }
        }
        let (a, rank) = (a.build().unwrap(), exact_rank(rows));
        deficient += usize::from(rank < m);
        let eye = Mat::<f64>::identity(n, n);
        let weight = [
            BlockWeight::Psd(eye.as_ref()),
            BlockWeight::Nonneg(&[1.0; 3]),
        ];
        for (name, make) in ENGINES {
            match make(&a, &weight) {
                Ok(_) => assert_eq!(rank, m, "{name}, seed {seed}"),
                Err(error) => {
                    let expected = Error::RankDeficient { rank, needed: m };
                    assert_eq!(error, expected, "{name}, seed {seed}");
                }
            }
        }
    }
    assert!(deficient > 20 && deficient < 60, "{deficient}");
}
