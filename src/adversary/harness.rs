//! Runs an attack and measures every answer.

use super::protocol::{Attacker, Target, View};
use crate::error::{Result, check_finite, check_memory, check_range, check_shape, invalid_setting};
use crate::linalg::{dot, norm};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::{ControlFlow, Range};

/// How an attack is run.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `queries` | – | number of questions | ≥ 1 |
/// | `watch` | – | coordinates asked for with every question | not empty |
/// | `windows` | 10 | equal parts of the attack, each with its own 95th percentile | 1 to `queries` |
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Number `T` of questions.
    pub queries: usize,
    /// The `k` coordinates an attacker is expected to ask for.
    pub watch: Vec<usize>,
    /// Number of equal parts of the attack.
    pub windows: usize,
}

impl Settings {
    /// This many questions for these coordinates.
    pub fn new(queries: usize, watch: Vec<usize>) -> Self {
        Self {
            queries,
            watch,
            windows: 10,
        }
    }

    fn validate(&self) -> Result<()> {
        check_range("queries", 1..=usize::MAX, self.queries)?;
        if self.watch.is_empty() {
            return invalid_setting("watch", "expected at least one coordinate, found none");
        }
        check_range("windows", 1..=self.queries, self.windows)
    }
}

/// How far an attack has come.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Number of questions answered.
    pub round: usize,
    /// Number of questions in all.
    pub rounds: usize,
    /// Relative error of the last answer.
    pub error: f64,
}

/// What an attack achieved.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Run {
    /// The largest `|answer − gᵀh| / (‖g‖‖h‖)` over the coordinates of a question, for every question in order.
    pub errors: Vec<f64>,
    /// Number of changes of the weight.
    pub updates: usize,
    /// Whether all questions were asked; `false` if the observer ended the run.
    pub complete: bool,
    windows: usize,
}

impl Run {
    /// 95th percentile of the error over all questions; NaN without questions.
    pub fn p95(&self) -> f64 {
        percentile(&self.errors, 0.95)
    }

    /// The questions and the 95th percentile of every window of the settings.
    pub fn window_p95(&self) -> Vec<(Range<usize>, f64)> {
        self.curve(self.windows)
    }

    /// The questions and the 95th percentile of each of this many windows.
    pub fn curve(&self, windows: usize) -> Vec<(Range<usize>, f64)> {
        let (n, w) = (self.errors.len(), windows.min(self.errors.len()));
        (0..w)
            .map(|k| {
                let range = k * n / w..(k + 1) * n / w;
                (range.clone(), percentile(&self.errors[range], 0.95))
            })
            .collect()
    }

    /// The largest 95th percentile of a window: the error at the height of the attack.
    pub fn worst_p95(&self) -> f64 {
        (self.window_p95().into_iter())
            .map(|w| w.1)
            .fold(f64::NAN, f64::max)
    }
}

/// The smallest of the values that a share `part` of them does not exceed.
fn percentile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

/// Exact rows that were asked for, with their lengths, until the weight changes.
#[derive(Default)]
struct Rows {
    known: HashMap<usize, (Vec<f64>, f64)>,
}

impl Rows {
    fn get(&mut self, target: &mut dyn Target, coord: usize) -> Result<&(Vec<f64>, f64)> {
        match self.known.entry(coord) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let mut row = vec![0.0; target.ambient()];
                target.row(coord, &mut row)?;
                check_finite("row of a target", &row)?;
                let length = norm(&row);
                Ok(place.insert((row, length)))
            }
        }
    }

    /// The rows of these coordinates.
    fn all(&mut self, target: &mut dyn Target, coords: &[usize]) -> Result<Vec<Vec<f64>>> {
        let row = |&coord: &usize| Ok(self.get(target, coord)?.0.clone());
        coords.iter().map(row).collect()
    }
}

/// What an attacker knows and what never changes during a run.
struct Known<'a> {
    settings: &'a Settings,
    ambient: usize,
    coordinates: usize,
    order: Option<usize>,
}

