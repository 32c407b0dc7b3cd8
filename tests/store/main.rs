//! The store from outside, and the replay example that sizes it.
#![cfg(not(target_arch = "wasm32"))]

#[path = "../support/mod.rs"]
mod support;

mod api;
mod trace_replay;
