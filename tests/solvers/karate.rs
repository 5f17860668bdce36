//! The bundled programs of Zachary's karate club.

use dyncvx::constraints::Block;
use dyncvx::io::sdpa;
use dyncvx_papers::karate;
use std::path::Path;

#[test]
fn the_bundled_files_are_what_the_example_writes() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for (name, contents) in karate::files().unwrap() {
        let bundled = std::fs::read(data.join(name)).unwrap();
        // Not assert_eq: it would print both files.
        assert!(
            bundled == contents,
            "{name}: run `cargo run --example karate -- tests/data`"
        );
    }
}

#[test]
fn the_graph_is_zacharys() {
    let edges = karate::edges();
    let mut degree = [0; 34];
    for &(u, v) in &edges {
        assert!(u < v);
        degree[u] += 1;
        degree[v] += 1;
    }
    let known = [
        16, 9, 10, 6, 3, 4, 4, 4, 5, 2, 3, 1, 2, 5, 2, 2, 2, 2, 2, 3, 2, 2, 2, 5, 3, 3, 2, 4, 3, 4,
        4, 6, 12, 17,
    ];
    assert_eq!(degree, known);
    // Triangles, which a wrong edge would change: 45.
    let joined = |u, v| edges.contains(&(u, v));
    let triangles = edges
        .iter()
        .flat_map(|&(u, v)| (v + 1..34).filter(move |&w| joined(u, w) && joined(v, w)));
    assert_eq!(triangles.count(), 45);
}

#[test]
fn the_programs_are_the_relaxations() {
    let edges = karate::edges();
    let [theta, cut] = karate::files().unwrap();
    let (theta, cut) = (sdpa::read(&theta.1).unwrap(), sdpa::read(&cut.1).unwrap());
    assert_eq!(theta.blocks(), [Block::Psd(34)]);
    assert_eq!(theta.costs().len(), 79);
    assert_eq!(theta.constant().entries().count(), 34 * 35 / 2);
    assert!(theta.constant().entries().all(|e| e.4 == 1.0));
    let mut positions: Vec<_> = theta.matrices().entries().collect();
    positions.sort_by_key(|e| e.0);
    let identity = (0..34).map(|k| (0, 0, k, k, 1.0));
    let on_edges = (0..78).map(|k| (k + 1, 0, edges[k].0, edges[k].1, 1.0));
    assert!(positions.into_iter().eq(identity.chain(on_edges)));

    // ¼⟨L, zzᵀ⟩ is the cut that the signs z make: here, the two factions' leaders against all others.
    let sign = |k: usize| if k == 0 || k == 33 { -1.0 } else { 1.0 };
    let twice = |r, c| if r == c { 1.0 } else { 2.0 };
    let value: f64 = cut
        .constant()
        .entries()
        .map(|(_, _, r, c, v)| twice(r, c) * v * sign(r) * sign(c))
        .sum();
    let crossing = edges.iter().filter(|&&(u, v)| sign(u) != sign(v)).count();
    assert_eq!((value, crossing), (33.0, 33));
    assert_eq!(cut.costs(), [1.0; 34]);
    let diagonal = (0..34).map(|k| (k, 0, k, k, 1.0));
    assert!(cut.matrices().entries().eq(diagonal));
}
