//! How much memory there is: the machine's, or what a control group leaves of it.

use std::fs;

/// Bytes of memory that this process may have, if that can be found out.
pub(super) fn limit_bytes() -> Option<usize> {
    let machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| machine_bytes(&text));
    let groups = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    // A group without a limit says `max`, or a number beyond any memory.
    let group = groups
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
        .min();
    machine.into_iter().chain(group).min()
}

/// `MemTotal` of `/proc/meminfo`, which counts in units of 1024 bytes.
fn machine_bytes(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let count: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    count.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_in_bytes() {
        assert_eq!(
            machine_bytes("MemTotal:       2048 kB\nMemFree: 1 kB\n"),
            Some(2 << 20)
        );
        assert_eq!(machine_bytes("MemFree: 1 kB\n"), None);
        assert!(limit_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}
