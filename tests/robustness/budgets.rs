//! A privacy budget is spent once, however its structure is handed on.

use dyncvx::Error;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::faer::Mat;
use dyncvx::privacy::{Plan, Release};
use dyncvx::projection::{Direct, Goal, Projection, Robust, Sketched, robust, sketched};
use dyncvx::sketch::{Base, Distribution};

/// Whether a type has `Clone`. The method of the type, which needs `Clone`, is preferred to that of the trait.
macro_rules! has_clone {
    ($type:ty) => {{
        struct Asked<T>(core::marker::PhantomData<T>);
        #[allow(dead_code, reason = "used for types without Clone only")]
        trait Otherwise {
            fn answer(&self) -> bool {
                false
            }
        }
        impl<T> Otherwise for Asked<T> {}
        #[allow(dead_code, reason = "used for types with Clone only")]
        impl<T: Clone> Asked<T> {
            fn answer(&self) -> bool {
                true
            }
        }
        Asked::<$type>(core::marker::PhantomData).answer()
    }};
}

#[test]
fn what_holds_a_budget_cannot_be_copied() {
    assert!(has_clone!(Sketched<Direct>) && has_clone!(Plan));
    assert!(!has_clone!(Robust<Sketched<Direct>>));
    assert!(!has_clone!(dyncvx::privacy::Accountant));
}

/// What is left after a move is what was left before.
#[test]
fn a_structure_that_is_moved_keeps_what_it_spent() {
    let rows = Constraints::independent(2, &[Block::Psd(3)], 2, 1.into()).unwrap();
    let weight = Mat::<f64>::identity(3, 3);
    let inner = Direct::new(rows).unwrap().with_weight(&[(&weight).into()]);
    let distribution = Distribution::new(Base::Rademacher, 16).unwrap();
    let settings = sketched::Settings::new(distribution, 64, 1u64);
    let sketches = Sketched::new(inner.unwrap(), settings).unwrap();
    let release = Release {
        sample: 48,
        epsilon: 1.0,
    };
    let plan = Plan::custom(64, 16, release, 3).unwrap();
    let mut structure = Robust::new(sketches, robust::Settings::new(plan, 2u64)).unwrap();
    let h = Mat::full(9, 1, 0.1);
    for spent in 0..3 {
        assert_eq!(structure.account().answered, spent);
        let mut out = Mat::zeros(1, 1);
        let answer = structure.query_set(h.col(0), &[4], Goal::AsAbsorbed, out.as_mut());
        answer.unwrap();
        let mut moved: Vec<_> = [structure].into_iter().collect();
        structure = moved.remove(0);
    }
    let mut out = Mat::zeros(1, 1);
    let refused = structure.query_set(h.col(0), &[4], Goal::AsAbsorbed, out.as_mut());
    assert_eq!(refused, Err(Error::BudgetExhausted { answered: 3 }));
}
