//! Readers on files that were damaged: they answer or refuse, and never panic.

mod mps;
mod sdpa;

use dyncvx::io::ParseError;
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::fmt::Debug;
use std::marker::PhantomData;

/// A format, with files that its reader takes.
trait Format: Debug + Clone + 'static {
    const FILES: &[&[u8]];
    /// Bytes that mean something to its reader, and some that do not.
    const BYTES: &[u8];
    type Program: PartialEq;
    fn read(bytes: &[u8]) -> Result<Self::Program, ParseError>;
    /// `None` for what the format has no place for.
    fn write(program: &Self::Program) -> Option<Vec<u8>>;
}

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
struct Damage<F> {
    file: usize,
    edits: Vec<Edit>,
    format: PhantomData<F>,
}

impl<F: Format> Damage<F> {
    fn new(file: usize, edits: Vec<Edit>) -> Self {
        let format = PhantomData;
        Self {
            file,
            edits,
            format,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = F::FILES[self.file].to_vec();
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

impl<F: Format> Arbitrary for Damage<F> {
    fn arbitrary(g: &mut Gen) -> Self {
        let file = usize::arbitrary(g) % F::FILES.len();
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
                2 | 3 => Edit::Insert(place, *g.choose(F::BYTES).unwrap()),
                4 | 5 => Edit::Delete(place, usize::arbitrary(g)),
                6 | 7 => Edit::Repeat(place, usize::arbitrary(g)),
                8 | 9 => Edit::Number(place, usize::arbitrary(g)),
                _ => Edit::Truncate(place),
            }
        });
        let edits = edits.collect();
        Self::new(file, edits)
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
fn law<F: Format>(damage: Damage<F>) -> bool {
    let bytes = damage.bytes();
    match F::read(&bytes) {
        Ok(program) => match F::write(&program) {
            Some(file) => F::read(&file).unwrap() == program,
            None => true,
        },
        Err(error) => {
            let line = bytes.split(|&b| b == b'\n').nth(error.line - 1);
            !error.reason.is_empty()
                && line.is_some_and(|line| (1..=line.len() + 1).contains(&error.column))
        }
    }
}

fn damaged_files_are_read_or_refused<F: Format>() {
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(100, 20230724))
        .tests(6000)
        .quickcheck(law as fn(Damage<F>) -> bool);
}

/// The law above says nothing if damage always, or never, ruins a file.
fn damage_leaves_some_files_readable_and_ruins_others<F: Format>() {
    let mut g = Gen::from_size_and_seed(100, 20230724);
    let read = |g: &mut Gen| F::read(&Damage::<F>::arbitrary(g).bytes()).is_ok();
    let readable = (0..1000).filter(|_| read(&mut g)).count();
    assert!((50..950).contains(&readable), "{readable} of 1000");
}

fn every_prefix_of_a_file_is_read_or_refused<F: Format>() {
    for (file, bytes) in F::FILES.iter().enumerate() {
        for end in 0..bytes.len() {
            let truncated = Damage::<F>::new(file, vec![Edit::Truncate(end)]);
            assert!(law(truncated), "file {file} up to byte {end}");
        }
    }
}

/// The three, of one format.
macro_rules! laws {
    ($format:ty) => {
        #[test]
        fn damaged_files_are_read_or_refused() {
            crate::mangled::damaged_files_are_read_or_refused::<$format>();
        }

        #[test]
        fn damage_leaves_some_files_readable_and_ruins_others() {
            crate::mangled::damage_leaves_some_files_readable_and_ruins_others::<$format>();
        }

        #[test]
        fn every_prefix_of_a_file_is_read_or_refused() {
            crate::mangled::every_prefix_of_a_file_is_read_or_refused::<$format>();
        }
    };
}
pub(crate) use laws;
