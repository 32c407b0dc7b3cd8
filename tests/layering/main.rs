//! Layering: which module may import which, in Rust, in TypeScript and between the folders of the repository.
//!
//! `rust` holds the table of rooms, `typescript` the rules of the package's sources, `files` those of files and
//! folders. `source` reads code, `graph` finds circles.
#![cfg(not(target_arch = "wasm32"))]

mod files;
mod graph;
mod rust;
mod source;
mod typescript;
