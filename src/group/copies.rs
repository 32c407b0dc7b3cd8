//! The copies a node has of a group's values, as its callers see and change them. None of it loads or asks.

use super::Group;
use crate::base::check::check_key;
use crate::base::error::Error;
use crate::base::time::{Millis, NEVER};
use crate::store::{Found, Meta};

impl Group {
    /// The copy of `key` that is here and fresh, without counting as a use, or `None`. Never loads.
    pub fn peek(&self, key: &[u8], now: Millis) -> Option<Found<'_>> {
        self.store.peek(key).filter(|found| now < found.meta.expires_at_ms)
    }

    /// Puts a value here as this node's own. A load of the key that is under way does not undo it. False where the
    /// value was not kept: too large, not admitted, or no memory.
    pub fn set(&mut self, key: &[u8], value: &[u8], now: Millis) -> Result<bool, Error> {
        self.set_for(key, (Some(value), None), now)
    }

    /// The same for a value that is fresh for so many ms, where `ttl_ms` is not shorter; `None` is a value that there was no room
    /// to hand over.
    pub fn set_for(
        &mut self,
        key: &[u8],
        value: (Option<&[u8]>, Option<u64>),
        now: Millis,
    ) -> Result<bool, Error> {
        check_key(key)?;
        self.flights.invalidate(key);
        let fresh_ms = shorter(self.options.ttl_ms, value.1);
        let expires_at_ms = fresh_ms.map_or(NEVER, |ms| now.saturating_add(ms));
        Ok(self.keep(key, value.0, Meta { expires_at_ms, flags: 0 }))
    }

    /// Forgets `key` here. A load of it that is under way is answered to those who wait and not kept.
    /// True where a copy was here.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        self.flights.invalidate(key);
        self.store.remove(key)
    }

    /// Forgets everything here, as [`remove`](Self::remove) does for each key.
    pub fn clear(&mut self) {
        self.flights.invalidate_all();
        self.store.clear();
    }
}

/// The shorter of two times, where `None` is for ever.
pub(super) fn shorter(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
