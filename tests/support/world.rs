//! A world of the test's own: addresses, names and `/etc` as a documented setup has them, on this machine alone.
//!
//! The test runs itself once more inside a network and a mount namespace, where only loopback exists and what
//! it mounts is seen by nobody else. Processes and threads that it starts are inside as well.
//!
//! ```text
//! #[test] fn t() { let Some(world) = World::enter("room::t", "what is skipped") else { return }; … }
//! ```

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Says to the test that it runs inside, and where its world keeps its files.
const INSIDE: &str = "DEUCALION_TEST_WORLD";

/// Run inside before the test: loopback up, a writable layer over `/etc`, an empty `/run`.
const SETUP: &str = r#"
set -e
mount --make-rprivate /
ip link set lo up
mount -t tmpfs tmpfs "$DEUCALION_TEST_WORLD"
mkdir "$DEUCALION_TEST_WORLD/upper" "$DEUCALION_TEST_WORLD/work" "$DEUCALION_TEST_WORLD/files"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$DEUCALION_TEST_WORLD/upper,workdir=$DEUCALION_TEST_WORLD/work" /etc
mount -t tmpfs tmpfs /run
exec "$@"
"#;

/// The inside, to the test that is in it.
#[derive(Debug)]
pub(crate) struct World {
    root: PathBuf,
}

impl World {
    /// `None` outside, when the test has run inside and passed, or when there can be no inside, which is said.
    ///
    /// `test` is the path of the calling test in this binary.
    #[track_caller]
    pub(crate) fn enter(test: &str, skipped: &str) -> Option<Self> {
        if let Some(root) = std::env::var_os(INSIDE) {
            return Some(Self { root: root.into() });
        }
        if !can_enter() {
            eprintln!(
                "SKIPPED: {skipped}: namespaces cannot be made here (unshare, ip, overlay mounts, root)"
            );
            return None;
        }
        let root = tempfile::tempdir().expect("a directory");
        let itself = std::env::current_exe().expect("the path of the test binary");
        let status = in_namespaces(root.path())
            .arg(itself)
            .args(["--exact", test, "--nocapture"])
            .status();
        let status = status.expect("run unshare");
        assert!(status.success(), "{test} failed inside of its world: {status}");
        None
    }

    /// A directory for the test's files.
    pub(crate) fn files(&self) -> PathBuf {
        self.root.join("files")
    }

    /// Makes this host answer at `address` (IPv4).
    pub(crate) fn own(&self, address: &str) {
        let status = Command::new("ip")
            .args(["addr", "add", &format!("{address}/32"), "dev", "lo"])
            .status();
        assert!(status.expect("run ip").success(), "add {address}");
    }

    /// Makes `name` mean `address`.
    pub(crate) fn name(&self, name: &str, address: &str) {
        let mut hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        hosts.push_str(&format!("\n{address} {name}\n"));
        std::fs::write("/etc/hosts", hosts).expect("write the world's hosts");
    }
}

fn in_namespaces(root: &Path) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--net", "--mount", "sh", "-c", SETUP, "sh"])
        .env(INSIDE, root)
        .stdin(Stdio::null());
    command
}

fn can_enter() -> bool {
    let root = tempfile::tempdir().expect("a directory");
    let tried = in_namespaces(root.path())
        .arg("true")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}
