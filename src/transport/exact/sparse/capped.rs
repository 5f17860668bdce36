//! Given arcs whose largest costs are cut off, for the reasons that the file of the same name for dense costs gives.

use super::{Asked, on_arcs};
use crate::error::Result;
use crate::ipm::Status;
use crate::linalg::error_free::ExactSum;
use crate::transport::exact::capped::{RESIDUE, caps};
use crate::transport::exact::solution::ExactSolution;
use crate::transport::settings::Observer;

/// Solves with caps while these cut arcs off, then without.
pub(super) fn exact_sparse(
    arcs: &[(usize, usize, f64)],
    largest_cost: f64,
    asked: &Asked<'_>,
    observer: &mut Observer<'_>,
) -> Result<ExactSolution> {
    // The least size of a cost on every row and column that has an arc.
    let (mu, nu) = (asked.marginals.masses(0), asked.marginals.masses(1));
    let mut least = [vec![f64::INFINITY; mu.len()], vec![f64::INFINITY; nu.len()]];
    for (i, j, cost) in arcs {
        least[0][*i] = least[0][*i].min(*cost);
        least[1][*j] = least[1][*j].min(*cost);
    }
    let paid = |v: &[f64], masses: &[f64]| -> Vec<f64> {
        let pairs = v.iter().zip(masses);
        let paid = pairs.filter(|(v, mass)| **mass > 0.0 && v.is_finite());
        paid.map(|(v, _)| v.abs()).collect()
    };
    let sizes = [paid(&least[0], mu), paid(&least[1], nu)].concat();
    let entries = arcs.iter().map(|arc| arc.2.abs()).filter(|c| *c > 0.0);
    let smallest = entries.fold(f64::INFINITY, f64::min);
    let caps = caps(sizes, smallest, largest_cost);
    for (rung, cap) in caps.iter().enumerate() {
        let most = |i: usize, j: usize| least[0][i].max(least[1][j]) + *cap;
        let capped: Vec<_> = arcs
            .iter()
            .map(|(i, j, cost)| (*i, *j, cost.min(most(*i, *j))))
            .collect();
        let largest = capped.iter().fold(0.0f64, |m, arc| m.max(arc.2.abs()));
        let answer = on_arcs(
            &capped,
            [largest, if rung > 0 { 0.0 } else { largest }],
            asked,
            observer,
        );
        match answer.status {
            Status::Solved => {
                if let Some(answer) = stated(answer, arcs, &capped, asked.marginals.total()) {
                    return Ok(answer);
                }
            }
            // Costs have no part in that.
            Status::PrimalInfeasible => return Ok(answer),
            _ => {}
        }
    }
    let moderate = if caps.is_empty() { largest_cost } else { 0.0 };
    Ok(on_arcs(arcs, [largest_cost, moderate], asked, observer))
}

/// The answer as one for the stated costs; `None` where mass goes along an arc that was cut. Mass that is rounding of the masses alone is
/// left out of the plan.
fn stated(
    mut answer: ExactSolution,
    arcs: &[(usize, usize, f64)],
    capped: &[(usize, usize, f64)],
    total: f64,
) -> Option<ExactSolution> {
    // The stated cost of every arc that was not cut, the cheapest of arcs that are given twice.
    let kept = arcs.iter().zip(capped).filter(|(a, b)| a.2 == b.2);
    let mut kept: Vec<_> = kept.map(|(a, _)| *a).collect();
    kept.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
    let cost = |i: usize, j: usize| {
        let at = kept.partition_point(|arc| (arc.0, arc.1) < (i, j));
        kept.get(at)
            .filter(|arc| (arc.0, arc.1) == (i, j))
            .map(|arc| arc.2)
    };
    let cut = |arc: &&(usize, usize, f64)| cost(arc.0, arc.1).is_none();
    let residue: f64 = answer.plan.iter().filter(cut).map(|arc| arc.2).sum();
    if residue == 0.0 {
        return Some(answer);
    }
    if residue > RESIDUE * total {
        return None;
    }
    answer.plan.retain(|arc| cost(arc.0, arc.1).is_some());
    let mut objective = ExactSum::default();
    for (i, j, mass) in &answer.plan {
        objective.add_product(*mass, cost(*i, *j).unwrap_or(0.0));
    }
    answer.objective = objective.ball().mid;
    answer.marginal_violation += 2.0 * residue;
    Some(answer)
}
