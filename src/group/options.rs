//! The options of a group, with their defaults and ranges.

use crate::base::check::{MAX_MS, MAX_TIMER_MS, check_range};
use crate::base::error::Error;
use crate::store::{MAX_MAX_BYTES, MIN_MAX_BYTES, Policy};

/// Capacity, lifetimes and time limits of a group.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// The bound on keys, values and bookkeeping together, in bytes. Required: there is no unbounded cache.
    pub max_bytes: usize,
    /// The largest value that is stored, and the most that is read of a peer's response, in bytes. A larger value is
    /// returned and not stored. Default: an eighth of `max_bytes`, at most 512 KiB. Memory grows in steps that fit the
    /// largest entry, so a greater bound means greater steps.
    pub max_entry_bytes: usize,
    /// The eviction policy. Default: [`Policy::Gdsf`].
    pub policy: Policy,
    /// Seeds the hash of the keys, so that strangers cannot choose keys that collide. Default: 0, a fixed hash.
    pub hash_seed: u64,
    /// How long a copy is fresh, in ms. Default: `None`, unlimited.
    pub ttl_ms: Option<u64>,
    /// How long after its expiry a copy is served while one load refreshes it, in ms. Default: 0.
    pub stale_while_revalidate_ms: u64,
    /// How long after its expiry a copy is served if its load fails, in ms. Default: 0.
    pub stale_if_error_ms: u64,
    /// The lifetime of a hot copy, one of a key that another peer owns, in ms; never longer than the owner's copy is
    /// fresh. 0 disables hot copies. Default: `None`, as long as the owner's copy, and `ttl_ms` if the owner does not
    /// report it.
    pub hot_ttl_ms: Option<u64>,
    /// The deadline of a lookup over all its attempts, in ms. Default: 10,000.
    pub deadline_ms: u64,
    /// The timeout of one peer request, body included, in ms. Default: 2,000. The owner loads within that time: a
    /// timeout shorter than a load makes the asking node load as well.
    pub peer_timeout_ms: u64,
    /// How many of the ring's next peers are asked after the owner failed. Default: 1.
    pub failover: u32,
}

impl GroupOptions {
    /// The defaults for a cache of `max_bytes`.
    pub fn new(max_bytes: usize) -> GroupOptions {
        GroupOptions {
            max_bytes,
            max_entry_bytes: (max_bytes / 8).min(512 << 10),
            policy: Policy::default(),
            hash_seed: 0,
            ttl_ms: None,
            stale_while_revalidate_ms: 0,
            stale_if_error_ms: 0,
            hot_ttl_ms: None,
            deadline_ms: 10_000,
            peer_timeout_ms: 2_000,
            failover: 1,
        }
    }

    /// Returns `ERR_OPTION` for the first option out of its range.
    pub fn check(&self) -> Result<(), Error> {
        check_range("maxBytes", self.max_bytes as u64, MIN_MAX_BYTES as u64, MAX_MAX_BYTES as u64)?;
        check_range("maxEntryBytes", self.max_entry_bytes as u64, 1, self.max_bytes as u64)?;
        check_range("ttlMs", self.ttl_ms.unwrap_or(1), 1, MAX_MS)?;
        check_range("staleWhileRevalidateMs", self.stale_while_revalidate_ms, 0, MAX_MS)?;
        check_range("staleIfErrorMs", self.stale_if_error_ms, 0, MAX_MS)?;
        check_range("hotTtlMs", self.hot_ttl_ms.unwrap_or(0), 0, MAX_MS)?;
        check_range("deadlineMs", self.deadline_ms, 1, MAX_TIMER_MS)?;
        check_range("peerTimeoutMs", self.peer_timeout_ms, 1, MAX_TIMER_MS)?;
        check_range("failover", u64::from(self.failover), 0, 16)
    }
}
