//! A pool: this node among its peers, and its groups. A value; two in one process do not know of each other.

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

/// Where a group lies in its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupId(pub u32);

/// The groups of one node and the peers they share.
#[derive(Debug)]
pub struct Pool {
    base_path: Arc<str>,
    wire: &'static dyn Wire,
    peers: Peers,
    groups: Vec<Group>,
    counters: Arc<ExchangeCounters>,
}

impl Pool {
    /// A pool without groups. `ERR_OPTION` for nonsense.
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

    /// Makes a group. `ERR_GROUP_EXISTS` for a name the pool has; else as [`Group::new`].
    pub fn add_group(&mut self, name: &str, options: GroupOptions) -> Result<GroupId, Error> {
        if self.find_group(name).is_some() {
            let message = ["the pool has a group ", &quoted(name), ": make it once and keep it"].concat();
            return Err(Error::new(Code::GroupExists, message));
        }
        self.groups.push(Group::new(name, options)?);
        Ok(GroupId(self.groups.len() as u32 - 1))
    }

    /// The group of that name.
    pub fn find_group(&self, name: &str) -> Option<GroupId> {
        self.groups.iter().position(|group| group.name() == name).map(|at| GroupId(at as u32))
    }

    /// A group, with the peers it may ask.
    pub fn group_mut(&mut self, id: GroupId) -> Option<(&mut Group, &mut Peers)> {
        self.groups.get_mut(id.0 as usize).map(|group| (group, &mut self.peers))
    }

    /// A group to look at.
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(id.0 as usize)
    }

    /// Where peers are asked and answered.
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// How this node speaks with its peers as they are now, under these secrets.
    pub fn exchange(&self, secrets: Vec<Secret>) -> Exchange {
        let ring = self.peers.ring().fingerprint();
        let (base_path, counters) = (self.base_path.clone(), self.counters.clone());
        Exchange { wire: self.wire, base_path, ring, secrets, counters }
    }

    /// How many bytes an answer may have beyond its value.
    pub fn framing_bytes(&self) -> usize {
        self.wire.framing_bytes()
    }

    /// What was counted of the questions and answers.
    pub fn counters(&self) -> &ExchangeCounters {
        &self.counters
    }

    /// The peers.
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// The peers, to change them.
    pub fn peers_mut(&mut self) -> &mut Peers {
        &mut self.peers
    }
}
