//! An attack, measured.

use super::{Attacker, Target, View};
use crate::error::{Error, Result, check_finite};
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
/// | `windows` | 10 | parts of the attack whose 95th percentiles are taken | 1 to `queries` |
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
        let invalid = |field, reason: String| Err(Error::InvalidSetting { field, reason });
        if self.queries == 0 {
            return invalid("queries", "expected at least 1, found 0".into());
        }
        if self.watch.is_empty() {
            return invalid(
                "watch",
                "expected at least one coordinate, found none".into(),
            );
        }
        if self.windows == 0 || self.windows > self.queries {
            let reason = format!(
                "expected 1 to {}, the number of questions, found {}",
                self.queries, self.windows
            );
            return invalid("windows", reason);
        }
        Ok(())
    }
}

/// How far an attack is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Questions answered.
    pub round: usize,
    /// Questions in all.
    pub rounds: usize,
    /// Relative error of the last one.
    pub error: f64,
}

/// What an attack achieved.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Run {
    /// Of every question in order, the largest `|answer − gᵀh| / (‖g‖‖h‖)` over its coordinates.
    pub errors: Vec<f64>,
    /// Changes of the weight that were made.
    pub updates: usize,
    /// Whether all questions were asked; an observer may have ended it.
    pub complete: bool,
    windows: usize,
}

impl Run {
    /// 95th percentile over all questions; NaN without any.
    pub fn p95(&self) -> f64 {
        percentile(&self.errors, 0.95)
    }

    /// 95th percentile of every window of the settings, with the questions it covers.
    pub fn window_p95(&self) -> Vec<(Range<usize>, f64)> {
        self.curve(self.windows)
    }

    /// The same for another number of windows.
    pub fn curve(&self, windows: usize) -> Vec<(Range<usize>, f64)> {
        let (n, w) = (self.errors.len(), windows.min(self.errors.len()));
        (0..w)
            .map(|k| {
                let range = k * n / w..(k + 1) * n / w;
                (range.clone(), percentile(&self.errors[range], 0.95))
            })
            .collect()
    }

    /// The largest of them: what the attack came to at its best.
    pub fn worst_p95(&self) -> f64 {
        (self.window_p95().into_iter())
            .map(|w| w.1)
            .fold(f64::NAN, f64::max)
    }
}

/// The smallest value that at least this part of them does not exceed.
fn percentile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

/// Rows that were asked for, kept until the weight changes.
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
}

/// Called after every answer; [`ControlFlow::Break`] ends the run with what there is.
pub type Observer<'a> = &'a mut dyn FnMut(&Progress) -> ControlFlow<()>;

/// Lets an attacker ask a target [`Settings::queries`] questions, and measures every answer against the truth.
///
/// The same seeds give the same run, bit for bit, if the target's answers do.
///
/// # Errors
/// [`Error::InvalidSetting`]; [`Error::NonFinite`] for a question, a row or an answer that is no number, [`Error::Shape`] for
/// an attacker that changes the number of coordinates, [`Error::OutOfRange`] for one beyond the space; what the target
/// refuses.
///
/// # Complexity
/// Of each question its answer, and `O(kN)` for the truth; a row of the target once for each coordinate and weight.
pub fn run(
    target: &mut dyn Target,
    attacker: &mut dyn Attacker,
    settings: &Settings,
    mut observer: Option<Observer<'_>>,
) -> Result<Run> {
    settings.validate()?;
    let ambient = target.ambient();
    let order = target.order();
    let k = settings.watch.len();
    let mut rows = Rows::default();
    let mut watched: Vec<Vec<f64>> = vec![];
    let (mut h, mut coords) = (vec![0.0; ambient], vec![]);
    let (mut answers, mut errors) = (vec![0.0; k], vec![0.0; k]);
    let mut done = Run {
        errors: Vec::with_capacity(settings.queries),
        updates: 0,
        complete: true,
        windows: settings.windows,
    };
    for round in 0..settings.queries {
        if watched.is_empty() {
            for &coord in &settings.watch {
                watched.push(rows.get(target, coord)?.0.clone());
            }
        }
        fn held<'a>(
            (settings, round, ambient, order): (&'a Settings, usize, usize, Option<usize>),
            rows: &'a [Vec<f64>],
        ) -> View<'a> {
            View {
                round,
                rounds: settings.queries,
                watch: &settings.watch,
                rows,
                ambient,
                order,
            }
        }
        let state = (settings, round, ambient, order);
        if let Some(change) = attacker.change(&held(state, &watched))
            && target.update(&change.v, change.gain)?
        {
            done.updates += 1;
            rows.known.clear();
            watched.clear();
            for &coord in &settings.watch {
                watched.push(rows.get(target, coord)?.0.clone());
            }
        }
        coords.clone_from(&settings.watch);
        attacker.ask(&held(state, &watched), &mut h, &mut coords);
        check_finite("question", &h)?;
        crate::error::check_shape("coordinates asked for", (k, 1), (coords.len(), 1))?;
        target.answer(&h, &coords, &mut answers)?;
        check_finite("answers", &answers)?;
        let length = norm(&h);
        let mut worst = 0.0f64;
        for (i, &coord) in coords.iter().enumerate() {
            let (row, row_length) = rows.get(target, coord)?;
            errors[i] = answers[i] - dot(row, &h);
            // 0/0 is no error: an exact zero was asked of a zero row.
            let scale = (row_length * length).max(f64::MIN_POSITIVE);
            worst = worst.max(errors[i].abs() / scale);
        }
        attacker.learn(&held(state, &watched), &h, &answers, &errors);
        done.errors.push(worst);
        let progress = Progress {
            round: round + 1,
            rounds: settings.queries,
            error: worst,
        };
        if let Some(observe) = observer.as_mut()
            && observe(&progress).is_break()
        {
            done.complete = round + 1 == settings.queries;
            break;
        }
    }
    Ok(done)
}
