//! The async driver in virtual time: one node, and nodes that ask each other.
#![cfg(not(target_arch = "wasm32"))]

#[path = "../support/sim.rs"]
mod sim;
#[path = "../support/mod.rs"]
mod support;

mod cluster;
mod one_node;
