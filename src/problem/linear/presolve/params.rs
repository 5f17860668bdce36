//! Thresholds of presolve that were chosen by measurement.

use crate::tuned::tuned;

tuned! { "presolve":
    /// A contradiction between limits counts only if it is larger than this, relative to the numbers that it comes from.
    /// Smaller ones are rounding in the data, and are left to the solver's own tolerance.
    CONTRADICTION = 1e-9 in [3e-10, 3e-9];
    /// Numbers that differ by less than this, relative to the numbers they were computed from, count as equal. A few hundred
    /// roundings: rows of the NETLIB programs are sums of at most some hundred terms.
    EQUAL = 1e-13 in [3e-14, 1e-12];
    /// A variable is solved for if its entry is at least this large relative to the largest of its row. The division magnifies
    /// rounding errors of the row by the inverse.
    MIN_PIVOT = 1e-2 in [3e-3, 3e-2];
    /// Largest relative violation of a proof of infeasibility that presolve returns. Beyond it the solver decides.
    MAX_PROOF_VIOLATION = 1e-9 in [1e-10, 1e-8];
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::problem::{Limits, LinearCertificate, LinearProgram, Presolved, Sense};

    /// Rows and nonzeros that presolve leaves of a program that every reduction applies to, and which side it proves infeasible
    /// (`true`: the primal) of a program without feasible points and of one without bound.
    pub(crate) fn found() -> Vec<(usize, usize, Option<bool>)> {
        let mut reducible = LinearProgram::new(Sense::Minimise);
        let x: Vec<usize> = (0..5)
            .map(|j| {
                let limits = if j == 4 {
                    Limits::FREE
                } else {
                    Limits::NONNEGATIVE
                };
                reducible
                    .add_variable(format!("x{j}"), 1.0 + j as f64, limits)
                    .unwrap()
            })
            .collect();
        let mut row = |limits: Limits, entries: &[(usize, f64)]| {
            reducible.add_row("", limits, entries).unwrap();
        };
        row(Limits::at_least(2.0).unwrap(), &[(x[0], 1.0)]);
        row(
            Limits::fixed(6.0).unwrap(),
            &[(x[0], 1.0), (x[1], 1.0), (x[2], 1.0)],
        );
        row(
            Limits::at_most(12.0).unwrap(),
            &[(x[0], 2.0), (x[1], 2.0), (x[2], 2.0)],
        );
        row(
            Limits::fixed(1.0).unwrap(),
            &[(x[3], 1.0), (x[1], -1.0), (x[4], 3.0)],
        );
        let with_row = |sense, limits: Limits| {
            let mut p = LinearProgram::new(sense);
            let x = p.add_variable("x", 1.0, Limits::NONNEGATIVE).unwrap();
            let y = p.add_variable("y", 1.0, Limits::NONNEGATIVE).unwrap();
            p.add_row("", limits, &[(x, 1.0), (y, 1.0)]).unwrap();
            p
        };
        let empty = with_row(Sense::Minimise, Limits::at_most(-1.0).unwrap());
        let unbounded = with_row(Sense::Maximise, Limits::at_least(1.0).unwrap());
        [reducible, empty, unbounded]
            .iter()
            .map(|program| match program.presolve().unwrap() {
                Presolved::Reduced(r) => (r.program().rows().len(), r.program().nonzeros(), None),
                Presolved::Infeasible(proof) => {
                    let primal = matches!(proof, LinearCertificate::Primal { .. });
                    (0, 0, Some(primal))
                }
            })
            .collect()
    }

    #[test]
    fn infeasible_programs_are_proved_infeasible() {
        let found = found();
        assert_eq!(found[1].2, Some(true), "no feasible point");
        assert_eq!(found[2].2, Some(false), "no bound");
    }
}
