//! What the fuzz targets share: the checks of decoders, which are tests of the crate as well.

#[path = "../../tests/decoders/mod.rs"]
mod decoders;

/// Runs the check `target` on any bytes.
///
/// # Panics
/// When the check fails, or there is none of that name.
pub fn check(target: &str, bytes: &[u8]) {
    let found = decoders::TARGETS.iter().find(|(name, _)| *name == target);
    let (_, check) = found.expect("a target is named after its check");
    check(bytes);
}
