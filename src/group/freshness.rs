//! Freshness: every decision on the lifetime of a copy.
//!
//! A copy is **fresh** until it expires, then **stale**. A stale copy is served for `stale_while_revalidate_ms` while
//! one load refreshes it, and for `stale_if_error_ms` if that load fails. A **hot copy**, of a key that another peer
//! owns, expires no later than the owner's own copy. Source of both windows: RFC 5861.

use crate::base::mutants::{self, Mutant};
use crate::base::time::{Millis, NEVER};
use crate::group::options::GroupOptions;
use crate::store::Meta;

/// Flag of a hot copy in [`Meta::flags`].
const HOT: u8 = 1;

/// True if the copy has not expired.
pub(super) fn is_fresh(meta: &Meta, now: Millis) -> bool {
    now < meta.expires_at_ms
}

impl GroupOptions {
    /// True if an expired copy may be served while a load refreshes it.
    pub(super) fn serves_while_revalidating(&self, meta: &Meta, now: Millis) -> bool {
        let window_ms = self.stale_while_revalidate_ms << u32::from(mutants::active(Mutant::StaleTooLong));
        now < meta.expires_at_ms.saturating_add(window_ms)
    }

    /// True if the copy may be served in place of an error.
    pub(super) fn serves_on_error(&self, meta: &Meta, now: Millis) -> bool {
        now < meta.expires_at_ms.saturating_add(self.stale_if_error_ms)
    }

    /// The lifetime of a value that this node loaded or was given: `ttl_ms`, or `fresh_ms` if that is shorter.
    pub(super) fn own_copy(&self, now: Millis, fresh_ms: Option<u64>) -> Meta {
        expiring(now, shorter(self.ttl_ms, fresh_ms), 0)
    }

    /// The lifetime of a value that a peer returned, fresh there for another `fresh_ms`. `None` if it is zero.
    ///
    /// A Go peer does not report how long its copy is fresh. `ttl_ms` then bounds the hot copy, so that it does not
    /// outlive a value that this node would load itself.
    pub(super) fn hot_copy(&self, now: Millis, fresh_ms: Option<u64>) -> Option<Meta> {
        let lifetime_ms = match mutants::active(Mutant::HotTooLong) {
            true => self.ttl_ms,
            false => shorter(self.hot_ttl_ms.or(self.ttl_ms), fresh_ms),
        };
        (lifetime_ms != Some(0)).then(|| expiring(now, lifetime_ms, HOT))
    }
}

fn expiring(now: Millis, lifetime_ms: Option<u64>, flags: u8) -> Meta {
    Meta { expires_at_ms: lifetime_ms.map_or(NEVER, |ms| now.saturating_add(ms)), flags }
}

/// The shorter of two lifetimes; `None` is unlimited.
fn shorter(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
