//! The families of `problem::generators`: the solver finds what is known of them.

use crate::common::dense::eigenvalues;
use dyncvx::constraints::Block;
use dyncvx::io::sdpa;
use dyncvx::ipm::{Settings, Solution, Status};
use dyncvx::problem::SemidefiniteProgram;
use dyncvx::problem::generators::*;
use dyncvx::{Error, Solver};
use dyncvx_papers::families;
use std::ops::ControlFlow;

/// Solved, and its value in the file's convention.
fn solve(program: &SemidefiniteProgram) -> (Solution, f64) {
    let mut solver = Solver::new(program.conic().clone(), Settings::default()).unwrap();
    let found = solver.solve(&mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(found.status, Status::Solved, "{:?}", found.dimacs);
    let value = SemidefiniteProgram::dual_objective(found.primal_objective);
    (found, value)
}

fn close(found: f64, expected: f64, tol: f64) {
    assert!(
        (found - expected).abs() <= tol * (1.0 + expected.abs()),
        "{found} instead of {expected}"
    );
}

#[test]
fn hamming_graphs_have_their_lovasz_numbers() {
    for (dimension, distance, known) in
        [(3, 1, 4.0), (5, 4, 12.0), (6, 2, 32.0 / 3.0), (6, 4, 16.0)]
    {
        let formula = hamming_lovasz_number(dimension, distance).unwrap();
        let edges = hamming_graph(dimension, &[distance]).unwrap();
        let program = lovasz_theta(1 << dimension, &edges).unwrap();
        let value = solve(&program).1;
        println!(
            "H({dimension}, {distance}): {value}, formula {formula}, m = {}",
            edges.len() + 1
        );
        close(value, formula, 1e-6);
        close(formula, known, 1e-12);
    }
    // DIMACS's hamming-7-5-6, of two distances, has 42⅔; its table of edges is this graph's.
    assert_eq!(hamming_graph(7, &[5, 6]).unwrap().len(), 1792);
}

#[test]
fn a_random_graph_and_its_complement_have_lovasz_numbers_with_a_product_of_n_or_more() {
    let n = 20;
    let edges = random_graph(n, 95, 3.into()).unwrap();
    assert_eq!(edges.len(), 95);
    assert!(edges.windows(2).all(|e| e[0] < e[1]) && edges.iter().all(|e| e.0 < e.1 && e.1 < n));
    let others: Vec<_> = (0..n)
        .flat_map(|u| (u + 1..n).map(move |v| (u, v)))
        .filter(|e| !edges.contains(e))
        .collect();
    let [one, other] = [&edges, &others].map(|e| solve(&lovasz_theta(n, e).unwrap()).1);
    assert!(one * other >= n as f64 * (1.0 - 1e-7), "{one} {other}");
    // Another seed, another graph; all of them are drawn alike.
    assert_ne!(edges, random_graph(n, 95, 4.into()).unwrap());
    let mut degree = [0usize; 20];
    for seed in 0..200u64 {
        for (u, v) in random_graph(n, 95, seed.into()).unwrap() {
            degree[u] += 1;
            degree[v] += 1;
        }
    }
    // Mean 1900, deviation about 31.
    assert!(
        degree.iter().all(|d| (1700..2100).contains(d)),
        "{degree:?}"
    );
}

/// The largest cut, by looking at all.
fn largest_cut(n: usize, edges: &[(usize, usize, f64)]) -> f64 {
    (0..1usize << (n - 1))
        .map(|side| {
            edges
                .iter()
                .filter(|e| (side >> e.0 ^ side >> e.1) & 1 == 1)
                .map(|e| e.2)
                .sum::<f64>()
        })
        .fold(0.0, f64::max)
}

fn all_triples(n: usize) -> Vec<[usize; 3]> {
    let mut out = vec![];
    for i in 0..n {
        for j in i + 1..n {
            out.extend((j + 1..n).map(|k| [i, j, k]));
        }
    }
    out
}

#[test]
fn triangle_inequalities_tighten_the_cut_bound_to_the_cut_of_a_planar_graph() {
    // The pentagon: 4.5225 without, 4 with.
    let pentagon: Vec<_> = (0..5).map(|k| (k, (k + 1) % 5, 1.0)).collect();
    let plain = solve(&max_cut(5, &pentagon).unwrap()).1;
    close(plain, 25.0 / 8.0 + 5.0 * 5f64.sqrt() / 8.0, 1e-7);
    let tight = solve(&max_cut_with_triangles(5, &pentagon, &all_triples(5)).unwrap()).1;
    close(tight, 4.0, 1e-7);
    assert_eq!(largest_cut(5, &pentagon), 4.0);
    // A random graph: between the cut and the plain bound, and no worse with more triples.
    let edges: Vec<_> = random_graph(10, 30, 2.into())
        .unwrap()
        .into_iter()
        .map(|(u, v)| (u, v, 1.0))
        .collect();
    let triples = all_triples(10);
    let plain = solve(&max_cut(10, &edges).unwrap()).1;
    let some = solve(&max_cut_with_triangles(10, &edges, &triples[..40]).unwrap()).1;
    let all = solve(&max_cut_with_triangles(10, &edges, &triples).unwrap()).1;
    let cut = largest_cut(10, &edges);
    println!("random graph: cut {cut}, with all triples {all}, with 40 {some}, without {plain}");
    let slack = 1e-6;
    assert!(cut <= all + slack && all <= some + slack && some < plain - 1e-3);
    assert!(all < plain - 1e-2);
}

#[test]
fn the_lasserre_relaxation_bounds_binary_quadratics() {
    // Separable: sharp.
    let diagonal = [(0, 0, 3.0), (1, 1, -2.0), (2, 2, 5.0)];
    close(solve(&binary_quadratic(3, &diagonal).unwrap()).1, 8.0, 1e-7);
    // A cut function has the bound of the MAX-CUT relaxation.
    let mut cut = vec![];
    for k in 0..5 {
        let next = (k + 1) % 5;
        cut.extend([(k, k, 1.0), (next, next, 1.0), (k, next, -2.0)]);
    }
    let bound = 25.0 / 8.0 + 5.0 * 5f64.sqrt() / 8.0;
    close(solve(&binary_quadratic(5, &cut).unwrap()).1, bound, 1e-7);
    // Random: above the best point, not by much.
    let n = 12;
    let entries = random_quadratic(n, 0.5, 1.into()).unwrap();
    let best = (0..1usize << n)
        .map(|x| {
            entries
                .iter()
                .filter(|e| x >> e.0 & x >> e.1 & 1 == 1)
                .map(|e| e.2)
                .sum::<f64>()
        })
        .fold(0.0, f64::max);
    let value = solve(&binary_quadratic(n, &entries).unwrap()).1;
    println!("binary quadratic: best {best}, bound {value}");
    assert!(value >= best - 1e-5 && value <= 1.2 * best);
    assert!(
        entries
            .iter()
            .all(|e| e.2.fract() == 0.0 && e.2.abs() <= 100.0)
    );
    // A denser one contains the sparser.
    let dense = random_quadratic(n, 1.0, 1.into()).unwrap();
    assert_eq!(dense.len(), n * (n + 1) / 2);
    assert!(entries.iter().all(|e| dense.contains(e)));
}

#[test]
fn completion_recovers_the_matrix() {
    // From all entries: of rank one, so that the nuclear norm is the Frobenius norm.
    let (n1, n2) = (8, 7);
    let all = matrix_completion((n1, n2), 1, 56, 2.into()).unwrap();
    let m: Vec<f64> = all.costs().iter().map(|c| 0.5 * c).collect();
    let norm = m.iter().map(|v| v * v).sum::<f64>().sqrt();
    close(solve(&all).1, -norm, 1e-7);
    // From some of them.
    let some = matrix_completion((n1, n2), 1, 40, 2.into()).unwrap();
    let (found, value) = solve(&some);
    close(value, -norm, 1e-6);
    for i in 0..n1 {
        for j in 0..n2 {
            let entry = found.x[i + (n1 + n2) * (n1 + j)];
            assert!((entry - m[i * n2 + j]).abs() < 1e-4, "{i}, {j}");
        }
    }
}

#[test]
fn localisation_recovers_the_positions() {
    for (sensors, links) in [(1, 3), (12, 3), (25, 4)] {
        let network = localisation(sensors, links, 5.into()).unwrap();
        let (found, value) = solve(&network.program);
        close(value, 0.0, 1e-6);
        let located = network.located(&found.x).unwrap();
        let off = located
            .iter()
            .zip(&network.positions)
            .map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1]))
            .fold(0.0, f64::max);
        println!("{sensors} sensors: off by {off:.1e} at most");
        assert!(off < 1e-3, "{off}");
        // Rank two: the third eigenvalue of Z vanishes beside the second.
        let order = sensors + 2;
        let z: Vec<Vec<f64>> = (0..order)
            .map(|j| found.x[j * order..(j + 1) * order].to_vec())
            .collect();
        let mut spectrum = eigenvalues(z);
        spectrum.sort_by(|a, b| b.total_cmp(a));
        assert!(spectrum[2..].iter().all(|l| *l < 1e-3 * spectrum[1]));
    }
    assert!(matches!(
        localisation(3, 2, 1.into()).unwrap_err(),
        Error::InvalidSetting { field: "links", .. }
    ));
}

