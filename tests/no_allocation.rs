//! A query in the steady state allocates nothing, counted by the allocator of this test process: therefore a binary of its own.

#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    reason = "a global allocator is unsafe to implement"
)]

mod common;

use common::*;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::projection::kronecker::{Policy, Precision, Rates, Settings};
use dyncvx::projection::{Goal, Kronecker, Projection, Recompute};
use faer::Mat;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Allocations of this thread, while they are counted.
    static COUNT: Cell<Option<usize>> = const { Cell::new(None) };
}

struct Counting;

fn note() {
    let _ = COUNT.try_with(|c| c.set(c.get().map(|n| n + 1)));
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn counted(f: impl FnOnce()) -> usize {
    COUNT.with(|c| c.set(Some(0)));
    f();
    COUNT.with(|c| c.replace(None)).unwrap_or(0)
}

#[test]
fn the_counter_counts() {
    assert!(counted(|| drop(std::hint::black_box(vec![1u8; 100]))) > 0);
    assert_eq!(counted(|| ()), 0);
}

/// Warms a structure up and counts what every kind of question allocates afterwards.
fn steady(name: &str, p: &mut dyn Projection, goal: Goal) {
    let shape = p.shape();
    let (m, ambient) = (shape.constraints, shape.ambient);
    let mut rng = rng(7);
    for k in [1, 2, 6] {
        let h = gaussian(ambient, k, &mut rng);
        let rhs = gaussian(m, k, &mut rng);
        let (mut y, mut ph) = (Mat::zeros(m, k), Mat::zeros(ambient, k));
        let coords: Vec<usize> = (0..ambient).step_by(ambient / 9 + 1).collect();
        let mut some = Mat::zeros(coords.len(), 1);
        let mut once = || {
            let mut all = [0; 3];
            y.copy_from(&rhs);
            all[0] = counted(|| p.solve(y.as_mut(), goal).map(|_| ()).unwrap());
            all[1] = counted(|| {
                p.query(h.as_ref(), goal, y.as_mut(), ph.as_mut())
                    .map(|_| ())
                    .unwrap();
            });
            all[2] = counted(|| {
                p.query_set(h.col(0), &coords, goal, some.as_mut())
                    .map(|_| ())
                    .unwrap();
            });
            all
        };
        once();
        once();
        for _ in 0..3 {
            assert_eq!(
                once(),
                [0; 3],
                "{name}, {k} columns, {goal:?}: solve, query, query_set"
            );
        }
    }
}

/// One thread: what shares work among threads allocates for that.
fn alone(f: impl FnOnce() + Send) {
    #[cfg(feature = "rayon")]
    return rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap()
        .install(f);
    #[cfg(not(feature = "rayon"))]
    f();
}

#[test]
fn a_steady_query_allocates_nothing() {
    alone(|| {
        let blocks = [Block::Psd(22), Block::Nonneg(9), Block::Psd(7)];
        // Sparse rows, dense rows, and rows of rank one that are applied in factored form.
        let cases = [
            (
                "sparse",
                Constraints::independent(260, &blocks, 3, 1.into()).unwrap(),
            ),
            (
                "dense",
                Constraints::independent(120, &blocks, 0, 1.into()).unwrap(),
            ),
            ("factored", factored(30)),
            ("many", {
                // Large enough for every size that matrix products distinguish.
                let blocks = [Block::Psd(64), Block::Nonneg(9)];
                Constraints::independent(450, &blocks, 20, 1.into()).unwrap()
            }),
        ];
        for (rows, a) in cases {
            for one_sided in [false, true] {
                let name = |what: &str| format!("{rows} rows, one-sided {one_sided}, {what}");
                let mut rng = rng(3);
                let w = weights(a.blocks(), one_sided, &mut rng);
                let mut naive = Recompute::new(a.clone()).unwrap();
                naive.update(&views(&w)).unwrap();
                steady(&name("recomputed"), &mut naive, Goal::Residual(1e-12));
                steady(&name("recomputed"), &mut naive, Goal::AsAbsorbed);
                let near: Vec<Owned> = w
                    .iter()
                    .map(|w| match w {
                        Owned::Nonneg(w) => Owned::Nonneg(w.iter().map(|w| 1.1 * w).collect()),
                        Owned::Psd(w) => Owned::Psd(w * faer::Scale(1.2)),
                        Owned::OneSided(w) => Owned::OneSided(w * faer::Scale(1.2)),
                        _ => unreachable!(),
                    })
                    .collect();
                for precision in [Precision::Single, Precision::Double] {
                    for (state, stale_tol, invert) in [
                        ("factor", 0.0, false),
                        ("inverse", 0.0, true),
                        ("stale", 0.5, true),
                    ] {
                        let mut settings = Settings::default();
                        settings.policy = Policy::Absorb;
                        settings.stale_tol = stale_tol;
                        settings.precision = precision;
                        let update = if invert { 1.0 } else { 1e-9 };
                        let rates = Rates::new(1.0, 1.0, 1e-3, 1e-3, 1e-9, 1e-9, update);
                        settings.rates = Some(rates);
                        let mut p = Kronecker::with_settings(a.clone(), settings)
                            .unwrap()
                            .with_weight(&views(&w))
                            .unwrap();
                        // Something to absorb: a number, and among many rows a direction.
                        let mut moved = w.clone();
                        for w in &mut moved {
                            match w {
                                Owned::Nonneg(w) => w[0] *= 3.0,
                                Owned::Psd(w) | Owned::OneSided(w) if rows == "sparse" => {
                                    w[(0, 0)] *= 3.0;
                                }
                                _ => {}
                            }
                        }
                        p.update(&views(&moved)).unwrap();
                        if stale_tol > 0.0 {
                            p.update(&views(&near)).unwrap();
                            p.update(&views(&w)).unwrap();
                        }
                        assert_eq!(p.contents().unwrap().factor, !invert, "{}", name(state));
                        for goal in [Goal::Residual(1e-12), Goal::AsAbsorbed] {
                            steady(&name(state), &mut p, goal);
                        }
                    }
                }
            }
        }
    });
}

/// Diagonal entries, and full rows of rank one.
fn factored(n: usize) -> Constraints {
    let mut b = Constraints::builder(n + 9, &[Block::Psd(n), Block::Nonneg(9)]).unwrap();
    for k in 0..9 {
        b.entry(n + k, 1, k, k, 1.0).unwrap();
        b.entry(n + k, 0, 2 * k, 2 * k, 0.5).unwrap();
    }
    for i in 0..n {
        if i % 3 != 0 {
            b.entry(i, 0, i, i, 1.0).unwrap();
            continue;
        }
        let a: Vec<f64> = (0..n)
            .map(|r| 1.5 + (((i + 1) * (r * r + 3)) as f64).sin())
            .collect();
        for c in 0..n {
            for r in 0..=c {
                b.entry(i, 0, r, c, a[r] * a[c]).unwrap();
            }
        }
    }
    b.build().unwrap()
}
