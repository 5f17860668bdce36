//! Positions of the upper triangle of a symmetric block as single numbers, and unions of them.

/// A position as one number, ordered by column, then row.
#[inline]
pub(crate) fn position(row: usize, col: usize) -> u64 {
    (col as u64) << 32 | row as u64
}

/// Row and column of a position.
#[inline]
pub(crate) fn row_and_column(position: u64) -> (usize, usize) {
    (
        (position & u64::from(u32::MAX)) as usize,
        (position >> 32) as usize,
    )
}

/// Sorts positions, each once: the union of the patterns that they came from.
pub(crate) fn union(positions: &mut Vec<u64>) {
    positions.sort_unstable();
    positions.dedup();
}

/// Both triangles of a pattern by column: where each column starts, and row and index of the position of every entry, rows
/// ascending. `positions` is a [`union`].
pub(crate) fn both_triangles(order: usize, positions: &[u64]) -> (Vec<usize>, Vec<(u32, u32)>) {
    let mut start = vec![0usize; order + 1];
    for (row, col) in positions.iter().map(|&k| row_and_column(k)) {
        start[col + 1] += 1;
        if row != col {
            start[row + 1] += 1;
        }
    }
    (0..order).for_each(|k| start[k + 1] += start[k]);
    let (mut next, mut entries) = (start.clone(), vec![(0, 0); start[order]]);
    let mut push = |col: usize, row: usize, index: usize| {
        entries[next[col]] = (row as u32, index as u32);
        next[col] += 1;
    };
    for (index, (row, col)) in positions.iter().map(|&k| row_and_column(k)).enumerate() {
        push(col, row, index);
        if row != col {
            push(row, col, index);
        }
    }
    (start, entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_triangles_hold_every_position_once_on_each_side() {
        let mut positions: Vec<u64> = [(1, 2), (0, 0), (0, 2), (1, 2), (2, 2), (0, 3)]
            .map(|(r, c)| position(r, c))
            .into();
        union(&mut positions);
        let (start, entries) = both_triangles(4, &positions);
        assert_eq!(start, [0, 3, 4, 7, 8]);
        assert_eq!(
            entries,
            [
                (0, 0),
                (2, 1),
                (3, 4),
                (2, 2),
                (0, 1),
                (1, 2),
                (2, 3),
                (0, 4)
            ]
        );
    }
}
