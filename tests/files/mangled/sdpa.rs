use super::Format;
use dyncvx::io::{ParseError, sdpa};
use dyncvx::problem::SemidefiniteProgram;

#[derive(Debug, Clone)]
struct Sdpa;

impl Format for Sdpa {
    const FILES: &[&[u8]] = &[
        include_bytes!("../../data/karate_theta.dat-s"),
        include_bytes!("../../data/karate_maxcut.dat-s"),
        b"\"Example\n 3 =mDIM\n2=nBLOCK\n(2, -3) = bLOCKsTRUCT\n{48, -8, +2.0e+01}\n0 1 1 1 -11\n0 1 2 2 2.3D+01\n1 1 1 1 10\n1 1 2 1 4\n2 2 2 2 -8\n3 2 3 3 -1 text\n3 1 1 2 -8\n3 1 2 1 -8\n",
        b"1\r\n2\r\n1 2\r\n1\r\n1 1 1 1 2\r\n1 2 1 2 .5\r\n",
    ];
    const BYTES: &[u8] = b"\n 1-.eD\"*,{9\0\xff";
    type Program = SemidefiniteProgram;

    fn read(bytes: &[u8]) -> Result<SemidefiniteProgram, ParseError> {
        sdpa::read(bytes)
    }

    fn write(program: &SemidefiniteProgram) -> Option<Vec<u8>> {
        let mut file = Vec::new();
        sdpa::write(program, &mut file).unwrap();
        Some(file)
    }
}

super::laws!(Sdpa);
