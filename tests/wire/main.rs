//! The wires: what is sent, what is read, and what Go's own programs sent and read.
#![cfg(not(target_arch = "wasm32"))]

#[path = "../support/golden.rs"]
mod golden;
#[path = "../support/mod.rs"]
mod support;

mod exchange;
mod golden_answers;
mod groupcache_v3;
mod requests;
