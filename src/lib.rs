//! A GeeCache for edge workers: ask for a key; its owner on a consistent-hash ring is asked, and where that fails,
//! or the key is ours, our own loader runs; the bytes are kept under a byte budget, and many callers of one key
//! cost one load.
//!
//! This crate is the core that the npm package `geecache-edge` compiles to WebAssembly, and it serves Rust programs
//! as well. It decides and never waits: [`Ring`], [`Store`](store::Store), [`Flights`](flight::Flights) and
//! [`Group`] are plain synchronous Rust without clock, randomness or I/O. Read [`group`] for the life of a key. The
//! shells around it carry out its steps: the async [`driver`] for Rust callers, TypeScript for everybody else.
//!
//! | module | its one idea |
//! |---|---|
//! | [`ring`] | which peer owns a key, as Go has it |
//! | [`store`] | keys and values under a byte budget |
//! | [`flight`] | many callers, one load, as plain data |
//! | [`group`] | the life of a key, step by step |
//! | [`step`] | what a look-up tells its shell to do |
//! | [`peer`] | the traits to the world: `PeerPicker`, `PeerGetter`, `Loader` |
//! | [`pool`] | this node among its peers, and its groups |
//! | [`wire`] | how a question and its answer look in HTTP |
//! | [`driver`] | the native async shell |

#![deny(missing_docs)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable
)]
#![forbid(unsafe_code)]

mod breaker;
mod crc32;
pub mod driver;
pub mod error;
pub mod flight;
pub mod group;
mod ladder;
pub mod options;
pub mod peer;
#[cfg(feature = "planted")]
#[doc(hidden)]
pub mod planted;
#[cfg(not(feature = "planted"))]
mod planted;
pub mod pool;
pub mod ring;
pub mod stats;
pub mod step;
pub mod store;
mod text;
pub mod time;
pub mod value;
pub mod wire;

// Public for the tests in tests/wasm/ alone: JavaScript meets it through the package.
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod wasm;

#[cfg(all(target_arch = "wasm32", feature = "fetch"))]
pub use wasm::{FetchPeer, Fetcher};

pub use error::{Code, Error};
pub use group::Group;
pub use options::{GroupOptions, PoolOptions};
pub use peer::{Loader, NoPeers, PeerAnswer, PeerGetter, PeerPicker};
pub use pool::Pool;
pub use ring::Ring;
pub use stats::Stats;
pub use value::ByteView;
