//! The command line: one file per subcommand.
//!
//! Human output goes to standard error, machine output alone to standard output.

mod attack;
mod demonstration;
mod lp;
mod maintain;
#[cfg(feature = "plot")]
mod plot;
mod report;
mod sdp;
mod solver;
mod transport;
mod verified;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Dynamic data structures for convex programming.
#[derive(Debug, Parser)]
#[command(name = "dyncvx", version, about, long_about = None)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Number of threads; by default RAYON_NUM_THREADS, or else all cores.
    #[arg(long, global = true, value_name = "N")]
    threads: Option<usize>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Solve a semidefinite program in SDPA sparse format.
    Sdp(sdp::Arguments),
    /// Solve a linear program in MPS format, fixed or free.
    Lp(lp::Arguments),
    /// Compare a projection maintained through low-rank updates with one that is recomputed.
    Maintain(maintain::Arguments),
    /// Attack one sketch, the median of a few copies, and the robust structure with an adaptive adversary.
    Attack(attack::Arguments),
    /// Transport one measure onto another at least cost.
    Transport(Box<transport::Arguments>),
}

/// How a command ended.
enum Outcome {
    /// The question was answered.
    Answered,
    /// The question was not answered: exit status 1.
    Unanswered,
    /// Bad usage or unreadable input, in one line: exit status 2.
    Unusable(String),
}

impl Outcome {
    /// The outcome of a command that says whether its question was answered, or why it could not run.
    fn of(solved: Result<bool, String>) -> Self {
        match solved {
            Ok(true) => Outcome::Answered,
            Ok(false) => Outcome::Unanswered,
            Err(reason) => Outcome::Unusable(reason),
        }
    }
}

/// Set by Ctrl-C; long work reads it and ends with the result so far.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Runs the command that the arguments of the process name.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    // A second Ctrl-C ends the process at once.
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    if ctrlc::set_handler(handler).is_err() {
        report::say!("dyncvx: warning: Ctrl-C will end the process without a result");
    }
    let outcome = match set_threads(arguments.threads) {
        Err(reason) => Outcome::Unusable(reason),
        Ok(()) => on_a_worker(|| match &arguments.command {
            Command::Sdp(a) => sdp::run(a),
            Command::Lp(a) => lp::run(a),
            Command::Maintain(a) => maintain::run(a),
            Command::Attack(a) => attack::run(a),
            Command::Transport(a) => transport::run(a),
        }),
    };
    match outcome {
        Outcome::Answered => ExitCode::SUCCESS,
        Outcome::Unanswered => ExitCode::from(1),
        Outcome::Unusable(reason) => {
            report::say!("dyncvx: {reason}");
            ExitCode::from(2)
        }
    }
}

/// Runs the work on a thread of the pool. Parallel parts then start at once; from the main thread, each one would wait for a
/// worker to wake up and report back.
fn on_a_worker(work: impl FnOnce() -> Outcome + Send) -> Outcome {
    #[cfg(feature = "rayon")]
    return rayon::scope(|_| work());
    #[cfg(not(feature = "rayon"))]
    work()
}

/// Largest number of threads: more than machines have cores. Starting millions would take minutes and then fail.
const MAX_THREADS: usize = 4096;

fn set_threads(threads: Option<usize>) -> Result<(), String> {
    match threads {
        Some(n) if !(1..=MAX_THREADS).contains(&n) => {
            Err(format!("--threads: expected 1 to {MAX_THREADS}, found {n}"))
        }
        // 0 means RAYON_NUM_THREADS, or else all cores. The stack is as large as that of a main thread.
        #[cfg(feature = "rayon")]
        n => rayon::ThreadPoolBuilder::new()
            .num_threads(n.unwrap_or(0))
            .stack_size(8 << 20)
            .build_global()
            .map_err(|e| format!("threads: {e}")),
        #[cfg(not(feature = "rayon"))]
        None | Some(1) => Ok(()),
        #[cfg(not(feature = "rayon"))]
        Some(n) => Err(format!(
            "--threads: this build has one thread (feature `rayon` is off), found {n}"
        )),
    }
}
