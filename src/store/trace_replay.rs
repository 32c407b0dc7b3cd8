//! Trace replay: a store that counts weights instead of bytes, for sizing a cache with the code that will run.

use super::{Meta, Rejected, Store, StoreError, StoreOptions};

impl Store {
    /// A store whose entries have weights instead of values: `max_weight` limits their sum, in the unit of the weights. `max_bytes` in
    /// the options must be enough for the keys, and has no other influence.
    ///
    /// # Errors
    ///
    /// As [`Store::new`].
    pub fn weighing(options: StoreOptions, max_weight: u64) -> Result<Store, StoreError> {
        let mut store = Store::new(options)?;
        // As many ghosts as in a store of that many bytes.
        store.index.limit_pages(max_weight.try_into().unwrap_or(usize::MAX));
        Ok(Store { max_weight: Some(max_weight), ..store })
    }

    /// Inserts a key with a weight into a [weighing](Store::weighing) store, and returns how many other entries were evicted for it.
    ///
    /// # Errors
    ///
    /// As [`Store::insert`]; [`Rejected::TooLarge`] for a weight above the limit.
    pub fn insert_weighing(&mut self, key: &[u8], weight: u32) -> Result<usize, Rejected> {
        let meta = Meta { expires_at_ms: u64::MAX, flags: 0 };
        self.insert_weighted(key, &weight.to_le_bytes(), meta, Some(weight))
    }

    /// An empty store without one part of the policy `gdsf`: `size`, `uses`, `age`, `ghosts`, `tuning`, `admission` or `bursts`. `None`
    /// for another name.
    #[cfg(feature = "ablation")]
    pub fn without(mut self, part: &str) -> Option<Store> {
        self.eviction.ablate(part).then_some(self)
    }
}
