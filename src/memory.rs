//! The memory of the machine, to refuse what cannot be held.

use std::sync::OnceLock;

/// Bytes that this process can use at most, where that is known.
///
/// A system that overcommits grants reservations of any size, and ends the process when their pages are used. So a reservation
/// that succeeds is not enough.
pub(crate) fn provided() -> Option<u128> {
    static PROVIDED: OnceLock<Option<u128>> = OnceLock::new();
    *PROVIDED.get_or_init(measure)
}

/// Why this many bytes are too many.
pub(crate) fn shortage(bytes: u128) -> String {
    match provided() {
        Some(provided) if bytes > provided => format!("and this machine has {provided}"),
        _ => "which this machine does not provide".into(),
    }
}

#[cfg(target_os = "linux")]
fn measure() -> Option<u128> {
    let number = |path: &str| -> Option<u128> {
        let text = std::fs::read_to_string(path).ok()?;
        text.trim().parse().ok()
    };
    let memory = std::fs::read_to_string("/proc/meminfo").ok()?;
    // A container may have a limit of its own, in one of two hierarchies; without a limit the file says `max` or a huge number.
    let limits = [
        total(&memory),
        number("/sys/fs/cgroup/memory.max"),
        number("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    ];
    limits.into_iter().flatten().min()
}

#[cfg(not(target_os = "linux"))]
fn measure() -> Option<u128> {
    None
}

/// Memory and swap space by `/proc/meminfo`, in bytes.
#[cfg(target_os = "linux")]
fn total(text: &str) -> Option<u128> {
    let kilobytes = |name: &str| -> Option<u128> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim_end().parse().ok()
    };
    let swap = kilobytes("SwapTotal:").unwrap_or(0);
    Some((kilobytes("MemTotal:")? + swap) * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{provided, shortage, total};

    #[test]
    fn memory_and_swap_add_up() {
        let text = "MemTotal:  1000 kB\nMemFree: 5 kB\nSwapTotal:     24 kB\n";
        assert_eq!(total(text), Some(1024 * 1024));
        assert_eq!(total("MemTotal: 1 kB\n"), Some(1024));
        assert_eq!(total("nothing"), None);
        assert!(shortage(u128::MAX).contains("this machine"));
        assert!(provided().is_none_or(|bytes| bytes > 1 << 20));
    }
}
