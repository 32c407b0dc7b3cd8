//! The bindings as JavaScript calls them, in a real WebAssembly instance under Node.
//!
//! Their numbers are those of `protocol.rs`, from which the package's TypeScript has them as well.
#![cfg(target_arch = "wasm32")]

mod copies;
mod fetch_http;
mod fetch_stub;
mod incoming;
mod lookup;
mod options;
mod outgoing;
mod ring;
mod support;
