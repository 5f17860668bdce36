//! Sampling without replacement.

use crate::random::below;
use rand_core::Rng;
use std::collections::HashSet;

/// `count` distinct numbers below `total`, in ascending order, by Floyd's method; `count` must be at most `total`.
pub(super) fn sample(total: usize, count: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut chosen = HashSet::with_capacity(count);
    for top in total - count..total {
        let k = below(rng, top + 1);
        if !chosen.insert(k) {
            chosen.insert(top);
        }
    }
    let mut chosen: Vec<usize> = chosen.into_iter().collect();
    chosen.sort_unstable();
    chosen
}
