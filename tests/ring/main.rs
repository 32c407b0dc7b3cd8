//! The ring: Go's owners, the laws of consistent hashing, and the placements beside Go's.
#![cfg(not(target_arch = "wasm32"))]

#[path = "../support/mod.rs"]
mod support;

mod owners;
mod placements;
