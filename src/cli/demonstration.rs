//! What the demonstrations `attack` and `maintain` share: options, the progress bar, and how they end.

use super::{Outcome, report};
use clap::Args;
use dyncvx::constraints::{Block, Constraints};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Seed of all random numbers.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write the result as JSON; - writes to standard output.
    #[arg(long, value_name = "FILE")]
    pub json: Option<String>,
    /// Draw the result as SVG.
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<String>,
    /// Print nothing except errors.
    #[arg(long)]
    pub quiet: bool,
}

impl Options {
    /// Refuses `--plot` before the work rather than after it, in a build that cannot draw.
    fn check_plot(&self) -> Result<(), String> {
        if self.plot.is_some() && !cfg!(feature = "plot") {
            return Err("--plot: this build cannot draw (feature `plot` is off)".into());
        }
        Ok(())
    }

    /// Runs a comparison, writes its record as JSON, and draws it. The comparison returns the record and whether it is
    /// complete.
    pub(super) fn run<R: Serialize>(
        &self,
        compare: impl FnOnce() -> dyncvx::Result<(R, bool)>,
        draw: impl FnOnce(&str, &R) -> Result<(), String>,
    ) -> Outcome {
        let done = self.check_plot().and_then(|()| {
            let (record, complete) = compare().map_err(|e| e.to_string())?;
            if let Some(path) = &self.json {
                report::json(path, &record)?;
            }
            if let Some(path) = &self.plot {
                draw(path, &record)?;
            }
            Ok(complete)
        });
        Outcome::of(done)
    }

    /// A bar of this many steps, hidden when quiet. `message` shows the bar's message behind the time left.
    pub(super) fn bar(&self, steps: u64, message: bool) -> ProgressBar {
        let target = if self.quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(Some(steps), target);
        let template = if message {
            "{bar:40} {pos}/{len} {eta} left  {msg}"
        } else {
            "{bar:40} {pos}/{len} {eta} left"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar
    }

    /// `m` independent random rows over one PSD block of order `n`, each with this many nonzeros (0: dense).
    pub(super) fn constraints(
        &self,
        m: usize,
        n: usize,
        entries: usize,
    ) -> dyncvx::Result<Constraints> {
        if m == 0 {
            return invalid("m", "expected at least 1, found 0".into());
        }
        Constraints::independent(m, &[Block::Psd(n)], entries, self.seed.into())
    }
}

/// The error of an option outside its range.
pub(super) fn invalid<T>(field: &'static str, reason: String) -> dyncvx::Result<T> {
    Err(dyncvx::Error::InvalidSetting { field, reason })
}
