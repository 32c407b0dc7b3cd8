//! A store of byte values under byte keys: dense, true to its budget, and choosy about what it keeps.
//!
//! It has no clock, no randomness and no threads, asks the allocator for nothing but equal segments, and holds no pointer.
//!
//! # What it keeps
//!
//! [`Policy::Lru`] drops what was used least recently, exactly. [`Policy::Gdsf`], the default, gives every entry a **rank** and drops
//! the least: `rank = clock + uses^power / size^1.5`, where the clock stands at the rank of whatever went last. An entry that is not
//! used is overtaken by the clock in time; how soon depends on what it is worth by the byte. Around this, four things:
//!
//! * Keys that went are **remembered** with their count of uses, two bytes each, so that one which comes back does not begin at one. Of
//!   the count a seventh is forgotten, so that coming back is not by itself a way up.
//! * An entry worth less than what would have to go for it is **refused**, remembered, and moves the clock on by its worth, as though it
//!   had been taken and dropped at once.
//! * The power, 1.5 at first and from 0 to 2, is **learned**: if of the keys that went those used often come back more than those used
//!   once, uses are made to count for more; if less, for less. So what was busy and is dead does not stay on old merit.
//! * A use is only noted, a bit in the entry, and counted when eviction meets it: a **burst** is one use, and a hit writes at most a byte.
//!
//! A rank is one byte in the entry, a slot of a timing wheel, and nothing lists the entries of a slot: when something must go,
//! a sweep through memory goes on from where the last one ended, until it meets an entry that is due. Some are always due, one of 128 or
//! the next slot, so that is not far. `lru` keeps a list instead.
//!
//! It descends from GreedyDual-Size-Frequency (Cherkasova 1998); the memory of evicted keys is in the manner of ARC's and S3-FIFO's ghosts
//! (Megiddo and Modha 2003, Yang and others 2023), the refusal in that of TinyLFU (Einziger and others 2017), the sweep in that of CLOCK
//! (Corbató 1969). The learning is our own.
//!
//! What each part earns: mean hit ratio of objects over twelve points (a client's web log, a web server's, a container registry's, a
//! database's, each at 0.1, 1 and 10 % of its footprint), the same with a part turned off, and of bytes against `lru` over the sized logs.
//!
//! | | objects | bytes, against `lru` |
//! |---|--:|--:|
//! | all of it | 51.6 | +0.7 |
//! | without size | 48.2 | +3.8 |
//! | without uses | 47.3 | -2.8 |
//! | without the clock | 49.6 | -2.1 |
//! | without remembering | 50.6 | -1.1 |
//! | without learning | 51.4 | +0.2 |
//! | without refusal | 50.0 | +1.2 |
//! | counting every use | 51.5 | +1.1 |
//! | `lru` | 41.2 | 0 |
//! | the best of fourteen published policies, chosen anew at each point | 50.9 | |
//!
//! (`cargo run --release --features ablation --example replay -- --without size ...`; that bursts count once makes a hit cheap.) What
//! learning earns shows on other traces. On 57 points of nineteen others, 42 of them with fewer than 1,000 objects cached, the least
//! lead over `lru` was -2.2 points with it and -18.0 without, the mean lead +3.6 and +3.0 (its constants were chosen with these in view,
//! but half or twice of each gives nearly the same). Where objects are busy for a while and then never again, and there are just as
//! many places as busy objects, it loses 1 to 3.6 points to `lru` while it learns, and without learning 5 to 11.
//!
//! Where it is weak: a loop wider than the cache, which nothing here recognises (neither does `lru`), and a cache of some forty objects
//! whose popularity changes within hundreds of requests. The `replay` example tells whether `lru` would be better for a load.
//!
//! # How it lies in memory
//!
//! | what | bytes an entry |
//! |---|--:|
//! | record: rank 1; uses and flags 1; lengths 2 or more | 4 |
//! | in an `lru` store two links, of which the rank's byte is a part | 7 |
//! | when it expires, in those that do | 6 |
//! | index: a line of 64 bytes for 15 cells (12 in the largest budgets), 70–87 % of them in use | 4.9–6.1 |
//! | remembered keys, in a store of the default policy once there are any | 1.2–2.4 |
//!
//! 300,000 entries of 29 + 100 bytes take 9.6 bytes each beyond these, or 15.6 if they expire. Records and the pages of the index
//! lie side by side in segments of half a mebibyte or a bit more (an eighth of a small budget, a mebibyte from 128 on, and always enough
//! for the largest entry). They are appended to the open segment; what is freed is only marked; and when nothing has room, the emptiest
//! segment is slid together, or, for an entry too large for that, some of its records are moved elsewhere first. Only when no segment
//! is a fortieth empty must something go. As a sweep takes what goes from one segment after the other, 95 to 98 % of a full
//! budget of 16 MiB are in use, whatever the sizes, however they shift (the `churn` example prints it), and memory ends at the budget.
//! Outside the segments lie this struct and the directory of the index, which the budget counts.
//!
//! Costs: a hit is a hash, a bucket of the index, which is one line of the processor's cache, and the record from its count of uses to
//! its key's end. It is written to be short: what waits for memory stays in the processor's window (320 instructions, in the one
//! measured), and the more hits fit, the more of their waiting is done at once. An insert into a full store slides some tens of
//! bytes for each of its own. The index grows a page at a time, never all at once.
//!
//! When the allocator refuses a segment, the insert that asked is refused with [`Rejected::NoMemory`] and counted; from then on what is
//! there is the budget.

