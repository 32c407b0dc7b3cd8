//! A store that weighs instead of keeping, and without some of its parts: for sizing and for study.

use super::index::resize;
use super::{Meta, Rejected, Store, StoreError, StoreOptions};
use crate::store::eviction::ablation::Parts;

impl Store {
    /// A store that weighs instead of keeping: `max_weight` bounds the sum of the weights given to [`Store::insert_weighing`], and
    /// `max_bytes` has only to be enough for the keys. For sizing a cache from a trace with the very code that will run.
    pub fn weighing(options: StoreOptions, max_weight: u64) -> Result<Store, StoreError> {
        let store = Store::new(options)?;
        // It remembers no more keys than a store of that many bytes would.
        let page_base = store.page_base.min(resize::page_base(max_weight.try_into().unwrap_or(usize::MAX)));
        Ok(Store { max_weight: Some(max_weight), page_base, ..store })
    }

    /// An entry without a value that counts for `weight`, in a [weighing](Store::weighing) store.
    pub fn insert_weighing(&mut self, key: &[u8], weight: u32) -> Result<usize, Rejected> {
        self.insert_counted(
            key,
            &weight.to_le_bytes(),
            Meta { expires_at_ms: u64::MAX, flags: 0 },
            Some(weight),
        )
    }

    #[cfg(not(feature = "ablation"))]
    #[inline(always)]
    pub(super) fn parts(&self) -> Parts {
        Parts::ALL
    }

    #[cfg(feature = "ablation")]
    #[inline(always)]
    pub(super) fn parts(&self) -> Parts {
        self.parts
    }

    /// The same store, empty as yet, without the part of the default policy that bears this name.
    #[cfg(feature = "ablation")]
    pub fn without(self, part: &str) -> Option<Store> {
        Some(Store { parts: Parts::without(part)?, ..self })
    }
}
