//! Measures the table behind `privacy::calibrated`: how many copies the attack suite needs to be kept at bay.
//!
//!     cargo run --release --example calibrate                 the table (some minutes)
//!     cargo run --release --example calibrate -- 4096         the same in dimension N = 4096
//!
//! One coordinate of `L` Gaussian sketches, b = 64 (see `adversary::GaussianCopies`). For every design (s, ε₀), number of questions T and
//! number of copies L = κ√T: the 95th percentile of the error on oblivious questions, in units of ‖g‖‖h‖/√b, and the factor
//! by which the worst tenth of an attack exceeds it, the largest over the suite and the seeds.

use dyncvx::adversary::{Answer, GaussianCopies, Oblivious, SUITE, Settings, attacker, run};
use dyncvx::privacy::Charge;
use dyncvx::random::Seed;
use std::error::Error;

const ROWS: usize = 64;
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
const SEEDS: u64 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let ambient: usize = std::env::args().nth(1).map_or(Ok(1024), |v| v.parse())?;
    let largest = QUERIES[QUERIES.len() - 1] as f64;
    let most = (COPIES_PER_ROOT[COPIES_PER_ROOT.len() - 1] * largest.sqrt()).ceil() as usize;
    println!("N = {ambient}, b = {ROWS}, growth of the 95th percentile under {SUITE:?}");
    println!(
        "    s   eps0       T  copies  kappa     zCDP   oblivious  growth of each, and the largest"
    );
    let pool = GaussianCopies::new(ambient, ROWS, most, Answer::Single, 1.into())?;
    for (sample, epsilon) in DESIGNS {
        for queries in QUERIES {
            for kappa in COPIES_PER_ROOT {
                let copies = ((kappa * (queries as f64).sqrt()).ceil() as usize).max(sample);
                let answer = Answer::Private { sample, epsilon };
                let settings = Settings::new(queries, vec![0]);
                let mut growth = [0.0f64; SUITE.len()];
                let mut calm = 0.0;
                for seed in 0..SEEDS {
                    let fresh =
                        |lane| pool.restrict(copies, answer, Seed(u128::from(seed) << 8 | lane));
                    let oblivious = run(
                        &mut fresh(0)?,
                        &mut Oblivious::new(seed.into()),
                        &settings,
                        None,
                    )?
                    .p95();
                    calm += oblivious / SEEDS as f64;
                    for (k, name) in SUITE.iter().enumerate() {
                        // No weight to change and one coordinate only: these two are the structure's own test's business.
                        if matches!(*name, "updates" | "potential") {
                            continue;
                        }
                        let mut attacker = attacker(name, seed.into()).ok_or("no such attacker")?;
                        let attacked =
                            run(&mut fresh(1)?, attacker.as_mut(), &settings, None)?.worst_p95();
                        growth[k] = growth[k].max(attacked / oblivious);
                    }
                }
                let worst = growth.iter().fold(0.0f64, |a, b| a.max(*b));
                let rho = queries as f64 * Charge::sampled(epsilon, sample, copies)?.zcdp();
                println!(
                    "{sample:5} {epsilon:6} {queries:7} {copies:7} {kappa:6} {rho:8.3} {:11.3}  {:.2?} {worst:6.2}",
                    calm * (ROWS as f64).sqrt(),
                    &growth[..2],
                );
            }
        }
    }
    Ok(())
}
