//! JavaScript: the bindings of the npm package (feature `npm`) and `FetchPeer` for Rust programs (feature
//! `fetch`).

#[cfg(feature = "npm")]
mod bindings;
#[cfg(feature = "fetch")]
mod fetch_peer;

#[cfg(feature = "npm")]
pub use bindings::Core;
#[cfg(feature = "fetch")]
pub use fetch_peer::{FetchPeer, Fetcher};
