//! Build script: links the unwinder statically, so that the binaries need nothing at run time but libc.
//!
//! Rust's standard library asks the linker for `libgcc_s`, which is found as a shared library. A linker script
//! of that name, searched first, points to the same code in gcc's static archives.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=.cargo/link.rs");
    let target = env::var("TARGET").unwrap_or_default();
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else {
        return;
    };
    if !target.ends_with("-linux-gnu") {
        return;
    }
    match fs::write(out.join("libgcc_s.so"), "INPUT(libgcc_eh.a libgcc.a)\n") {
        Ok(()) => println!("cargo:rustc-link-search=native={}", out.display()),
        // Then the shared library is used, which works as well.
        Err(error) => println!("cargo:warning=the unwinder is linked dynamically: {error}"),
    }
}
