//! Rows that are multiples of each other.

use super::params::CONTRADICTION;
use super::postsolve::Step;
use super::reducer::{Finding, Reducer, larger};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

impl Reducer<'_> {
    /// Merges every row with the first row that it is a multiple of.
    pub(super) fn merge_duplicates(&mut self) -> Result<(), Finding> {
        let mut first: HashMap<u64, usize> = HashMap::new();
        for i in 0..self.rows.len() {
            if !self.rows[i].alive || self.rows[i].count < 2 {
                continue;
            }
            match first.entry(self.fingerprint(i)) {
                Entry::Vacant(place) => drop(place.insert(i)),
                Entry::Occupied(place) => {
                    let kept = *place.get();
                    if let Some(ratio) = self.ratio(i, kept) {
                        self.merge(i, kept, ratio)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A hash that rows have in common if they are multiples of each other, up to rounding.
    fn fingerprint(&self, i: usize) -> u64 {
        let (mut hasher, mut leading) = (DefaultHasher::new(), None);
        for (j, v) in self.entries(i) {
            let ratio = (v / *leading.get_or_insert(v)) as f32;
            (j, ratio.to_bits()).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// The number with `row = ratio · kept` up to a few roundings, if it exists.
    fn ratio(&self, row: usize, kept: usize) -> Option<f64> {
        let (mut a, mut b) = (self.entries(row), self.entries(kept));
        let mut ratio = None;
        loop {
            match (a.next(), b.next()) {
                (None, None) => return ratio,
                (Some((j, v)), Some((k, w))) if j == k => {
                    let ratio = *ratio.get_or_insert(v / w);
                    if (v - ratio * w).abs() > 4.0 * f64::EPSILON * v.abs() {
                        return None;
                    }
                }
                _ => return None,
            }
        }
    }

    /// Drops `row = ratio · kept` and gives its limits to `kept` where they are tighter.
    fn merge(&mut self, row: usize, kept: usize, ratio: f64) -> Result<(), Finding> {
        let (from, to) = (self.rows[row], self.rows[kept]);
        // The limits of the row as limits of the one that is kept.
        let limit = |l: f64| (l - self.shift[row]) / ratio + self.shift[kept];
        let (a, b) = (limit(from.lower), limit(from.upper));
        let (low, high) = if ratio > 0.0 { (a, b) } else { (b, a) };
        let scale = larger(larger(self.shift_size[row], from.lower), from.upper) / ratio.abs();
        let scale = larger(larger(scale.max(self.shift_size[kept]), to.lower), to.upper);
        let scale = scale.max(self.least_size);
        let contradiction = |sign: f64| {
            let rows = vec![(kept, -sign), (row, sign / ratio)];
            Err(Finding::NothingFeasible {
                rows,
                variable: None,
            })
        };
        if low > to.upper + CONTRADICTION.get() * scale {
            return contradiction(1.0);
        }
        if high < to.lower - CONTRADICTION.get() * scale {
            return contradiction(-1.0);
        }
        let (lower, upper) = (low > to.lower, high < to.upper);
        if lower {
            self.rows[kept].lower = low.min(to.upper);
        }
        if upper {
            self.rows[kept].upper = high.max(self.rows[kept].lower);
        }
        self.steps.push(Step::Duplicate {
            row,
            kept,
            ratio,
            lower,
            upper,
        });
        self.drop_row(row);
        self.queue_row(kept);
        Ok(())
    }
}