mod arena;
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
use arena::record::{self, Shape};
use arena::{Addr, Arena};
#[cfg(feature = "ablation")]
use eviction::ablation::Parts;
use eviction::frequency_tuning::FrequencyTuning;
use eviction::lru::{LINKS, LruList};
use eviction::timing_wheel::TimingWheel;
use index::hash::Hasher;
use index::page::{Place, page_len};
use index::{Index, resize};
pub use options::{Found, MAX_MAX_BYTES, MIN_MAX_BYTES, Meta, Policy, Rejected, StoreError, StoreOptions};

/// Where a value lies until the store is next changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRef(Addr, Shape);

/// Bytes under keys, within a budget. See the [module](self).
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
    /// Of the default policy: how many entries go when.
    ranks: TimingWheel,
    /// Of `lru`.
    recency: LruList,
    policy: Policy,
    hasher: Hasher,
    max_bytes: usize,
    max_entry_bytes: usize,
    /// Buckets of the smallest page of the index.
    page_base: usize,
    /// Of the default policy: what the worth of an entry begins at. It moves on to when the last one went, and wraps.
    clock: u32,
    lesson: FrequencyTuning,
    len: usize,
    payload: usize,
    evictions: u64,
    rejections: u64,
    /// In a weighing store, what its entries weigh, and may.
    weight: u64,
    max_weight: Option<u64>,
    /// Something went or was refused, so pages of the index carry ghosts.
    remembers: bool,
    #[cfg(feature = "ablation")]
    parts: Parts,
}

impl Store {
    /// Takes no memory before the first entry.
    pub fn new(options: StoreOptions) -> Result<Store, StoreError> {
        let StoreOptions { max_bytes, max_entry_bytes, policy, hash_seed } = options;
        if !(MIN_MAX_BYTES..=MAX_MAX_BYTES).contains(&max_bytes) {
            return Err(StoreError::MaxBytes);
        }
        if max_entry_bytes > max_bytes {
            return Err(StoreError::MaxEntryBytes);
        }
        let max_entry_bytes =
            if max_entry_bytes == 0 { (max_bytes / 8).min(512 << 10) } else { max_entry_bytes };
        // Outside the segments lie this struct, the list of segments and the directory of the index.
        let page_base = resize::page_base(max_bytes);
        let max_directory = (max_bytes / (64 * page_base)).next_power_of_two();
        let outside = size_of::<Store>() + max_directory * size_of::<Place>();
        let widest = page_len(page_base * 2, page_base * resize::SETS)
            + record::MAX_OVERHEAD
            + 3 * LINKS
            + MAX_KEY_BYTES.min(max_bytes / 64);
        let segment_len =
            (max_bytes / 8).min(512 << 10).max(max_entry_bytes + widest).min(max_bytes - outside);
        // A large budget has segments just below a power of two: where each is a piece of memory by itself, an address wastes nothing.
        let segments = match segment_len.checked_next_power_of_two() {
            Some(rounded) if rounded <= max_bytes / 128 => (max_bytes - outside).div_ceil(rounded),
            _ => (max_bytes - outside) / segment_len,
        };
        // What the division leaves over goes to the segments.
        let prefix = if policy == Policy::Lru { LINKS } else { 0 };
        let arena = Arena::new((max_bytes - outside) / segments, segments, prefix);
        Ok(Store {
            index: Index::new(arena.addr_bits(), max_directory),
            arena,
            ranks: TimingWheel::new(),
            recency: LruList::new(),
            policy,
            hasher: Hasher::new(hash_seed),
            max_bytes,
            max_entry_bytes,
            page_base,
            clock: 0,
            lesson: FrequencyTuning::new(),
            len: 0,
            payload: 0,
            evictions: 0,
            rejections: 0,
            weight: 0,
            max_weight: None,
            remembers: false,
            #[cfg(feature = "ablation")]
            parts: Parts::ALL,
        })
    }

    /// Answers whether there was something under the key.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let found = self.locate(self.hash_of_key(key), key);
        if let Some((addr, _)) = found {
            self.drop_record(addr);
        }
        found.is_some()
    }

    /// Forgets everything and gives all memory back to the allocator. The counters stay.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.index.directory = Vec::new();
        self.index.depth = 0;
        (self.ranks, self.recency) = (TimingWheel::new(), LruList::new());
        self.lesson = FrequencyTuning::new();
        (self.clock, self.len, self.payload, self.weight, self.remembers) = (0, 0, 0, 0, false);
    }

    /// Entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of keys and values.
    pub fn payload_bytes(&self) -> usize {
        self.payload
    }

    /// Bytes of keys, values and bookkeeping in use.
    pub fn used_bytes(&self) -> usize {
        self.arena.live_bytes() + self.overhead_bytes()
    }

    /// Bytes taken from the allocator: never more than `max_bytes`.
    pub fn reserved_bytes(&self) -> usize {
        self.arena.reserved_bytes() + self.overhead_bytes()
    }

    fn overhead_bytes(&self) -> usize {
        size_of::<Store>() + self.index.directory.capacity() * size_of::<Place>()
    }

    /// The budget.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// The largest value that is taken.
    pub fn max_entry_bytes(&self) -> usize {
        self.max_entry_bytes
    }

    /// The policy.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Entries that had to go, since the store was made.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Entries that were not taken, since the store was made.
    pub fn rejections(&self) -> u64 {
        self.rejections
    }
}

/// The sizes alone: what is in it may be secret, and is large.
impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Store");
        shown.field("policy", &self.policy).field("len", &self.len);
        shown.field("used_bytes", &self.used_bytes()).field("max_bytes", &self.max_bytes).finish()
    }
}
