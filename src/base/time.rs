//! Time, passed in by the caller: milliseconds since the Unix epoch.
//!
//! No part of the core reads a clock. A Worker's clock reads 0 outside of a request and stands still within one
//! in production, a simulator's is virtual, and `std::time::Instant` panics on wasm32.

/// Milliseconds since the Unix epoch.
pub type Millis = u64;

/// A time in the infinite future: the expiry of a copy that stays fresh.
pub const NEVER: Millis = Millis::MAX;
