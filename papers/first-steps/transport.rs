//! A first transport problem: three bakeries supply four cafés at the least cost.

use dyncvx::transport::{CostFn, ExactSettings, Marginals, Status, exact, unobserved};

/// The cost of one loaf from each bakery (line) to each café (column).
#[rustfmt::skip]
const COST: [[f64; 4]; 3] = [
    [2.0, 3.0, 5.0, 6.0],
    [4.0, 2.0, 1.0, 3.0],
    [7.0, 6.0, 4.0, 2.0],
];

fn main() -> dyncvx::Result<()> {
    // Loaves baked and loaves ordered. Both sides must have the same total.
    let marginals = Marginals::new(&[30.0, 40.0, 30.0], &[25.0, 25.0, 20.0, 30.0])?;
    let cost = CostFn::new(3, 4, |bakery, cafe| COST[bakery][cafe]);
    let settings = ExactSettings::default();
    let answer = exact(&cost, &marginals, &settings, None, &mut unobserved)?;

    println!("{:?}: cost {}", answer.status, answer.objective);
    println!("no plan costs less than {}", answer.lower_bound);
    for &(bakery, cafe, loaves) in &answer.plan {
        println!("bakery {bakery} sends {loaves:.1} loaves to café {cafe}");
    }
    assert_eq!(answer.status, Status::Solved);
    assert!((answer.objective - 185.0).abs() < 1e-9);
    Ok(())
}
