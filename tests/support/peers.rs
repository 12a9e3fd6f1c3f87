//! The real counterparts, where they can be had (`tests/peers.sh` brings them).

use std::path::PathBuf;

/// The folder of the peers: `$PEERS`, else `peers` in the temporary directory.
fn folder() -> PathBuf {
    std::env::var_os("PEERS").map_or_else(|| std::env::temp_dir().join("peers"), PathBuf::from)
}

/// A peer's binary; says loudly what is skipped when it is missing.
pub(crate) fn find(name: &str, skipped: &str) -> Option<PathBuf> {
    let path = folder().join("bin").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "SKIPPED: {skipped}: there is no {} (run tests/peers.sh)",
        path.display()
    );
    None
}

/// The real Prometheus.
pub(crate) fn prometheus(skipped: &str) -> Option<PathBuf> {
    find("prometheus", skipped)
}

/// The real promtool.
pub(crate) fn promtool(skipped: &str) -> Option<PathBuf> {
    find("promtool", skipped)
}
