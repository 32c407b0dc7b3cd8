//! Options, their defaults, and what is refused by name.

use crate::base::error::{Code, Error};
use crate::base::text::{decimal, quoted};
use crate::ring::Placement;
use crate::store::{MAX_MAX_BYTES, MIN_MAX_BYTES, Policy};
use crate::wire::{Geecache, Wire};

/// The longest key, in bytes of UTF-8.
pub use crate::store::MAX_KEY_BYTES;

/// How a group keeps its entries and how long it waits.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// The bound on keys, values and bookkeeping together, in bytes. No default: an unbounded cache is refused.
    pub max_bytes: usize,
    /// The largest value that is kept, and the most that is read of a peer's answer, in bytes. A larger one is answered
    /// and not kept. Default: an eighth of `max_bytes`, at most 512 KiB. Memory is taken in steps that hold the largest
    /// entry, so a greater bound makes it grow in greater steps.
    pub max_entry_bytes: usize,
    /// What makes room for what. Default: [`Policy::Worth`].
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
        within("maxBytes", self.max_bytes as u64, MIN_MAX_BYTES as u64, MAX_MAX_BYTES as u64)?;
        within("maxEntryBytes", self.max_entry_bytes as u64, 1, self.max_bytes as u64)?;
        within("ttlMs", self.ttl_ms.unwrap_or(1), 1, MAX_MS)?;
        within("staleWhileRevalidateMs", self.stale_while_revalidate_ms, 0, MAX_MS)?;
        within("staleIfErrorMs", self.stale_if_error_ms, 0, MAX_MS)?;
        within("hotTtlMs", self.hot_ttl_ms.unwrap_or(0), 0, MAX_MS)?;
        within("deadlineMs", self.deadline_ms, 1, MAX_TIMER_MS)?;
        within("peerTimeoutMs", self.peer_timeout_ms, 1, MAX_TIMER_MS)?;
        within("failover", u64::from(self.failover), 0, 16)
    }
}

/// Who the peers are and how they are spoken to.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// This node's own name among the peers. Default: `None`, a node that owns nothing.
    pub self_name: Option<String>,
    /// The peers' names, this node's among them, in the same order on every node. Default: none.
    pub peers: Vec<String>,
    /// Points on the ring for each peer. Default: 50, as in GeeCache; every node must have the same.
    pub replicas: u32,
    /// Where peers lie on the ring; every node must have the same. Default: `None`, as the wire's Go peers have it.
    pub placement: Option<Placement>,
    /// Where peers answer. Default: `None`, the wire's: `/_geecache/` or `/_groupcache/`. Begins and ends with "/".
    pub base_path: Option<String>,
    /// The protocol between the peers; every node must have the same. Default: [`Geecache`].
    pub wire: &'static dyn Wire,
    /// A number of this node's own, from which the jitter of the circuit breakers' cool-downs is drawn. Default: 0.
    pub seed: u64,
}

impl Default for PoolOptions {
    fn default() -> PoolOptions {
        PoolOptions {
            self_name: None,
            peers: Vec::new(),
            replicas: crate::ring::DEFAULT_REPLICAS,
            placement: None,
            base_path: None,
            wire: &Geecache,
            seed: 0,
        }
    }
}

impl PoolOptions {
    /// Where peers answer.
    pub fn base_path(&self) -> &str {
        self.base_path.as_deref().unwrap_or(self.wire.base_path())
    }

    /// Where peers lie on the ring.
    pub fn placement(&self) -> Placement {
        self.placement.unwrap_or(self.wire.placement())
    }

    /// `ERR_OPTION` for the first option that is out of its range.
    pub fn check(&self) -> Result<(), Error> {
        within("replicas", u64::from(self.replicas), 1, 1_000)?;
        check_peers(&self.peers)?;
        if self.self_name.as_deref() == Some("") {
            return Err(refused("self", "is empty: leave it out for a node that owns nothing"));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
        let path = self.base_path();
        if path.len() < 2 || !path.starts_with('/') || !path.ends_with('/') || !path.bytes().all(plain) {
            return Err(refused(
                "basePath",
                "must begin and end with \"/\" and hold letters, digits, - and _ between",
            ));
        }
        Ok(())
    }
}

/// `ERR_OPTION` for a list of peers that cannot be a ring.
pub(crate) fn check_peers(peers: &[String]) -> Result<(), Error> {
    within("peers.length", peers.len() as u64, 0, 10_000)?;
    match peers.iter().any(String::is_empty) {
        true => Err(refused("peers", "holds an empty name: give every peer a name")),
        false => Ok(()),
    }
}

/// `ERR_KEY` for a key that no group can hold.
pub(crate) fn check_key(key: &[u8]) -> Result<(), Error> {
    match key.len() {
        0 => Err(Error::new(Code::Key, "the key is empty: give it at least one character")),
        1..=MAX_KEY_BYTES => Ok(()),
        _ => Err(Error::new(Code::Key, "the key is longer than 65535 bytes: use a digest of it instead")),
    }
}

/// `ERR_GROUP` for a name that no path can carry unchanged.
pub(crate) fn check_group(name: &str) -> Result<(), Error> {
    let why = if name.is_empty() {
        "is empty"
    } else if name.contains('/') {
        "holds \"/\""
    } else if name.bytes().all(|byte| byte == b'.') {
        "is made of dots, which URLs take for a step up"
    } else if name.len() > 255 {
        "is longer than 255 bytes"
    } else {
        return Ok(());
    };
    Err(Error::new(Code::Group, ["the group name ", &quoted(name), " ", why, ": choose another"].concat()))
}

const MAX_MS: u64 = 1 << 42;
/// What a JavaScript timer can wait, about 24 days; one told more fires at once.
const MAX_TIMER_MS: u64 = i32::MAX as u64;

fn within(name: &str, value: u64, least: u64, most: u64) -> Result<(), Error> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let [value, least, most] = [value, least, most].map(decimal);
    Err(refused(name, &["is ", &value, ": give a whole number from ", &least, " to ", &most].concat()))
}

pub(crate) fn refused(option: &str, why: &str) -> Error {
    Error::new(Code::Option, ["the option ", option, " ", why].concat())
}
