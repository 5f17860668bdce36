//! The bodies of the fuzz targets on files that are damaged in many ways: no panic, no hang, and no more memory than the size of
//! the file accounts for. A binary of its own, because its allocator measures.

#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    reason = "a global allocator is unsafe to implement"
)]
#![cfg(feature = "npz")]

#[path = "../../fuzz/bodies.rs"]
mod bodies;
mod damage;

use damage::Damage;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::catch_unwind;
use std::time::{Duration, Instant};

/// What a thread holds.
#[derive(Clone, Copy)]
struct Held {
    now: isize,
    most: isize,
    /// Address and bytes of the newest block. A block that is given back at once was only asked for, to see whether there is
    /// memory, and does not count.
    newest: (usize, isize),
}

thread_local! {
    static HELD: Cell<Held> = const {
        Cell::new(Held { now: 0, most: 0, newest: (0, 0) })
    };
}

struct Measuring;

fn change(f: impl FnOnce(Held) -> Held) {
    let _ = HELD.try_with(|held| held.set(f(held.get())));
}

impl Held {
    /// The newest block counts from now on.
    fn settled(mut self) -> Self {
        self.now += self.newest.1;
        self.most = self.most.max(self.now);
        self.newest = (0, 0);
        self
    }
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Measuring {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let ptr = unsafe { System.alloc(layout) };
        change(|held| Held {
            newest: (ptr as usize, layout.size() as isize),
            ..held.settled()
        });
        ptr
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        change(|mut held| {
            if held.newest.0 == ptr as usize {
                held.newest = (0, 0);
                return held;
            }
            held.now -= layout.size() as isize;
            held
        });
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        change(|held| {
            let mut held = held.settled();
            held.now += size as isize - layout.size() as isize;
            held.most = held.most.max(held.now);
            held
        });
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Measuring = Measuring;

/// The most bytes that a call holds beyond what was held before it.
fn peak(call: impl FnOnce()) -> usize {
    change(|held| {
        let held = held.settled();
        Held {
            most: held.now,
            ..held
        }
    });
    let before = HELD.with(Cell::get).now;
    call();
    (HELD.with(Cell::get).settled().most - before) as usize
}

/// The files of a folder of seeds.
fn seeds(format: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/fuzz/seeds/{format}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{folder}: {e}"))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// Damaged files per format: a few seconds. `DYNCVX_FUZZ` sets another number, for longer runs.
fn tries() -> u64 {
    let set = std::env::var("DYNCVX_FUZZ").ok();
    set.map_or(200_000, |text| text.parse().expect("DYNCVX_FUZZ: a number"))
}

/// Runs a body on damaged seeds. A file of `n` bytes may take `per_byte · n` bytes of memory, beside a fixed number.
fn run(format: &str, per_byte: usize, body: fn(&[u8])) {
    /// Buffers that do not depend on the file, and some numbers per row of a matrix that fits into the machine.
    const FIXED: usize = 64 << 20;
    /// Files are of some kilobytes.
    const LONGEST: Duration = Duration::from_secs(5);
    let seeds = seeds(format);
    assert!(seeds.len() > 2);
    for (k, seed) in seeds.iter().enumerate() {
        assert!(catch_unwind(|| body(seed)).is_ok(), "seed {k} of {format}");
    }
    for k in 0..tries() {
        let bytes = Damage::new(k).of(&seeds);
        let clock = Instant::now();
        let mut survived = true;
        let peak = peak(|| survived = catch_unwind(|| body(&bytes)).is_ok());
        let text = || format!("{format} {k}: {}", bytes.escape_ascii());
        assert!(survived, "{}", text());
        assert!(clock.elapsed() < LONGEST, "{}", text());
        let most = FIXED + per_byte * bytes.len();
        assert!(peak <= most, "{peak} bytes instead of {most}, {}", text());
    }
}

#[test]
fn damaged_mps_files() {
    run("mps", 1_000, bodies::mps);
}

#[test]
fn damaged_sdpa_files() {
    run("sdpa", 1_000, bodies::sdpa);
}

/// Packed bytes may stand for a thousand times as many, and each of these for a number.
#[test]
fn damaged_tables() {
    run("table", 20_000, bodies::table);
}
