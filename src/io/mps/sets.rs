//! The named sets of a section: which one counts, and what was left out with the others.

use super::fields::Field;
use crate::io::Notice;
use crate::io::lexer::shown;
use std::collections::HashMap;

/// The sets of right-hand sides, of ranges, or of bounds.
pub(super) struct Sets<'a> {
    section: &'static str,
    /// The name of the first set, the only one that counts.
    first: Option<&'a [u8]>,
    /// First mention and number of entries of every other set.
    others: Vec<(Field<'a>, usize)>,
    index_of: HashMap<&'a [u8], usize>,
}

impl<'a> Sets<'a> {
    pub(super) fn new(section: &'static str) -> Self {
        Self {
            section,
            first: None,
            others: vec![],
            index_of: HashMap::new(),
        }
    }

    /// Whether the set with this name counts. If it does not, its `entries` on this line are counted as left out.
    pub(super) fn counts(&mut self, name: Field<'a>, entries: usize) -> bool {
        if *self.first.get_or_insert(name.text) == name.text {
            return true;
        }
        let index = *self.index_of.entry(name.text).or_insert_with(|| {
            self.others.push((name, 0));
            self.others.len() - 1
        });
        self.others[index].1 += entries;
        false
    }

    /// A notice for every set that was left out.
    pub(super) fn notices(&self) -> impl Iterator<Item = Notice> {
        let name = |text: &[u8]| match text {
            b"" => "without a name".to_string(),
            _ => shown(text),
        };
        self.others.iter().map(move |(set, count)| Notice {
            line: set.line,
            text: format!(
                "set {} of {} is left out with its {count} {}: the first set counts, {}",
                name(set.text),
                self.section,
                if *count == 1 { "entry" } else { "entries" },
                name(self.first.unwrap_or_default()),
            ),
        })
    }
}
