//! Linear equations on the multipliers, solved by substitution.

use std::collections::BTreeMap;

/// A coefficient below this share of the terms it is a sum of is rounding.
const COEFFICIENT_ROUNDING: f64 = 1e-11;

/// A right-hand side that is left over contradicts the others beyond this share of the terms it is a sum of.
const CONTRADICTION: f64 = 1e-9;

/// A pivot is at least this share of the largest coefficient.
const PIVOT_SHARE: f64 = 0.1;

/// `Σ coefficients · y = rhs`, with the size of the terms that rounding is compared with.
#[derive(Debug, Clone, Default)]
pub(super) struct Equation {
    /// By multiplier: the coefficient, and the absolute values of the terms it is a sum of.
    pub coefficients: BTreeMap<u32, (f64, f64)>,
    pub rhs: f64,
    pub rhs_terms: f64,
}

impl Equation {
    pub(super) fn add(&mut self, multiplier: usize, value: f64) {
        let slot = self.coefficients.entry(multiplier as u32).or_default();
        slot.0 += value;
        slot.1 += value.abs();
    }

    pub(super) fn add_rhs(&mut self, value: f64) {
        self.rhs += value;
        self.rhs_terms += value.abs();
    }

    /// Adds `factor` times another equation.
    fn add_multiple(&mut self, factor: f64, other: &Equation) {
        for (&k, &(value, terms)) in &other.coefficients {
            let slot = self.coefficients.entry(k).or_default();
            slot.0 += factor * value;
            slot.1 += (factor * terms).abs();
        }
        self.rhs += factor * other.rhs;
        self.rhs_terms += (factor * other.rhs_terms).abs();
    }

    fn drop_rounding(&mut self) {
        self.coefficients
            .retain(|_, (value, terms)| value.abs() > COEFFICIENT_ROUNDING * *terms);
    }

    /// The multiplier to solve for: of the large coefficients one that is ±1, else the largest.
    fn pivot(&self) -> Option<(u32, f64)> {
        let largest = self
            .coefficients
            .values()
            .map(|(v, _)| v.abs())
            .fold(0.0, f64::max);
        let large = |v: f64| v.abs() >= PIVOT_SHARE * largest && v != 0.0;
        let all = || self.coefficients.iter().map(|(&k, &(v, _))| (k, v));
        all()
            .find(|&(_, v)| v.abs() == 1.0 && large(v))
            .or_else(|| all().find(|&(_, v)| v.abs() == largest && large(v)))
    }
}

/// An equation `y_pivot + Σ coefficients · y = rhs` over the multipliers that stay free, and the combination of the given equations that
/// it is.
#[derive(Debug, Clone)]
struct Solved {
    equation: Equation,
    combination: BTreeMap<u32, f64>,
}

/// Why the equations have no solution: factors of the equations whose combination reads `0 = −1`.
pub(super) type Contradiction = Vec<(usize, f64)>;

/// A multiplier that the equations determine: a constant, and factors of free ones.
#[derive(Debug, Clone)]
pub(super) struct Determined {
    pub multiplier: usize,
    pub constant: f64,
    pub terms: Vec<(usize, f64)>,
}

