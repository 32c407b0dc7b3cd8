//! A byte store with a budget: byte values under byte keys, in dense memory, with two eviction policies.
//!
//! The store has no clock, no randomness and no threads. It holds no pointers, and asks the allocator for equal segments only.
//!
//! # Rooms
//!
//! * `arena/`: records in segments of memory. It appends, frees and compacts them, and knows none of the others.
//! * `index/`: from the hash of a key to its record. Its pages are records of the arena.
//! * `eviction/`: which entry makes room for another, and whether a new entry is admitted. An interface with a file per policy.
//!
//! [`Store`] joins the three: `lookup` (a hit), `insert` (admission, insertion, removal) and `space` (room for a record). `budget`
//! divides the bytes, `trace_replay` sizes a cache from a trace.
//!
//! # Policies
//!
//! [`Policy::Lru`] evicts the entry that was used least recently, exactly.
//!
//! [`Policy::Gdsf`], the default, gives each entry a priority, `clock + uses^power / size^1.5`, evicts the lowest, and advances the
//! clock to it. An unused entry thus ages until the clock overtakes it. It keeps ghosts of evicted keys, so that a returning key continues
//! its use count; it rejects a candidate whose priority is lower than its victim's; and it tunes the power by the rates at which ghosts
//! return, so that old merit does not protect entries that are no longer used. A hit sets one bit, and a burst of hits counts as one use.
//!
//! Its weak spots: a loop over more keys than fit, which it does not recognise (neither does `lru`), and very small caches whose
//! popular keys change within few requests. The example `replay` compares both policies on a trace.
//!
//! Sources: GreedyDual-Size-Frequency (Cherkasova 1998); ghosts as in ARC (Megiddo and Modha 2003) and S3-FIFO (Yang and others 2023);
//! admission as in TinyLFU (Einziger and others 2017); the sweep as in CLOCK (Corbató 1969); timing wheels (Varghese and Lauck 1987). The
//! tuning is our own.
//!
//! # Layout in memory
//!
//! A record has a header of four bytes or more: the slot of the policy, the use count with the caller's flags, and the lengths of key
//! and value. An expiry time adds six bytes, and `lru` a prefix of seven. The index takes a cell of a bucket per entry: a byte of the hash
//! and the address. With `gdsf`, its pages also hold the ghosts, two bytes each.
//!
//! Records and pages lie side by side in the segments. A new record is appended to the open segment, and a removed one is only marked as
//! free. When no segment has room at its end, the emptiest one is compacted; for a record too large for that, other records are moved out
//! of its way first. Only when no segment is empty enough does an entry have to be evicted. A sweep takes its victims from one segment
//! after the other, so compaction finds most of its free bytes in one segment, and nearly all of the budget stays in use.
//!
//! # Costs
//!
//! A hit hashes the key and reads one bucket, which is a cache line, and the record up to the end of its key. The code is short, so that
//! the loads of consecutive hits overlap in the processor. An insert into a full store evicts, and compacts some bytes for each of its own.
//! The index grows by one page at a time, so no insert waits for a rehash of the whole.
//!
//! If the allocator refuses a segment, that insert fails with [`Rejected::NoMemory`], and the reserved memory becomes the budget.
//!
//! `docs/store.md` in the repository has the figures: bytes per entry, costs, and the share of each part of `gdsf` in its hit ratio.

mod arena;
mod budget;
mod eviction;
mod index;
mod insert;
mod lookup;
mod options;
mod space;
#[cfg(test)]
mod tests;
mod trace_replay;
#[cfg(any(test, fuzzing, feature = "validate"))]
mod validate;

pub use crate::base::check::MAX_KEY_BYTES;
use arena::Arena;
use budget::Budget;
use eviction::Eviction;
use index::Index;
pub use lookup::EntryRef;
pub use options::{Found, MAX_MAX_BYTES, MIN_MAX_BYTES, Meta, Policy, Rejected, StoreError, StoreOptions};

/// Byte values under byte keys, within a budget of memory. See the [module](self).
///
/// ```
/// # use geecache_edge::store::{Meta, Store, StoreOptions};
/// let mut store = Store::new(StoreOptions { max_bytes: 1 << 20, ..StoreOptions::default() })?;
/// store.insert(b"answer", b"42", Meta { expires_at_ms: u64::MAX, flags: 0 }).ok();
/// assert_eq!(store.get(b"answer").map(|found| found.value), Some(&b"42"[..]));
/// # Ok::<(), geecache_edge::store::StoreError>(())
/// ```
pub struct Store {
    arena: Arena,
    index: Index,
    eviction: Eviction,
    max_bytes: usize,
    max_entry_bytes: usize,
    len: usize,
    payload: usize,
    evictions: u64,
    rejections: u64,
    /// Weight of all entries: their bytes, or the weights given to a [trace replay](Self::weighing).
    weight: u64,
    /// Limit of the weight in a trace replay.
    max_weight: Option<u64>,
}

impl Store {
    /// An empty store. Allocates nothing before the first insert.
    ///
    /// # Errors
    ///
    /// [`StoreError::MaxBytes`] or [`StoreError::MaxEntryBytes`] for an option outside its range.
    pub fn new(options: StoreOptions) -> Result<Store, StoreError> {
        let budget = Budget::new(&options)?;
        let eviction = Eviction::new(options.policy);
        let arena = Arena::new(budget.segment_len, budget.segments, eviction.prefix());
        Ok(Store {
            index: Index::new(arena.addr_bits(), options.max_bytes, options.hash_seed),
            arena,
            eviction,
            max_bytes: options.max_bytes,
            max_entry_bytes: budget.max_entry_bytes,
            len: 0,
            payload: 0,
            evictions: 0,
            rejections: 0,
            weight: 0,
            max_weight: None,
        })
    }

    /// Removes all entries and ghosts, forgets all that the policy learned, and returns all segments to the allocator. The counters of
    /// evictions and rejections stay.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.index.clear();
        self.eviction.clear();
        (self.len, self.payload, self.weight) = (0, 0, 0);
    }

    /// The number of entries, expired ones included: the store has no clock.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the store has no entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of all keys and values.
    pub fn payload_bytes(&self) -> usize {
        self.payload
    }

    /// Bytes of keys, values and bookkeeping in use.
    pub fn used_bytes(&self) -> usize {
        self.arena.live_bytes() + self.bytes_outside_arena()
    }

    /// Bytes taken from the allocator. At most [`max_bytes`](Self::max_bytes).
    pub fn reserved_bytes(&self) -> usize {
        self.arena.reserved_bytes() + self.bytes_outside_arena()
    }

    fn bytes_outside_arena(&self) -> usize {
        size_of::<Store>() + self.index.directory_bytes()
    }

    /// The budget in bytes, as given in [`StoreOptions::max_bytes`].
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Bytes of the largest value that the store accepts.
    pub fn max_entry_bytes(&self) -> usize {
        self.max_entry_bytes
    }

    /// The eviction policy.
    pub fn policy(&self) -> Policy {
        self.eviction.policy()
    }

    /// Entries evicted since the store was created. Removals and replaced values do not count.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Inserts that failed with [`Rejected`] since the store was created.
    pub fn rejections(&self) -> u64 {
        self.rejections
    }
}

/// Sizes only: the entries may be secret, and are many.
impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Store");
        shown.field("policy", &self.policy()).field("len", &self.len);
        shown.field("used_bytes", &self.used_bytes()).field("max_bytes", &self.max_bytes).finish()
    }
}
