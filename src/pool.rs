//! A pool: this node among its peers, and its groups. A value; two in one process do not know of each other.

use std::sync::Arc;

use crate::error::{Code, Error};
use crate::group::Group;
use crate::options::{GroupOptions, PoolOptions, check_peers, quoted};
use crate::peer::PeerPicker;
use crate::ring::Ring;

/// Where a group lies in its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupId(pub u32);

/// Peers on a ring, this node's name among them: GeeCache's `HTTPPool` without the HTTP.
#[derive(Clone, Debug)]
pub struct Peers {
    self_name: Option<Arc<str>>,
    replicas: u32,
    ring: Ring,
}

impl Peers {
    fn new(options: &PoolOptions) -> Peers {
        let self_name = options.self_name.as_deref().map(Arc::from);
        Peers { self_name, replicas: options.replicas, ring: Ring::new(options.replicas, &options.peers) }
    }

    /// The ring.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The name of the peer that owns `key`, this node's own included; `None` where there are no peers.
    pub fn owner(&self, key: &[u8]) -> Option<&Arc<str>> {
        self.ring.owner(key)
    }

    /// Another list of peers, from the next look-up on. What is in flight ends with the list it began with, and
    /// goes down the ladder of the new one. `ERR_OPTION` for a list that cannot be a ring.
    pub fn set_peers(&mut self, peers: &[String]) -> Result<(), Error> {
        check_peers(peers)?;
        self.ring = Ring::new(self.replicas, peers);
        Ok(())
    }
}

impl PeerPicker for Peers {
    fn pick_peer(&self, key: &[u8], rank: u32) -> Option<Arc<str>> {
        let peer = match rank {
            0 => self.ring.owner(key),
            _ => self.ring.owners(key).nth(rank as usize),
        };
        peer.filter(|&peer| Some(peer) != self.self_name.as_ref()).cloned()
    }
}

/// The groups of one node and the peers they share.
#[derive(Debug)]
pub struct Pool {
    base_path: Box<str>,
    peers: Peers,
    groups: Vec<Group>,
}

impl Pool {
    /// A pool without groups. `ERR_OPTION` for nonsense.
    pub fn new(options: &PoolOptions) -> Result<Pool, Error> {
        options.check()?;
        let base_path = options.base_path.as_str().into();
        Ok(Pool { base_path, peers: Peers::new(options), groups: Vec::new() })
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
    pub fn group_mut(&mut self, id: GroupId) -> Option<(&mut Group, &Peers)> {
        self.groups.get_mut(id.0 as usize).map(|group| (group, &self.peers))
    }

    /// A group to look at.
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(id.0 as usize)
    }

    /// Where peers are asked and answered.
    pub fn base_path(&self) -> &str {
        &self.base_path
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
