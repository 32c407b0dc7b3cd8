//! A group's decisions: lookups, singleflight, failover, circuit breakers, copies.
#![cfg(not(target_arch = "wasm32"))]

#[path = "../support/node.rs"]
mod node;
#[path = "../support/mod.rs"]
mod support;

mod breaker;
mod copies;
mod failover;
mod lookup;
mod random_results;
mod random_walk;
mod singleflight;
