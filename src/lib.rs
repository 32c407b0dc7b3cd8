//! A GeeCache for edge workers: a distributed cache whose nodes own keys on a consistent-hash ring.
//!
//! This crate is the core of the npm package `geecache-edge`, and a library for Rust programs. The core decides and
//! never waits: [`Ring`], [`Store`](store::Store), [`Flights`](group::singleflight::Flights) and [`Group`] are
//! synchronous Rust without clock, randomness or I/O. Drivers around it carry out its steps: [`driver`] for Rust,
//! TypeScript for the package.
//!
//! # The life of a key
//!
//! 1. Is a fresh copy here (owned or hot)? Return it.
//! 2. Is a stale copy here that may still be served? Return it, and refresh it in the background.
//! 3. Is the key already in flight here? Join that flight, with a deadline of our own.
//! 4. Lead a flight. Is another peer the owner, and did this request not itself come from a peer? Ask it, within the
//!    peer timeout.
//! 5. The peer failed: ask the ring's next peer if failover allows, else run our own loader. The loader failed:
//!    serve stale if allowed, else its error.
//! 6. Store the value, end the flight, wake the followers.
//!
//! [`group`] has these steps in this order.
//!
//! # The rooms
//!
//! A module imports only modules below it in this table, from the bottom up; `tests/layering` checks it.
//!
//! | module | its subject |
//! |---|---|
//! | [`driver`] | the async driver for Rust: `GroupDriver` |
//! | [`pool`] | a node among its peers: groups, ring, circuit breakers |
//! | [`group`] | the life of a key: singleflight, failover, freshness |
//! | [`wire`] | peer requests and responses in HTTP: formats, signatures, digests |
//! | [`peer`] | the traits to implement: `PeerPicker`, `PeerGetter`, `Loader` |
//! | [`store`] | keys and values under a byte budget: admission, eviction, compaction |
//! | [`ring`] | the consistent-hash ring: which peer owns a key, equal to Go's |
//! | [`base`] | errors, time, bytes, text |
//!
//! Public are these modules and the names below. In a program, start with `GroupDriver` on any single-threaded executor;
//! use [`Group`] or [`Pool`] directly to drive the steps yourself.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | effect |
//! |---|---|
//! | `fetch` | `FetchPeer`: a [`PeerGetter`] over `fetch`, on wasm32-unknown-unknown |
//! | `npm` | the bindings and the global allocator of the npm package. Exports functions: not for libraries |
//! | `validate` | `Store::validate` and `Group::validate`, which panic at a broken invariant |
//! | `segmented` | the store's memory in segments natively, as it is in WebAssembly: for tests of the store |
//! | `ablation` | switches to turn parts of the default eviction policy off: for measurements |
//! | `mutants` | deliberate faults that the simulator must catch: for mutation testing |
//! | `injected-traps` | exports that trap on purpose: for tests of recovery from a trap |

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
#[doc(hidden)]
pub mod protocol;
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

/// The Rust blocks of the documents, as doc tests.
#[cfg(all(doctest, not(target_arch = "wasm32")))]
mod documents {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/choosing-peers.md")]
    mod choosing_peers {}
    #[doc = include_str!("../docs/store.md")]
    mod store {}
}