impl<'a> Known<'a> {
    fn view(&self, round: usize, rows: &'a [Vec<f64>]) -> View<'a> {
        View {
            round,
            rounds: self.settings.queries,
            watch: &self.settings.watch,
            rows,
            ambient: self.ambient,
            coordinates: self.coordinates,
            order: self.order,
        }
    }
}

/// Called after every answer; [`ControlFlow::Break`] ends the run, which then reports the answers so far. Pass
/// [`unobserved`] where nothing watches.
pub type Observer<'a> = dyn FnMut(&Progress) -> ControlFlow<()> + 'a;

/// The observer that ignores what it sees.
pub fn unobserved(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Lets an attacker ask a target [`Settings::queries`] questions, and measures every answer against the truth.
///
/// The same seeds give the same run, bit for bit, if the target's answers do.
///
/// # Errors
/// [`Error::InvalidSetting`](crate::Error::InvalidSetting); [`Error::NonFinite`](crate::Error::NonFinite) for a question,
/// a row or an answer with NaN or an infinity; [`Error::Shape`](crate::Error::Shape) for an attacker that changes the number
/// of coordinates; the errors of the target.
///
/// # Complexity
/// Per question its answer, and `O(kN)` for the truth; one row of the target per coordinate and weight.
pub fn run(
    target: &mut dyn Target,
    attacker: &mut dyn Attacker,
    settings: &Settings,
    observer: &mut Observer<'_>,
) -> Result<Run> {
    settings.validate()?;
    check_memory("the errors of an attack", settings.queries as u128)?;
    let known = Known {
        settings,
        ambient: target.ambient(),
        coordinates: target.coordinates(),
        order: target.order(),
    };
    let k = settings.watch.len();
    let mut rows = Rows::default();
    let mut watched = rows.all(target, &settings.watch)?;
    let (mut h, mut coords) = (vec![0.0; known.ambient], vec![]);
    let (mut answers, mut errors) = (vec![0.0; k], vec![0.0; k]);
    let mut done = Run {
        errors: Vec::with_capacity(settings.queries),
        updates: 0,
        complete: true,
        windows: settings.windows,
    };
    for round in 0..settings.queries {
        // The attacker may change the weight; all rows are then asked for again.
        if let Some(change) = attacker.change(&known.view(round, &watched))
            && target.update(&change.v, change.gain)?
        {
            done.updates += 1;
            rows.known.clear();
            watched = rows.all(target, &settings.watch)?;
        }

        // It asks, and the target answers.
        coords.clone_from(&settings.watch);
        attacker.ask(&known.view(round, &watched), &mut h, &mut coords);
        check_finite("question", &h)?;
        check_shape("coordinates asked for", (k, 1), (coords.len(), 1))?;
        target.answer(&h, &coords, &mut answers)?;
        check_finite("answers", &answers)?;

        // Every answer is compared with the exact one, and the attacker sees by how much it is off.
        let length = norm(&h);
        let mut worst = 0.0f64;
        for (i, &coord) in coords.iter().enumerate() {
            let (row, row_length) = rows.get(target, coord)?;
            errors[i] = answers[i] - dot(row, &h);
            // An exact 0 for a row of zeros is no error, although its relative error is 0/0.
            let scale = (row_length * length).max(f64::MIN_POSITIVE);
            worst = worst.max(errors[i].abs() / scale);
        }
        attacker.learn(&known.view(round, &watched), &h, &answers, &errors);
        done.errors.push(worst);

        let progress = Progress {
            round: round + 1,
            rounds: settings.queries,
            error: worst,
        };
        if observer(&progress).is_break() {
            done.complete = round + 1 == settings.queries;
            break;
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversary::{FromFn, SUITE, attacker};

    /// A target may have fewer coordinates than its space has dimensions; every attacker asks for those only.
    #[test]
    fn no_attacker_asks_for_a_coordinate_that_does_not_exist() {
        for name in SUITE {
            let row: Vec<f64> = (0..16).map(|i| f64::from(i + 1)).collect();
            let mut target = FromFn::new(vec![row.clone()], |h: &[f64], coord: usize| {
                assert_eq!(coord, 0, "{name}");
                dot(&row, h) + 0.1 * h[3]
            });
            let mut attacker = attacker(name, 1.into()).unwrap();
            let settings = Settings::new(40, vec![0]);
            let done = run(&mut target, attacker.as_mut(), &settings, &mut unobserved);
            assert_eq!(done.unwrap().errors.len(), 40, "{name}");
        }
    }
}
