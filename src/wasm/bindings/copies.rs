//! This node's copies, as its callers read and change them, and the counters.

use wasm_bindgen::prelude::*;

use super::{Core, options, thrown};
use crate::base::time::Millis;
use crate::group::Group;
use crate::pool::GroupId;
use crate::protocol::{InjectedTrap, MAX_CHANGE_FRAMING_BYTES, POOL_COUNTERS, PoolCounter, Staged, Step};

#[wasm_bindgen]
impl Core {
    /// Makes room for bytes on their way in, for the purpose that `Staged` names. Returns its address; 0 if
    /// they are too many for the group, if there is no memory, or for an unknown purpose.
    pub fn stage(&mut self, group: u32, bytes: usize, purpose: u32) -> usize {
        self.staged = Vec::new();
        let (Some(group), Ok(purpose)) = (self.pool.group(GroupId(group)), Staged::try_from(purpose)) else {
            return 0;
        };
        let framing_bytes = match purpose {
            Staged::Value => 0,
            Staged::Response => self.pool.framing_bytes(),
            Staged::Change => MAX_CHANGE_FRAMING_BYTES,
        };
        let max_bytes = group.options().max_entry_bytes.saturating_add(framing_bytes);
        if bytes > max_bytes || self.staged.try_reserve_exact(bytes.max(1)).is_err() {
            return 0;
        }
        self.staged.resize(bytes, 0);
        self.staged.as_ptr() as usize
    }

    /// `Hit` with the fresh copy of the key, or `Done`. Does not count as a use.
    pub fn peek(&mut self, group: u32, key_bytes: usize, now: f64) -> u32 {
        let (key, now) = (self.scratch.key(key_bytes), now as Millis);
        let found = self.pool.group(GroupId(group)).and_then(|group| group.peek(key, now));
        let step = match found {
            Some(found) => {
                self.scratch.show_found(found, now);
                Step::Hit
            }
            None => Step::Done,
        };
        step as u32
    }

    /// Caches the staged value, or counts one that could not be staged. Returns whether it was cached.
    pub fn set(&mut self, group: u32, key_bytes: usize, now: f64, is_staged: bool) -> Result<bool, JsValue> {
        let (key, staged) = (self.scratch.key(key_bytes), std::mem::take(&mut self.staged));
        let Some((group, _)) = self.pool.group_mut(GroupId(group)) else { return Ok(false) };
        group.set_for(key, (is_staged.then_some(&*staged), None), now as Millis).map_err(thrown)
    }

    /// Removes a key. Returns whether there was a copy.
    pub fn remove(&mut self, group: u32, key_bytes: usize) -> bool {
        let key = self.scratch.key(key_bytes);
        self.pool.group_mut(GroupId(group)).is_some_and(|(group, _)| group.remove(key))
    }

    /// Removes every key of a group.
    pub fn clear(&mut self, group: u32) {
        self.with(group, Group::clear);
    }

    /// Writes a group's counters, then the pool's, as float64 where a key is written. Returns how many.
    pub fn stats(&mut self, group: u32) -> usize {
        self.trap_if(InjectedTrap::Stats);
        let stats = self.pool.group(GroupId(group)).map(Group::stats).unwrap_or_default();
        let counters = self.pool.counters();
        let of_pool = POOL_COUNTERS.map(|(_, counter)| match counter {
            PoolCounter::Unauthorized => counters.unauthorized(),
            PoolCounter::RingMismatches => counters.ring_mismatches(),
            PoolCounter::OpenBreakers => self.pool.peers().open_breakers() as u64,
        });
        self.scratch.write_counts(stats.counts().chain(of_pool))
    }

    /// The name of the peer that owns the key in the scratch area.
    pub fn owner(&self, key_bytes: usize) -> Option<String> {
        let key = self.scratch.key(key_bytes);
        self.pool.peers().owner(key).map(|peer| String::from(&**peer))
    }

    /// Replaces the list of peers.
    #[wasm_bindgen(js_name = setPeers)]
    pub fn set_peers(&mut self, peers: &JsValue) -> Result<(), JsValue> {
        let peers = options::peers(peers)?;
        self.pool.peers_mut().set_peers(&peers).map_err(thrown)
    }
}
