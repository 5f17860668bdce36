//! Damage to files: bytes, words, numbers and lines that are changed, dropped, repeated and moved.

/// Words that readers may trip over.
const WORDS: [&str; 34] = [
    "0",
    "-1",
    "1e999",
    "-1e999",
    "nan",
    "inf",
    "-Infinity",
    "0x10",
    "1e-400",
    "1.5",
    "2.5D0",
    "1d400",
    "4294967296",
    "4294967295",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999999999",
    "1e308",
    "-0.0",
    "+",
    "*INTEGER",
    "RANGES",
    "BOUNDS",
    "OBJSENSE",
    "MAX",
    "ENDATA",
    "RHS",
    "'MARKER'",
    "\u{feff}",
    "\u{e4}",
    ";",
    ",",
    "\t",
];

/// A stream of numbers that a seed gives (SplitMix64).
pub struct Damage(u64);

impl Damage {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A number below `bound`, or 0.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) as usize) % bound.max(1)
    }

    /// One of the seeds, damaged one to five times.
    pub fn of(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..1 + self.below(5) {
            let other = &seeds[self.below(seeds.len())];
            self.damage(&mut bytes, other);
        }
        bytes
    }

    fn damage(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len());
        match self.below(10) {
            _ if bytes.is_empty() => bytes.extend(other),
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = self.below(256) as u8,
            2 => bytes.truncate(at),
            3 => {
                let end = (at + self.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 | 5 => self.word(bytes, at),
            6..=8 => self.line(bytes),
            _ => {
                // The beginning of this file and the end of another.
                bytes.truncate(at);
                bytes.extend(&other[self.below(other.len())..]);
            }
        }
    }

    /// Puts a word in the place of the one at or after a byte.
    fn word(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let blank = |b: &u8| b.is_ascii_whitespace() || b",;(){}".contains(b);
        let start = at + bytes[at..].iter().take_while(|b| blank(b)).count();
        let end = start + bytes[start..].iter().take_while(|b| !blank(b)).count();
        bytes.splice(start..end, WORDS[self.below(WORDS.len())].bytes());
    }

    /// Drops, repeats or moves a line.
    fn line(&mut self, bytes: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> = bytes
            .split_inclusive(|b| *b == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        let (from, to) = (self.below(lines.len()), self.below(lines.len()));
        match self.below(3) {
            0 => drop(lines.remove(from)),
            1 => {
                let line = lines[from].clone();
                lines.insert(to, line);
            }
            _ => lines.swap(from, to),
        }
        *bytes = lines.concat();
    }
}
