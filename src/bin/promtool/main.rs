//! promtool's entry.

fn main() {}
