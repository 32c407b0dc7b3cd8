//! A pool: this node among its peers, and its groups. A value; two in one process do not know of each other.

pub(crate) mod breaker;

use std::sync::Arc;

use crate::base::error::{Code, Error};
use crate::base::mutants::{self, Fault};
use crate::base::text::quoted;
use crate::base::time::Millis;
use crate::group::Group;
use crate::group::options::{GroupOptions, PoolOptions, check_peers};
use crate::peer::PeerPicker;
use crate::pool::breaker::Breakers;
use crate::ring::{Placement, Ring};
use crate::wire::{Exchange, Secret, Tally, Wire};

/// Where a group lies in its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupId(pub u32);

/// Peers on a ring, this node's name among them: GeeCache's `HTTPPool` without the HTTP.
#[derive(Clone, Debug)]
pub struct Peers {
    self_name: Option<Arc<str>>,
    placement: Placement,
    replicas: u32,
    ring: Ring,
    breakers: Breakers,
}

impl Peers {
    fn new(options: &PoolOptions) -> Peers {
        let self_name = options.self_name.as_deref().map(Arc::from);
        let (placement, replicas) = (options.placement(), options.replicas);
        let ring = Ring::placed(placement, replicas, &options.peers);
        Peers { self_name, placement, replicas, ring, breakers: Breakers::new(options.seed) }
    }

    /// The ring.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The name of the peer that owns `key`, this node's own included; `None` where there are no peers.
    pub fn owner(&self, key: &[u8]) -> Option<&Arc<str>> {
        self.ring.owner(key)
    }

    /// How many peers are known to be down, and passed over.
    pub fn down(&self) -> usize {
        self.breakers.open()
    }

    /// Another list of peers, from the next look-up on. What is in flight goes on down the ladder by the new one; nobody
    /// waits for a peer that left for longer than a beat. `ERR_OPTION` for a list that cannot be a ring.
    pub fn set_peers(&mut self, peers: &[String]) -> Result<(), Error> {
        check_peers(peers)?;
        self.ring = Ring::placed(self.placement, self.replicas, peers);
        self.breakers.retain(|peer| self.ring.peers().contains(peer));
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

    fn admit(&mut self, peer: &Arc<str>, now: Millis) -> bool {
        self.breakers.admit(peer, now)
    }

    fn heard(&mut self, peer: &Arc<str>, now: Millis, answered: bool) {
        if self.has(peer) {
            self.breakers.heard(peer, now, answered);
        }
    }

    fn has(&self, peer: &Arc<str>) -> bool {
        self.ring.peers().contains(peer) || mutants::is(Fault::LeftPeerAwaited)
    }
}

/// The groups of one node and the peers they share.
#[derive(Debug)]
pub struct Pool {
    base_path: Arc<str>,
    wire: &'static dyn Wire,
    peers: Peers,
    groups: Vec<Group>,
    tally: Arc<Tally>,
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
            tally: Arc::default(),
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
        let ring = self.peers.ring.fingerprint();
        let (base_path, tally) = (self.base_path.clone(), self.tally.clone());
        Exchange { wire: self.wire, base_path, ring, secrets, tally }
    }

    /// How many bytes an answer may have beyond its value.
    pub fn framing_bytes(&self) -> usize {
        self.wire.framing_bytes()
    }

    /// What was counted of the questions and answers.
    pub fn tally(&self) -> &Tally {
        &self.tally
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
