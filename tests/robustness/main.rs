//! No public call panics, aborts or hangs, whatever it is given: absurd sizes, NaN, empty and mismatching arguments.

mod absurd_sizes;
mod bad_numbers;
mod budgets;

use dyncvx::{Error, Result};
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

/// More than a call with bad arguments may take.
const LONGEST: Duration = Duration::from_secs(20);

/// Sizes beyond every machine, and those whose squares or sums overflow.
const ABSURD: [usize; 5] = [1 << 36, 1 << 45, 1 << 62, usize::MAX / 2 + 1, usize::MAX];

/// Numbers that are no sizes, tolerances or probabilities.
const BAD: [f64; 9] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    -1.0,
    0.0,
    -0.0,
    f64::MIN_POSITIVE,
    f64::MAX,
    5e-324,
];

/// The result of a call, which must neither panic nor hang.
fn survives<T: Debug + Send + 'static>(
    name: &str,
    call: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (out, result) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = out.send(catch_unwind(AssertUnwindSafe(call)));
    });
    match result.recv_timeout(LONGEST) {
        Ok(Ok(found)) => found,
        Ok(Err(_)) => panic!("{name} panicked"),
        Err(_) => panic!("{name} takes more than {LONGEST:?}"),
    }
}

/// The call must give a typed error that says something.
fn refused<T: Debug + Send + 'static>(
    name: &str,
    call: impl FnOnce() -> Result<T> + Send + 'static,
) -> Error {
    match survives(name, call) {
        Ok(found) => {
            let mut found = format!("{found:?}");
            found.truncate(200);
            panic!("{name} gives {found}")
        }
        Err(error) => {
            assert!(error.to_string().len() > 10, "{name}: {error}");
            error
        }
    }
}
