//! A pool: a node among its peers. It owns the node's groups, its ring and its circuit breakers.
//!
//! A pool is a value. Two pools in one process are independent: nothing here is process-wide.

pub(crate) mod breaker;
pub mod options;
mod peers;

use std::sync::Arc;

use crate::base::error::{Code, Error};
use crate::base::text::quoted;
use crate::group::Group;
use crate::group::options::GroupOptions;
use crate::wire::{Exchange, ExchangeCounters, Secret, Wire};

use options::PoolOptions;
pub use peers::Peers;

/// Identifies a group in its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupId(pub u32);

/// A node: its groups, and the peers they share.
#[derive(Debug)]
pub struct Pool {
    base_path: Arc<str>,
    wire: &'static dyn Wire,
    peers: Peers,
    groups: Vec<Group>,
    counters: Arc<ExchangeCounters>,
}

impl Pool {
    /// Creates a pool without groups. Error: `ERR_OPTION` for an option out of its range.
    pub fn new(options: &PoolOptions) -> Result<Pool, Error> {
        options.check()?;
        let base_path = options.base_path().into();
        Ok(Pool {
            base_path,
            wire: options.wire,
            peers: Peers::new(options),
            groups: Vec::new(),
            counters: Arc::default(),
        })
    }

    /// Creates a group. Errors: `ERR_GROUP_EXISTS` if the pool has a group of that name; else as [`Group::new`].
    pub fn add_group(&mut self, name: &str, options: GroupOptions) -> Result<GroupId, Error> {
        if self.find_group(name).is_some() {
            let message =
                ["the pool has a group ", &quoted(name), ": create each group once and reuse it"].concat();
            return Err(Error::new(Code::GroupExists, message));
        }
        self.groups.push(Group::new(name, options)?);
        Ok(GroupId(self.groups.len() as u32 - 1))
    }

    /// Finds the group of that name.
    pub fn find_group(&self, name: &str) -> Option<GroupId> {
        self.groups.iter().position(|group| group.name() == name).map(|at| GroupId(at as u32))
    }

    /// Returns a group, mutable, with the peers it may ask.
    pub fn group_mut(&mut self, id: GroupId) -> Option<(&mut Group, &mut Peers)> {
        self.groups.get_mut(id.0 as usize).map(|group| (group, &mut self.peers))
    }

    /// Returns a group.
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(id.0 as usize)
    }

    /// The path prefix of peer requests.
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// The exchange with the current peers, signed with the first of the secrets and accepting any of them.
    pub fn exchange(&self, secrets: Vec<Secret>) -> Exchange {
        let ring = self.peers.ring().fingerprint();
        let (base_path, counters) = (self.base_path.clone(), self.counters.clone());
        Exchange { wire: self.wire, base_path, ring, secrets, counters }
    }

    /// The largest number of bytes that a response adds to its value.
    pub fn framing_bytes(&self) -> usize {
        self.wire.framing_bytes()
    }

    /// The counters of peer requests and responses.
    pub fn counters(&self) -> &ExchangeCounters {
        &self.counters
    }

    /// The peers.
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// The peers, mutable.
    pub fn peers_mut(&mut self) -> &mut Peers {
        &mut self.peers
    }
}
