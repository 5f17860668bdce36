//! Vectors kept for reuse between iterations.

/// Long vectors kept for reuse. The operating system clears released memory page by page when it is allocated again, which takes
/// a fifth of the time of a sparse problem.
#[derive(Default)]
pub(super) struct Spare(Vec<Vec<f64>>);

impl Spare {
    /// A vector of this length, with arbitrary entries.
    pub(super) fn take(&mut self, length: usize) -> Vec<f64> {
        match self.0.iter().position(|v| v.len() == length) {
            Some(at) => self.0.swap_remove(at),
            None => vec![0.0; length],
        }
    }

    pub(super) fn copy(&mut self, of: &[f64]) -> Vec<f64> {
        let mut out = self.take(of.len());
        out.copy_from_slice(of);
        out
    }

    pub(super) fn give(&mut self, v: Vec<f64>) {
        if !v.is_empty() {
            self.0.push(v);
        }
    }
}
