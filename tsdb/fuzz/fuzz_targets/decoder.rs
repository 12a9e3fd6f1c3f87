//! One of the checks of `tsdb/tests/decoders`, the one that this program is named after.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tsdb_fuzz::check(env!("CARGO_BIN_NAME"), bytes));
