//! The options of a pool, with their defaults and ranges.

use crate::base::check::{check_range, invalid_option};
use crate::base::error::Error;
use crate::ring::Placement;
use crate::wire::{Geecache, Wire};

/// The peers, the ring and the wire between them.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// This node's own name among the peers. Default: `None`, a node that owns no key.
    pub self_name: Option<String>,
    /// The names of all peers, this node's included, in the same order on every node. Default: none.
    pub peers: Vec<String>,
    /// Points per peer on the ring, equal on every node. Default: 50, as in GeeCache.
    pub replicas: u32,
    /// The placement of the points, equal on every node. Default: `None`, the placement of the wire's Go peers.
    pub placement: Option<Placement>,
    /// The path prefix of peer requests; begins and ends with "/". Default: `None`, the wire's: `/_geecache/` or
    /// `/_groupcache/`.
    pub base_path: Option<String>,
    /// The protocol between the peers, equal on every node. Default: [`Geecache`].
    pub wire: &'static dyn Wire,
    /// Seeds the jitter of the circuit breakers' cool-downs; different on each node. Default: 0.
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
    /// The path prefix of peer requests: the option, else the wire's.
    pub fn base_path(&self) -> &str {
        self.base_path.as_deref().unwrap_or(self.wire.base_path())
    }

    /// The placement of the points: the option, else the wire's.
    pub fn placement(&self) -> Placement {
        self.placement.unwrap_or(self.wire.placement())
    }

    /// Returns `ERR_OPTION` for the first option out of its range.
    pub fn check(&self) -> Result<(), Error> {
        check_range("replicas", u64::from(self.replicas), 1, 1_000)?;
        check_peers(&self.peers)?;
        if self.self_name.as_deref() == Some("") {
            return Err(invalid_option("self", "is empty: omit it for a node that owns no key"));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
        let path = self.base_path();
        if path.len() < 2 || !path.starts_with('/') || !path.ends_with('/') || !path.bytes().all(plain) {
            return Err(invalid_option(
                "basePath",
                "must begin and end with \"/\", with letters, digits, - and _ between",
            ));
        }
        Ok(())
    }
}

/// Returns `ERR_OPTION` for a list of peers that is too long or contains an empty name.
pub(crate) fn check_peers(peers: &[String]) -> Result<(), Error> {
    check_range("peers.length", peers.len() as u64, 0, 10_000)?;
    match peers.iter().any(String::is_empty) {
        true => Err(invalid_option("peers", "holds an empty name: give every peer a name")),
        false => Ok(()),
    }
}
