//! What a store is asked for, and what it answers.

use std::fmt;
use std::str::FromStr;

/// How a store decides what to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// What was used least recently goes first, exactly.
    Lru,
    /// What is worth least goes first: uses by size, with age, remembered beyond eviction. See the [module](super).
    #[default]
    Gdsf,
}

impl FromStr for Policy {
    type Err = StoreError;

    /// `lru` or `gdsf`.
    fn from_str(name: &str) -> Result<Policy, StoreError> {
        match name {
            "lru" => Ok(Policy::Lru),
            "gdsf" => Ok(Policy::Gdsf),
            _ => Err(StoreError::UnknownPolicy),
        }
    }
}

/// Bounds and manners of a store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Bytes of keys, values and bookkeeping together; at least [`MIN_MAX_BYTES`].
    pub max_bytes: usize,
    /// Bytes of the largest value that is taken; 0 stands for an eighth of `max_bytes`, at most 512 KiB.
    /// Memory is taken in segments that must hold the largest entry: a greater bound makes it grow in greater steps.
    pub max_entry_bytes: usize,
    /// What makes room for what.
    pub policy: Policy,
    /// Seeds the hash of the keys. A host whose keys come from strangers sets it to something they cannot know.
    pub hash_seed: u64,
}

impl Default for StoreOptions {
    /// 16 MiB, the default policy, a fixed seed.
    fn default() -> StoreOptions {
        StoreOptions { max_bytes: 16 << 20, max_entry_bytes: 0, policy: Policy::default(), hash_seed: 0 }
    }
}

/// Least budget a store works with.
pub const MIN_MAX_BYTES: usize = 8 << 10;
/// Greatest budget: what an address reaches.
pub const MAX_MAX_BYTES: usize = 2 << 30;

/// Why there is no such store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// `max_bytes` is below [`MIN_MAX_BYTES`] or beyond what an address reaches (2 GiB).
    MaxBytes,
    /// `max_entry_bytes` is more than `max_bytes`.
    MaxEntryBytes,
    /// A policy is called `lru` or `gdsf`.
    UnknownPolicy,
}

impl StoreError {
    /// What is wrong, in words.
    pub fn message(self) -> &'static str {
        match self {
            StoreError::MaxBytes => "a store cannot be made: max_bytes must be from 8 KiB to 2 GiB",
            StoreError::MaxEntryBytes => "a store cannot be made: max_entry_bytes is more than max_bytes",
            StoreError::UnknownPolicy => "no such policy: give `lru` or `gdsf`",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for StoreError {}

/// What is kept beside a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// In milliseconds of the caller's clock; `u64::MAX` is never. Exact up to 2^48 - 2, and clamped to that beyond.
    pub expires_at_ms: u64,
    /// The caller's own marks: two bits. What is above them is not kept.
    pub flags: u8,
}

/// A value in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The bytes.
    pub value: &'a [u8],
    /// What is kept beside them.
    pub meta: Meta,
}

/// Why an entry was not taken. Whatever was under its key before is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The value exceeds `max_entry_bytes`, the entry the budget, or the key is empty or exceeds [`MAX_KEY_BYTES`]. Nothing was evicted.
    TooLarge,
    /// What would have had to go for it is worth more. (Only the default policy.)
    NotAdmitted,
    /// Memory does not grow any more. Later entries make do with what is there.
    NoMemory,
}
