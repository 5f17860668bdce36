//! Measures the table behind `privacy::calibrated`: how many copies the attack suite needs to be kept at bay.
//!
//!     cargo run --release --example calibrate                        the table, calibration.txt (some ten minutes)
//!     cargo run --release --example calibrate -- 4096 16             the same for N = 4096 and b = 16
//!     cargo run --release --example calibrate -- 65536 64 4000       one T, the first design, κ = 8 and 12: a case with L·b < N
//!
//! One coordinate of `L` Gaussian sketches, b = 64 (see `adversary::GaussianCopies`). For every design (s, ε₀), number of
//! questions T and number of copies L = κ√T: the 95th percentile of the error on oblivious questions, in units of
//! ‖g‖‖h‖/√b, and the factor by which the worst tenth of an attack exceeds it, the largest over the seeds: of
//! sign-correlation, of reconstruction, and of both. (The suite's other two need a weight to change, or many coordinates:
//! they are measured on the structure itself.)

use dyncvx::adversary::{Answer, GaussianCopies, Oblivious, Settings, attacker, run, unobserved};
use dyncvx::privacy::Charge;
use dyncvx::random::Seed;
use std::error::Error;

const DESIGNS: [(usize, f64); 6] = [
    (48, 1.0),
    (64, 0.75),
    (96, 0.5),
    (192, 0.25),
    (64, 1.0),
    (128, 0.5),
];
const QUERIES: [usize; 3] = [1000, 4000, 16_000];
const COPIES_PER_ROOT: [f64; 7] = [2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0];
const ATTACKERS: [&str; 2] = ["sign-correlation", "reconstruction"];
const SEEDS: u64 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<usize> = std::env::args()
        .skip(1)
        .map(|v| v.parse())
        .collect::<Result<_, _>>()?;
    let ambient = given.first().copied().unwrap_or(1024);
    let rows = given.get(1).copied().unwrap_or(64);
    let (designs, questions, roots) = match given.get(2) {
        Some(&t) => (&DESIGNS[..1], vec![t], vec![8.0, 12.0]),
        None => (&DESIGNS[..], QUERIES.to_vec(), COPIES_PER_ROOT.to_vec()),
    };
    let copies_for = |kappa: f64, queries: usize| (kappa * (queries as f64).sqrt()).ceil() as usize;
    let most = copies_for(roots[roots.len() - 1], questions[questions.len() - 1]);
    println!("N = {ambient}, b = {rows}, growth of the 95th percentile under {ATTACKERS:?}");
    println!(
        "    s   eps0       T  copies  kappa     zCDP   oblivious  growth of each, and the largest"
    );
    let pool = GaussianCopies::new(ambient, rows, most, Answer::Single, 1.into())?;
    for &(sample, epsilon) in designs {
        for &queries in &questions {
            for &kappa in &roots {
                let copies = copies_for(kappa, queries).max(sample);
                let answer = Answer::Private { sample, epsilon };
                let settings = Settings::new(queries, vec![0]);
                let mut growth = [0.0f64; ATTACKERS.len()];
                let mut calm = 0.0;
                for seed in 0..SEEDS {
                    let fresh =
                        |lane| pool.restrict(copies, answer, Seed((u128::from(seed) << 8) | lane));
                    let mut baseline = Oblivious::new(seed.into());
                    let oblivious =
                        run(&mut fresh(0)?, &mut baseline, &settings, &mut unobserved)?.p95();
                    calm += oblivious / SEEDS as f64;
                    for (growth, name) in growth.iter_mut().zip(ATTACKERS) {
                        let mut attacker = attacker(name, seed.into()).ok_or("no such attacker")?;
                        let attack = run(
                            &mut fresh(1)?,
                            attacker.as_mut(),
                            &settings,
                            &mut unobserved,
                        )?;
                        *growth = growth.max(attack.worst_p95() / oblivious);
                    }
                }
                let worst = growth.iter().fold(0.0f64, |a, b| a.max(*b));
                let rho = queries as f64 * Charge::sampled(epsilon, sample, copies)?.zcdp();
                println!(
                    "{sample:5} {epsilon:6} {queries:7} {copies:7} {kappa:6} {rho:8.3} {:11.3}  {growth:.2?} {worst:6.2}",
                    calm * (rows as f64).sqrt(),
                );
            }
        }
    }
    Ok(())
}
