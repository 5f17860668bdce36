//! Two semidefinite programs of a real graph, Zachary's karate club, as SDPA files.

use dyncvx::io::sdpa;
use dyncvx::problem::generators::{lovasz_theta, max_cut};
use std::error::Error;

/// Members of the club.
const MEMBERS: usize = 34;

/// Who met whom outside the club: each member with the later ones, numbered from 1 as by Zachary (An information flow
/// model for conflict and fission in small groups, Journal of Anthropological Research 33, 1977).
#[rustfmt::skip]
const FRIENDS: [(usize, &[usize]); 26] = [
    (1, &[2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 20, 22, 32]),
    (2, &[3, 4, 8, 14, 18, 20, 22, 31]),
    (3, &[4, 8, 9, 10, 14, 28, 29, 33]),
    (4, &[8, 13, 14]),
    (5, &[7, 11]),
    (6, &[7, 11, 17]),
    (7, &[17]),
    (9, &[31, 33, 34]),
    (10, &[34]),
    (14, &[34]),
    (15, &[33, 34]),
    (16, &[33, 34]),
    (19, &[33, 34]),
    (20, &[34]),
    (21, &[33, 34]),
    (23, &[33, 34]),
    (24, &[26, 28, 30, 33, 34]),
    (25, &[26, 28, 32]),
    (26, &[32]),
    (27, &[30, 34]),
    (28, &[34]),
    (29, &[32, 34]),
    (30, &[33, 34]),
    (31, &[33, 34]),
    (32, &[33, 34]),
    (33, &[34]),
];

/// The friendships, numbered from 0.
pub fn edges() -> Vec<(usize, usize)> {
    let pairs = |&(u, later): &(usize, &'static [usize])| later.iter().map(move |v| (u - 1, v - 1));
    FRIENDS.iter().flat_map(pairs).collect()
}

/// Name and contents of a file.
pub type File = (&'static str, Vec<u8>);

/// The Lovász number and MAX-CUT.
pub fn files() -> Result<[File; 2], Box<dyn Error>> {
    let edges = edges();
    let theta = lovasz_theta(MEMBERS, &edges)?;
    let weighted: Vec<_> = edges.iter().map(|&(u, v)| (u, v, 1.0)).collect();
    let cut = max_cut(MEMBERS, &weighted)?;

    let mut theta_file = b"\"Lovasz number of Zachary's karate club\n".to_vec();
    sdpa::write(&theta, &mut theta_file)?;
    let mut cut_file = b"\"MAX-CUT relaxation of Zachary's karate club\n".to_vec();
    sdpa::write(&cut, &mut cut_file)?;
    Ok([
        ("karate_theta.dat-s", theta_file),
        ("karate_maxcut.dat-s", cut_file),
    ])
}
