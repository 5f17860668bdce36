//! The MPS reader on files that were damaged: it answers or refuses, and never panics.

use dyncvx::io::mps;
use quickcheck::{Arbitrary, Gen, QuickCheck};

const FILES: [&[u8]; 3] = [
    b"NAME EXAMPLE\nOBJSENSE\n MAX\nROWS\n N COST\n L R1\n G R2\n E R3\n N OTHER\nCOLUMNS\n X COST 1 R1 2\n X R3 -1\n Y R1 1.5 R2 3\n Z COST -2 R3 4\n Z OTHER 1\nRHS\n RHS R1 10 R2 -3\n RHS COST 7\nRANGES\n RNG R1 2.5 R3 -4\nBOUNDS\n UP BND X 4\n LO BND Y -2\n FR BND Z\n UP OTHER X 5\nENDATA\n",
    b"* fixed\nNAME          FIXED\nROWS\n N  COST A\n G  R 1\n E  R 2\nCOLUMNS\n    X 1       COST A              1.   R 1                 2.\n    X 1       R 2                 3.   $ a comment\n    1 X       R 1             -1.5E0\nRHS\n              R 1                 4.   R 2                 5.\nBOUNDS\n MI BND       1 X\n UP BND       X 1                 6.\nENDATA\n",
    b"ROWS\r\n N C\r\n L R\r\nCOLUMNS\r\n A C 1\r\n A R 1\r\n B R 1\r\nBOUNDS\r\n MI A\r\n UP A -1\r\n FX B 3\r\nENDATA",
];

/// Numbers that are put in the place of others.
const NUMBERS: [&[u8]; 14] = [
    b"0",
    b"-1",
    b"1e999",
    b"nan",
    b"1000000000000000000",
    b"4294967296",
    b"99999999999999999999999",
    b"-9223372036854775808",
    b"1.5",
    b"2",
    b"34",
    b"D",
    b"1d400",
    b"\xff",
];

#[derive(Debug, Clone, Copy)]
enum Edit {
    Flip(usize, u8),
    Insert(usize, u8),
    Delete(usize, usize),
    Repeat(usize, usize),
    Number(usize, usize),
    Truncate(usize),
}

/// One of the files, and what is done to it.
#[derive(Debug, Clone)]
struct Damage {
    file: usize,
    edits: Vec<Edit>,
}

impl Damage {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = FILES[self.file].to_vec();
        for &edit in &self.edits {
            let len = bytes.len();
            let at = |place: usize| place % len.max(1);
            let span = |place, length: usize| at(place)..(at(place) + length % 40).min(len);
            match edit {
                _ if len == 0 => {}
                Edit::Flip(place, mask) => bytes[at(place)] ^= mask,
                Edit::Insert(place, byte) => bytes.insert(at(place), byte),
                Edit::Delete(place, length) => drop(bytes.drain(span(place, length))),
                Edit::Repeat(place, length) => {
                    let copy = bytes[span(place, length)].to_vec();
                    bytes.splice(at(place)..at(place), copy);
                }
                Edit::Number(place, number) => {
                    let digit = |b: &u8| b.is_ascii_digit();
                    let start =
                        at(place) + bytes[at(place)..].iter().take_while(|b| !digit(b)).count();
                    let end = start + bytes[start..].iter().take_while(|b| digit(b)).count();
                    let number = NUMBERS[number % NUMBERS.len()];
                    bytes.splice(start..end, number.iter().copied());
                }
                Edit::Truncate(place) => bytes.truncate(at(place)),
            }
        }
        bytes
    }
}

impl Arbitrary for Damage {
    fn arbitrary(g: &mut Gen) -> Self {
        let file = usize::arbitrary(g) % FILES.len();
        let edits = (0..1 + usize::arbitrary(g) % 4).map(|_| {
            // Half of the time in the header, where one byte matters most.
            let anywhere = usize::arbitrary(g);
            let place = if bool::arbitrary(g) {
                anywhere
            } else {
                anywhere % 120
            };
            match u8::arbitrary(g) % 11 {
                0 | 1 => Edit::Flip(place, u8::arbitrary(g)),
                2 | 3 => Edit::Insert(place, *g.choose(b"\n 1-.eD$*XR9\0\xff").unwrap()),
                4 | 5 => Edit::Delete(place, usize::arbitrary(g)),
                6 | 7 => Edit::Repeat(place, usize::arbitrary(g)),
                8 | 9 => Edit::Number(place, usize::arbitrary(g)),
                _ => Edit::Truncate(place),
            }
        });
        let edits = edits.collect();
        Self { file, edits }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let whole = self.clone();
        Box::new((0..self.edits.len()).map(move |k| {
            let mut less = whole.clone();
            less.edits.remove(k);
            less
        }))
    }
}

/// What is read can be written and read again; what is refused is refused at a place of the file.
fn law(damage: Damage) -> bool {
    let bytes = damage.bytes();
    match mps::read(&bytes) {
        Ok(program) => {
            let mut file = Vec::new();
            match mps::write(&program, &mut file) {
                Ok(()) => mps::read(&file).unwrap() == program,
                Err(error) => error.kind() == std::io::ErrorKind::InvalidInput,
            }
        }
        Err(error) => {
            let line = bytes.split(|&b| b == b'\n').nth(error.line - 1);
            !error.reason.is_empty()
                && line.is_some_and(|line| (1..=line.len() + 1).contains(&error.column))
        }
    }
}

#[test]
fn damaged_files_are_read_or_refused() {
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(100, 20230724))
        .tests(6000)
        .quickcheck(law as fn(Damage) -> bool);
}

/// The law above says nothing if damage always, or never, ruins a file.
#[test]
fn damage_leaves_some_files_readable_and_ruins_others() {
    let mut g = Gen::from_size_and_seed(100, 20230724);
    let readable = (0..1000).filter(|_| mps::read(&Damage::arbitrary(&mut g).bytes()).is_ok());
    let readable = readable.count();
    assert!((50..950).contains(&readable), "{readable} of 1000");
}

#[test]
fn every_prefix_of_a_file_is_read_or_refused() {
    for (file, bytes) in FILES.iter().enumerate() {
        for end in 0..bytes.len() {
            let truncated = Damage {
                file,
                edits: vec![Edit::Truncate(end)],
            };
            assert!(law(truncated), "file {file} up to byte {end}");
        }
    }
}
