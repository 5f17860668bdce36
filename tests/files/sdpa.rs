//! What the SDPA reader accepts, and that the writer loses nothing.

use dyncvx::constraints::{Block, Constraints};
use dyncvx::io::sdpa;
use dyncvx::problem::SemidefiniteProgram;
use quickcheck::{Arbitrary, Gen, QuickCheck};

type Entry = (usize, usize, usize, usize, f64);

/// `(blocks, costs, F_0, F_1 …)`.
fn parts(file: &[u8]) -> (Vec<Block>, Vec<f64>, Vec<Entry>, Vec<Entry>) {
    let p = sdpa::read(file).unwrap_or_else(|e| panic!("{e}"));
    (
        p.blocks().to_vec(),
        p.costs().to_vec(),
        p.constant().entries().collect(),
        p.matrices().entries().collect(),
    )
}

const PLAIN: &[u8] = b"2\n2\n2 -3\n1 2.5\n0 1 1 2 -1\n1 1 1 1 3\n1 2 3 3 4\n2 2 1 1 5\n";

#[test]
fn a_plain_file_means_what_it_says() {
    let (blocks, costs, constant, matrices) = parts(PLAIN);
    assert_eq!(blocks, [Block::Psd(2), Block::Nonneg(3)]);
    assert_eq!(costs, [1.0, 2.5]);
    assert_eq!(constant, [(0, 0, 0, 1, -1.0)]);
    let expected = [(0, 0, 0, 0, 3.0), (0, 1, 2, 2, 4.0), (1, 1, 0, 0, 5.0)];
    assert_eq!(matrices, expected);
}

#[test]
fn every_dialect_means_the_same() {
    let dialects: [&[u8]; 17] = [
        b"\"a comment\n* and another, \xff\xfe 1 2 3\n2\n2\n2 -3\n1 2.5\n0 1 1 2 -1\n1 1 1 1 3\n1 2 3 3 4\n2 2 1 1 5\n",
        b"2 =mDIM\n2=nBLOCK\n(2, -3) = bLOCKsTRUCT\n{1.0, 2.5}\n0 1 1 2 -1\n1 1 1 1 3\n1 2 3 3 4\n2 2 1 1 5\n",
        b"2\n2\n{2}{-3}\n(1) (2.5)\n{0}{1}{1}{2}{-1}\n1 1 1 1 3\n1 2 3 3 4\n2 2 1 1 5\n",
        b"2 : 4 numbers\n2 blocks 7\n{2,-3}=3\n(1,2.5) costs\n0 1 1 2 -1\n1 1 1 1 3\n1 2 3 3 4\n2 2 1 1 5\n",
        b"+2\n+2\n+2 -3\n+1.0e+00 +2.5E0\n0 1 1 2 -1.0e-00\n1 1 1 1 +3.\n1 2 3 3 .4e1\n2 2 1 1 5e0\n",
        b"2\n2\n2 -3\n1.0D+00 0.25d1\n0 1 1 2 -1.0D0\n1 1 1 1 0.3D+01\n1 2 3 3 4d0\n2 2 1 1 50D-1\n",
        b"2\n2\n2\n-3\n1\n\n2.5\n0 1 1 2 -1\n1 1 1 1 3\n1 2 3 3 4\n2 2 1 1 5\n",
        b"\n\n2\n\n2\n \t\n2 -3\n\n1 2.5\n\n0 1 1 2 -1\n\n1 1 1 1 3\n1 2 3 3 4\n2 2 1 1 5\n\n\n",
        b"2\r\n2\r\n2 -3\r\n1 2.5\r\n0 1 1 2 -1\r\n1 1 1 1 3\r\n1 2 3 3 4\r\n2 2 1 1 5\r\n",
        b"2\n2\n2 -3\n1 2.5\n0 1 1 2 -1\n1 1 1 1 3\n1 2 3 3 4\n2 2 1 1 5",
        b"2\n2\n2 -3\n1 2.5\n0 1 2 1 -1\n1 1 1 1 3\n1 2 3 3 4\n2 2 1 1 5\n",
        b"2\n2\n2 -3\n1 2.5\n0 1 2 1 -1\n0 1 1 2 -1\n1 1 1 1 3\n1 2 3 3 4\n2 2 1 1 5\n",
        b"2\n2\n2 -3\n1 2.5\n2 2 1 1 5\n1 2 3 3 4\n1 1 1 1 3\n0 1 1 2 -1\n",
        b"2\n2\n2 -3\n1 2.5\n0 1 1 2 -1 # text 7\n1 1 1 1 3 trailing\n1 2 3 3 4 \"x\"\n2 2 1 1 5 =\xff\n",
        b"2\n2\n2 -3\n1 2.5\n0,1,1,2,-1\n{1, 1, 1, 1, 3},\n(1 2 3 3 4)\n\t2\t2 1 1 5\n",
        b"2\n* between\n2\n2 -3\n\"costs\n1\n * within\n2.5\n0 1 1 2 -1\n*entries\n1 1 1 1 3\n1 2 3 3 4\n2 2 1 1 5\n*",
        b"2\n2\n2 -3\n1 2.5\n0 1 1 1 0\n0 1 1 2 -1\n1 1 1 1 3\n1 2 3 3 4\n2 2 1 1 5\n2 2 3 3 -0.0\n",
    ];
    for dialect in dialects {
        let text = dialect.escape_ascii();
        assert_eq!(parts(dialect), parts(PLAIN), "{text}");
    }
}

