//! A pool's options, their defaults, and what is refused by name.

use crate::base::check::{check_range, invalid_option};
use crate::base::error::Error;
use crate::ring::Placement;
use crate::wire::{Geecache, Wire};

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
        check_range("replicas", u64::from(self.replicas), 1, 1_000)?;
        check_peers(&self.peers)?;
        if self.self_name.as_deref() == Some("") {
            return Err(invalid_option("self", "is empty: leave it out for a node that owns nothing"));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
        let path = self.base_path();
        if path.len() < 2 || !path.starts_with('/') || !path.ends_with('/') || !path.bytes().all(plain) {
            return Err(invalid_option(
                "basePath",
                "must begin and end with \"/\" and hold letters, digits, - and _ between",
            ));
        }
        Ok(())
    }
}

/// `ERR_OPTION` for a list of peers that cannot be a ring.
pub(crate) fn check_peers(peers: &[String]) -> Result<(), Error> {
    check_range("peers.length", peers.len() as u64, 0, 10_000)?;
    match peers.iter().any(String::is_empty) {
        true => Err(invalid_option("peers", "holds an empty name: give every peer a name")),
        false => Ok(()),
    }
}
