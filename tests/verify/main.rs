//! Bounds that are theorems, against exact arithmetic and published references.

mod published;