#[test]
fn tomography_recovers_the_state() {
    // All operators, and fewer than all of them for states of rank one and two.
    for (qubits, rank, measured) in [(1, 1, 3), (2, 2, 15), (3, 1, 40), (4, 2, 200)] {
        let state = tomography(qubits, rank, measured, 4.into()).unwrap();
        assert_eq!(state.program.blocks(), [Block::Psd(2 << qubits)]);
        let (found, value) = solve(&state.program);
        close(value, -1.0, 1e-6);
        let (real, imaginary) = state.recovered(&found.x).unwrap();
        let off = |a: &[f64], b: &[f64]| {
            let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
            squares.sum::<f64>().sqrt()
        };
        let error = off(&real, &state.real).hypot(off(&imaginary, &state.imaginary));
        println!("{qubits} qubits, rank {rank}: off by {error:.1e}");
        assert!(error < 1e-4, "{error}");
        let d = state.dimension;
        let trace: f64 = (0..d).map(|k| state.real[k * (d + 1)]).sum();
        close(trace, 1.0, 1e-14);
        assert!(state.imaginary.iter().any(|v| v.abs() > 1e-3));
    }
    // Too few say too little.
    let state = tomography(3, 2, 10, 4.into()).unwrap();
    let (_, value) = solve(&state.program);
    assert!(value > -0.99, "{value}");
}

