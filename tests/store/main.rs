//! The store through its public interface, and the `replay` example that sizes a cache with it.
#![cfg(not(target_arch = "wasm32"))]

#[path = "../support/mod.rs"]
mod support;

mod api;
mod trace_replay;