/// Solves the equations by substitution, `None` when that takes more than `budget` numbers.
///
/// # Complexity
/// For `k` independent equations at most `k²` sums of sparse rows.
pub(super) fn solve(
    equations: Vec<Equation>,
    budget: usize,
) -> Option<Result<Vec<Determined>, Contradiction>> {
    let mut solved: BTreeMap<u32, Solved> = BTreeMap::new();
    let mut order: Vec<usize> = (0..equations.len()).collect();
    order.sort_by_key(|&e| equations[e].coefficients.len());
    let mut held = 0;
    for e in order {
        let mut equation = equations[e].clone();
        let mut combination = BTreeMap::from([(e as u32, 1.0)]);
        // Substitute what is known.
        let known: Vec<(u32, f64)> = equation
            .coefficients
            .iter()
            .filter(|(k, _)| solved.contains_key(k))
            .map(|(&k, &(v, _))| (k, v))
            .collect();
        for (k, value) in known {
            let other = &solved[&k];
            equation.add_multiple(-value, &other.equation);
            equation.coefficients.remove(&k);
            for (&e, &f) in &other.combination {
                *combination.entry(e).or_default() -= value * f;
            }
        }
        equation.drop_rounding();
        let Some((pivot, value)) = equation.pivot() else {
            if equation.rhs.abs() > CONTRADICTION * equation.rhs_terms {
                let scale = -1.0 / equation.rhs;
                let factors = combination.into_iter();
                return Some(Err(factors.map(|(e, f)| (e as usize, scale * f)).collect()));
            }
            continue;
        };
        // Make the pivot 1, and substitute it in the equations before.
        let mut scaled = Equation::default();
        scaled.add_multiple(1.0 / value, &equation);
        scaled.coefficients.insert(pivot, (1.0, 1.0));
        combination.values_mut().for_each(|f| *f /= value);
        for other in solved.values_mut() {
            let Some(&(factor, _)) = other.equation.coefficients.get(&pivot) else {
                continue;
            };
            other.equation.add_multiple(-factor, &scaled);
            other.equation.coefficients.remove(&pivot);
            other.equation.drop_rounding();
            for (&e, &f) in &combination {
                *other.combination.entry(e).or_default() -= factor * f;
            }
        }
        held += scaled.coefficients.len() + combination.len();
        if held > budget {
            return None;
        }
        let one = Solved {
            equation: scaled,
            combination,
        };
        solved.insert(pivot, one);
    }
    let determined = solved.into_iter().map(|(pivot, one)| Determined {
        multiplier: pivot as usize,
        constant: one.equation.rhs,
        terms: one
            .equation
            .coefficients
            .iter()
            .filter(|(k, _)| **k != pivot)
            .map(|(&k, &(v, _))| (k as usize, -v))
            .collect(),
    });
    Some(Ok(determined.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equation(coefficients: &[(usize, f64)], rhs: f64) -> Equation {
        let mut out = Equation::default();
        coefficients.iter().for_each(|&(k, v)| out.add(k, v));
        out.add_rhs(rhs);
        out
    }

    #[test]
    fn what_is_determined_solves_the_equations() {
        let equations = vec![
            equation(&[(0, 2.0), (1, 3.0), (3, -1.0)], 4.0),
            equation(&[(1, 1.0), (2, 1.0)], 1.0),
            equation(&[(0, 4.0), (1, 7.0), (2, 1.0), (3, -2.0)], 9.0),
        ];
        let found = solve(equations.clone(), 1000).unwrap().unwrap();
        assert_eq!(found.len(), 2);
        let mut y = [1.5, -2.5, 0.75, 3.25];
        for d in &found {
            y[d.multiplier] = d.constant + d.terms.iter().map(|&(k, f)| f * y[k]).sum::<f64>();
        }
        for e in &equations {
            let left: f64 = e
                .coefficients
                .iter()
                .map(|(&k, &(v, _))| v * y[k as usize])
                .sum();
            assert!((left - e.rhs).abs() < 1e-13);
        }
    }

    #[test]
    fn a_contradiction_is_a_combination() {
        let equations = vec![
            equation(&[(0, 1.0), (1, 2.0)], 1.0),
            equation(&[(1, 1.0), (2, -1.0)], 1.0),
            equation(&[(0, 1.0), (2, 2.0)], 5.0),
        ];
        let factors = solve(equations.clone(), 1000).unwrap().unwrap_err();
        let (mut left, mut rhs) = ([0.0; 3], 0.0);
        for (e, f) in factors {
            rhs += f * equations[e].rhs;
            for (&k, &(v, _)) in &equations[e].coefficients {
                left[k as usize] += f * v;
            }
        }
        assert!(left.iter().all(|v| v.abs() < 1e-13) && (rhs + 1.0).abs() < 1e-13);
    }

    #[test]
    fn a_budget_ends_it() {
        assert!(solve(vec![equation(&[(0, 1.0), (1, 1.0)], 1.0)], 1).is_none());
    }
}