#[test]
fn transport_has_marginals_and_weak_duality() {
    let program = transportation(4, 6, 2.into()).unwrap();
    let b = program.rhs();
    assert_eq!(b.len(), 9);
    assert!((b[..4].iter().sum::<f64>() - 1.0).abs() < 1e-15);
    let mut solver = Solver::new(program.clone(), Settings::default()).unwrap();
    let found = solver.solve(&mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(found.status, Status::Solved);
    // The last column's mass is what is left.
    let last: f64 = (0..4).map(|i| found.x[6 * i + 5]).sum();
    close(last, 1.0 - b[4..].iter().sum::<f64>(), 1e-7);
}

/// Every family of the example, written and read again.
#[test]
fn instances_survive_their_files() {
    for (name, size, m) in [
        ("completion", 12, 36),
        ("triangles", 20, 176),
        ("quadratic", 20, 21),
        ("hamming", 5, 241),
        ("theta", 12, 34),
        ("localisation", 7, 31),
        ("tomography", 2, 8),
    ] {
        let program = families::instance(name, size, 1.into()).unwrap();
        assert_eq!(program.costs().len(), m, "{name}");
        let mut file = vec![];
        sdpa::write(&program, &mut file).unwrap();
        assert!(sdpa::read(&file).unwrap() == program, "{name}");
    }
    assert!(families::instance("nothing", 5, 1.into()).is_err());
}

#[test]
fn seeds_name_instances() {
    let two = [1u64, 1].map(|s| tomography(2, 1, 6, s.into()).unwrap());
    assert_eq!(two[0].real, two[1].real);
    assert_eq!(two[0].paulis, two[1].paulis);
    let nets = [1u64, 2].map(|s| localisation(4, 3, s.into()).unwrap().positions);
    assert_ne!(nets[0], nets[1]);
}

#[test]
fn what_makes_no_instance_is_refused() {
    type Refused = Result<(), Error>;
    let invalid: [(&str, Refused); 12] = [
        ("dimension", hamming_graph(0, &[1]).map(drop)),
        ("dimension", hamming_graph(16, &[1]).map(drop)),
        ("distances", hamming_graph(3, &[4]).map(drop)),
        ("distances", hamming_lovasz_number(3, 0).map(drop)),
        ("edges", random_graph(3, 4, 1.into()).map(drop)),
        ("triples", max_cut_with_triangles(3, &[], &[]).map(drop)),
        (
            "triples",
            max_cut_with_triangles(3, &[], &[[0, 1, 1]]).map(drop),
        ),
        ("n", binary_quadratic(0, &[]).map(drop)),
        ("density", random_quadratic(3, f64::NAN, 1.into()).map(drop)),
        ("sensors", localisation(0, 3, 1.into()).map(drop)),
        ("measured", tomography(1, 1, 4, 1.into()).map(drop)),
        ("sinks", transportation(3, 0, 1.into()).map(drop)),
    ];
    for (expected, found) in invalid {
        match found.unwrap_err() {
            Error::InvalidSetting { field, .. } => assert_eq!(field, expected),
            other => panic!("{expected}: {other}"),
        }
    }
    let out = binary_quadratic(2, &[(0, 2, 1.0)]).unwrap_err();
    assert!(matches!(
        out,
        Error::OutOfRange {
            index: 2,
            bound: 2,
            ..
        }
    ));
    let twice = max_cut_with_triangles(3, &[], &[[0, 1, 2], [2, 1, 0]]).unwrap_err();
    assert!(matches!(
        twice,
        Error::Duplicate {
            entry: 1,
            previous: 0,
            ..
        }
    ));
    assert!(matches!(
        binary_quadratic(1, &[(0, 0, f64::INFINITY)]).unwrap_err(),
        Error::NonFinite { .. }
    ));
}