#[test]
fn a_block_of_order_one_is_nonnegative_and_no_entry_is_needed() {
    let (blocks, _, constant, matrices) = parts(b"1\n4\n1 -1 +1 2\n1\n1 1 1 1 2\n");
    let one = Block::Nonneg(1);
    assert_eq!(blocks, [one, one, one, Block::Psd(2)]);
    assert_eq!((constant.len(), matrices.len()), (0, 1));
    assert_eq!(parts(b"1\n1\n3\n0").3, []);
}

#[test]
fn numbers_are_read_to_the_last_bit() {
    let file = b"5\n1\n-1\n0.1 4.9406564584124654e-324 1.7976931348623157D308 -0 123456789012345678901234567890\n";
    let bits: Vec<_> = parts(file).1.iter().map(|c| c.to_bits()).collect();
    let expected = [
        0.1,
        5e-324,
        f64::MAX,
        -0.0,
        123456789012345678901234567890.0,
    ];
    assert_eq!(bits, expected.map(f64::to_bits));
}

#[test]
fn the_writer_has_one_way_to_write() {
    let mut out = Vec::new();
    sdpa::write(&sdpa::read(PLAIN).unwrap(), &mut out).unwrap();
    let expected = "2\n2\n2 -3\n1.0 2.5\n0 1 1 2 -1.0\n1 1 1 1 3.0\n1 2 3 3 4.0\n2 2 1 1 5.0\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

/// A program with any finite numbers.
#[derive(Debug, Clone)]
struct Random {
    blocks: Vec<Block>,
    costs: Vec<f64>,
    /// Matrix, block, row, column and value; the indices are taken modulo what there is.
    entries: Vec<([usize; 4], f64)>,
}

impl Random {
    fn program(&self) -> SemidefiniteProgram {
        let m = self.costs.len();
        let mut constant = Constraints::builder(1, &self.blocks).unwrap();
        let mut matrices = Constraints::builder(m, &self.blocks).unwrap();
        let mut seen = std::collections::HashSet::new();
        for &([matrix, block, row, col], value) in &self.entries {
            let (matrix, block) = (matrix % (m + 1), block % self.blocks.len());
            let order = self.blocks[block].order();
            let (mut row, col) = (row % order, col % order);
            if matches!(self.blocks[block], Block::Nonneg(_)) {
                row = col;
            }
            let (row, col) = (row.min(col), row.max(col));
            if seen.insert((matrix, block, row, col)) {
                let (target, matrix) = match matrix {
                    0 => (&mut constant, 0),
                    i => (&mut matrices, i - 1),
                };
                target.entry(matrix, block, row, col, value).unwrap();
            }
        }
        let (constant, matrices) = (constant.build().unwrap(), matrices.build().unwrap());
        SemidefiniteProgram::new(self.costs.clone(), matrices, constant).unwrap()
    }
}

impl Arbitrary for Random {
    fn arbitrary(g: &mut Gen) -> Self {
        let finite = |g: &mut Gen| match f64::from_bits(u64::arbitrary(g)) {
            v if v.is_finite() => v,
            _ => f64::from(i8::arbitrary(g)),
        };
        let count = |g: &mut Gen, low: usize, high: usize| low + usize::arbitrary(g) % (high - low);
        let blocks = (0..count(g, 1, 5)).map(|_| match bool::arbitrary(g) {
            true => Block::Psd(count(g, 2, 6)),
            false => Block::Nonneg(count(g, 1, 6)),
        });
        let blocks = blocks.collect();
        let costs = (0..count(g, 1, 6)).map(|_| finite(g)).collect();
        let entries = (0..count(g, 0, 60)).map(|_| {
            let at = [(); 4].map(|()| usize::arbitrary(g));
            (at, finite(g))
        });
        let entries = entries.collect();
        Self {
            blocks,
            costs,
            entries,
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let whole = self.clone();
        Box::new((0..self.entries.len()).rev().map(move |k| {
            let mut less = whole.clone();
            less.entries.remove(k);
            less
        }))
    }
}

#[test]
fn writing_and_reading_gives_the_program_back() {
    fn law(random: Random) -> bool {
        let program = random.program();
        let mut file = Vec::new();
        sdpa::write(&program, &mut file).unwrap();
        let again = sdpa::read(&file).unwrap();
        let bits =
            |p: &SemidefiniteProgram| p.costs().iter().map(|c| c.to_bits()).collect::<Vec<_>>();
        again == program && bits(&again) == bits(&program)
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(30, 1))
        .tests(500)
        .quickcheck(law as fn(Random) -> bool);
}
