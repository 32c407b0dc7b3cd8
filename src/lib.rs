//! A GeeCache for edge workers: ask for a key; its owner on a consistent-hash ring is asked, and where that fails,
//! or the key is ours, our own loader runs; the bytes are kept under a byte budget, and many callers of one key
//! cost one load.
//!
//! This crate is the core that the npm package `geecache-edge` compiles to WebAssembly, and it serves Rust programs
//! as well. It decides and never waits: [`Ring`], [`Store`](store::Store), [`Flights`](group::singleflight::Flights) and
//! [`Group`] are plain synchronous Rust without clock, randomness or I/O. Read [`group`] for the life of a key. The
//! shells around it carry out its steps: the async [`driver`] for Rust callers, TypeScript for everybody else.
//!
//! | module | its one idea |
//! |---|---|
//! | [`ring`] | which peer owns a key, as Go has it |
//! | [`store`] | keys and values under a byte budget |
//! | [`group`] | the life of a key, step by step |
//! | [`peer`] | the traits to the world: `PeerPicker`, `PeerGetter`, `Loader` |
//! | [`pool`] | this node among its peers, and its groups |
//! | [`wire`] | how a question and its answer look in HTTP |
//! | [`driver`] | the native async shell |
//! | [`base`] | errors, time, bytes |

#![deny(missing_docs)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable
)]
#![forbid(unsafe_code)]

pub mod base;
pub mod driver;
pub mod group;
pub mod peer;
pub mod pool;
pub mod ring;
pub mod store;
pub mod wire;

#[cfg(all(target_arch = "wasm32", target_os = "unknown", any(feature = "npm", feature = "fetch")))]
#[doc(hidden)]
pub mod wasm;

#[cfg(all(target_arch = "wasm32", target_os = "unknown", feature = "fetch"))]
pub use wasm::{FetchPeer, Fetcher};

pub use base::bytes::ByteView;
pub use base::error::{Code, Error};
pub use group::Group;
pub use group::options::GroupOptions;
pub use group::stats::Stats;
pub use peer::{Loader, NoPeers, PeerAnswer, PeerGetter, PeerPicker};
pub use pool::Pool;
pub use pool::options::PoolOptions;
pub use ring::Ring;
