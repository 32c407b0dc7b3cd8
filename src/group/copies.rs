//! A group's cached copies, read and changed without a lookup: `peek`, `set`, `remove`, `clear`. None of them loads a
//! key or asks a peer.

use super::Group;
use crate::base::check::check_key;
use crate::base::error::Error;
use crate::base::time::Millis;
use crate::group::freshness::is_fresh;
use crate::store::Found;

impl Group {
    /// Returns the fresh copy of `key`, or `None`. Does not count as a use, and never loads.
    pub fn peek(&self, key: &[u8], now: Millis) -> Option<Found<'_>> {
        self.store.peek(key).filter(|found| is_fresh(&found.meta, now))
    }

    /// Stores a value as this node's own for `ttl_ms`, and invalidates the loads of the key that began before.
    /// Returns false if the value was rejected: too large, not admitted, or no memory. Error: `ERR_KEY`.
    pub fn set(&mut self, key: &[u8], value: &[u8], now: Millis) -> Result<bool, Error> {
        self.set_for(key, (Some(value), None), now)
    }

    /// Like [`set`](Self::set), for a value and its lifetime in ms; `ttl_ms` applies if that is shorter. A value of
    /// `None`, one that the caller had no memory to hand over, is counted as rejected.
    pub fn set_for(
        &mut self,
        key: &[u8],
        value: (Option<&[u8]>, Option<u64>),
        now: Millis,
    ) -> Result<bool, Error> {
        check_key(key)?;
        self.flights.invalidate(key);
        let meta = self.options.own_copy(now, value.1);
        Ok(self.insert(key, value.0, meta))
    }

    /// Removes `key` here and invalidates its loads in flight: their values reach the callers that wait, and are not
    /// stored. Returns true if a copy was here.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        self.flights.invalidate(key);
        self.store.remove(key)
    }

    /// Removes every key here, as [`remove`](Self::remove) does one.
    pub fn clear(&mut self) {
        self.flights.invalidate_all();
        self.store.clear();
    }
}
