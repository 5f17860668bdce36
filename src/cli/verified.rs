//! Bounds that were proved, for people and for machines.

use super::report::{self, say};
use dyncvx::verify::{Bounds, Infeasible};
use serde::Serialize;

/// Bounds of the optimum that hold in exact arithmetic, in the file's convention.
#[derive(Serialize)]
pub(super) struct Verified {
    /// A number that is not above the optimum.
    lower: Option<f64>,
    /// A number that is not below the optimum.
    upper: Option<f64>,
    /// The infeasibility that was proved.
    infeasible: Option<&'static str>,
    /// Why a bound is missing.
    reason: Option<String>,
    /// How far the masses for which the upper bound holds are from those stated, in l1; of transport problems.
    #[serde(skip_serializing_if = "Option::is_none")]
    mass_error: Option<f64>,
}

impl Verified {
    pub(super) fn new(bounds: &Bounds, mass_error: Option<f64>) -> Self {
        let why = |side: &str, why: &Option<dyncvx::verify::Reason>| {
            why.as_ref().map(|why| format!("no {side} bound: {why}"))
        };
        let reasons = [
            why("lower", &bounds.why_no_lower),
            why("upper", &bounds.why_no_upper),
        ];
        let reasons: Vec<String> = reasons.into_iter().flatten().collect();
        Self {
            lower: bounds.lower.and_then(report::finite),
            upper: bounds.upper.and_then(report::finite),
            infeasible: bounds.infeasible.map(|side| match side {
                Infeasible::Primal => "primal",
                Infeasible::Dual => "dual",
                _ => "other",
            }),
            reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
            mass_error: mass_error.and_then(report::finite),
        }
    }

    /// The same of a semidefinite program, whose file states the dual of the conic program, minimised.
    pub(super) fn of_file(bounds: &Bounds) -> Self {
        let conic = Self::new(bounds, None);
        Self {
            lower: conic.upper.map(|v| -v),
            upper: conic.lower.map(|v| -v),
            infeasible: conic.infeasible.map(|side| match side {
                "primal" => "dual",
                "dual" => "primal",
                other => other,
            }),
            reason: conic.reason.map(|reason| {
                // The sides change places, as the bounds do.
                let marked = reason
                    .replace("no lower", "no ?")
                    .replace("no upper", "no lower");
                marked.replace("no ?", "no upper")
            }),
            mass_error: None,
        }
    }

    /// Where there is nothing to prove a bound from.
    pub(super) fn nothing(status: &dyncvx::Status) -> Self {
        Self {
            lower: None,
            upper: None,
            infeasible: None,
            reason: Some(format!("there is no point: {}", status.name())),
            mass_error: None,
        }
    }

    /// The line below the summary.
    pub(super) fn say(&self) {
        let number = |v: Option<f64>| v.map_or("none".into(), |v| format!("{v:.12e}"));
        match self.infeasible {
            Some(side) => say!("verified: {side} infeasible"),
            None => say!(
                "verified: lower bound {}, upper bound {}",
                number(self.lower),
                number(self.upper)
            ),
        }
        if let (None, Some(reason)) = (self.infeasible, &self.reason) {
            say!("{reason}");
        }
    }
}
