//! The SDPLIB problems of `DYNCVX_DATA`, against a naive reading of the same files.

use crate::common::published::sdplib;
use dyncvx::constraints::Block;
use dyncvx::io::sdpa;
use std::time::Instant;

type Entry = (usize, usize, usize, usize, f64);

/// What a file of SDPLIB says, with the habits of that collection: comments at the top only, costs on one line, entries
/// on or above the diagonal.
fn naive(bytes: &[u8]) -> (Vec<f64>, Vec<i64>, Vec<Entry>) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().filter(|line| !line.starts_with('"'));
    let mut numbers = || -> Vec<f64> {
        let line = lines.next().unwrap();
        line.split(|c: char| "{}(), \t".contains(c))
            .filter(|word| !word.is_empty())
            .map(|word| word.parse().unwrap())
            .collect()
    };
    let (m, block_count) = (numbers()[0], numbers()[0]);
    let sizes: Vec<_> = numbers().iter().map(|&v| v as i64).collect();
    let costs = numbers();
    assert_eq!(
        (costs.len(), sizes.len()),
        (m as usize, block_count as usize)
    );
    let mut entries = Vec::new();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let [matrix, block, row, col] = [(); 4].map(|()| words.next().unwrap().parse().unwrap());
        let value: f64 = words.next().unwrap().parse().unwrap();
        if value != 0.0 {
            entries.push((matrix, block, row, col, value));
        }
    }
    (costs, sizes, entries)
}

#[test]
#[ignore = "needs DYNCVX_DATA"]
fn sdplib_is_read_as_it_is_written() {
    let files = sdplib::all();
    assert_eq!(files.len(), 73);
    let (mut read_bytes, mut seconds) = (0, 0.0);
    for (name, bytes) in &files {
        let start = Instant::now();
        let program = sdpa::read(bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        let elapsed = start.elapsed().as_secs_f64();
        (read_bytes, seconds) = (read_bytes + bytes.len(), seconds + elapsed);
        if bytes.len() > 1_000_000 {
            println!("{name}: {:.0} MB/s", bytes.len() as f64 / elapsed / 1e6);
        }

        let (costs, sizes, mut expected) = naive(bytes);
        assert_eq!(program.costs(), costs, "{name}");
        let blocks: Vec<_> = sizes
            .iter()
            .map(|&size| match size {
                2.. => Block::Psd(size as usize),
                _ => Block::Nonneg(size.unsigned_abs() as usize),
            })
            .collect();
        assert_eq!(program.blocks(), blocks, "{name}");
        let constant = program.constant().entries();
        let matrices = program.matrices().entries();
        let mut found: Vec<Entry> = constant
            .map(|(_, b, r, c, v)| (0, b + 1, r + 1, c + 1, v))
            .chain(matrices.map(|(i, b, r, c, v)| (i + 1, b + 1, r + 1, c + 1, v)))
            .collect();
        let position = |e: &Entry| (e.0, e.1, e.2, e.3);
        found.sort_by_key(position);
        expected.sort_by_key(position);
        assert!(found == expected, "{name}: entries differ");

        if bytes.len() < 1_000_000 {
            let mut written = Vec::new();
            sdpa::write(&program, &mut written).unwrap();
            let again = sdpa::read(&written).unwrap();
            assert!(again == program, "{name}: lost in writing");
        }
    }
    println!("all: {:.0} MB/s", read_bytes as f64 / seconds / 1e6);
}
