//! The bindings as JavaScript calls them, inside of a real wasm instance under Node.
//!
//! What the package's TypeScript knows of numbers and places in memory is written out here again, so that a change of
//! the one without the other is a failing test.
#![cfg(target_arch = "wasm32")]

mod fetch_http;
mod fetch_stub;
mod incoming;
mod lookup;
mod options;
mod outgoing;
mod ring;
mod support;
