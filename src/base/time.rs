//! Time comes in from outside: milliseconds since the Unix epoch, told by whoever calls.
//!
//! No part of the core reads a clock. A Worker's clock reads 0 outside of a request and stands still within one
//! in production, a simulator's is virtual, and `std::time::Instant` panics on wasm32.

/// Milliseconds since the Unix epoch.
pub type Millis = u64;

/// The moment that never comes: a copy that stays fresh for ever.
pub const NEVER: Millis = Millis::MAX;
