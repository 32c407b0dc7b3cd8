//! A group's options, their defaults, and what is refused by name.

use crate::base::check::{MAX_MS, MAX_TIMER_MS, check_range};
use crate::base::error::Error;
use crate::store::{MAX_MAX_BYTES, MIN_MAX_BYTES, Policy};

/// How a group keeps its entries and how long it waits.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// The bound on keys, values and bookkeeping together, in bytes. No default: an unbounded cache is refused.
    pub max_bytes: usize,
    /// The largest value that is kept, and the most that is read of a peer's answer, in bytes. A larger one is answered
    /// and not kept. Default: an eighth of `max_bytes`, at most 512 KiB. Memory is taken in steps that hold the largest
    /// entry, so a greater bound makes it grow in greater steps.
    pub max_entry_bytes: usize,
    /// What makes room for what. Default: [`Policy::Gdsf`].
    pub policy: Policy,
    /// Seeds the hash of the keys, so that strangers cannot choose keys that collide. Default: 0, the same everywhere.
    pub hash_seed: u64,
    /// How long a copy is fresh, in ms. Default: `None`, for ever.
    pub ttl_ms: Option<u64>,
    /// How long after that a copy is still answered while one load renews it behind, in ms. Default: 0.
    pub stale_while_revalidate_ms: u64,
    /// How long after that a copy is still answered when its load fails, in ms. Default: 0.
    pub stale_if_error_ms: u64,
    /// How long a copy of another peer's value may be kept here, in ms; never longer than the owner's own copy is
    /// fresh. 0 keeps none. Default: `None`, as long as the owner's, and `ttl_ms` where the owner does not say.
    pub hot_ttl_ms: Option<u64>,
    /// How long a caller waits in all, in ms: over peers, loader and everything. Default: 10,000.
    pub deadline_ms: u64,
    /// How long one peer may take, body included, in ms. Default: 2,000. The owner loads while it is asked: a time
    /// shorter than a load takes makes the asker load as well.
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

    /// `ERR_OPTION` for the first option that is out of its range.
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
