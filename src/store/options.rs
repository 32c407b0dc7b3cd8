//! Types of the store's interface: options, errors, and found values.

use std::fmt;
use std::str::FromStr;

/// Eviction policy of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Evicts the entry that was used least recently, exactly. Named `lru`.
    Lru,
    /// Evicts the entry with the lowest priority: its uses by its size, with ageing, ghosts, and admission. Named `gdsf`, the default.
    /// See the [module](super).
    #[default]
    Gdsf,
}

impl Policy {
    /// The name of the policy, as [`FromStr`] parses it.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Lru => "lru",
            Policy::Gdsf => "gdsf",
        }
    }
}

impl FromStr for Policy {
    type Err = StoreError;

    /// Parses `lru` or `gdsf`; [`StoreError::UnknownPolicy`] for another name.
    fn from_str(name: &str) -> Result<Policy, StoreError> {
        match name {
            "lru" => Ok(Policy::Lru),
            "gdsf" => Ok(Policy::Gdsf),
            _ => Err(StoreError::UnknownPolicy),
        }
    }
}

/// Options of a [`Store`](super::Store). The default is 16 MiB, `gdsf`, and a seed of 0.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Budget in bytes for keys, values and bookkeeping together: from [`MIN_MAX_BYTES`] to [`MAX_MAX_BYTES`]. Default: 16 MiB.
    pub max_bytes: usize,
    /// Bytes of the largest value that the store accepts. Default: 0, which stands for an eighth of `max_bytes`, at most 512 KiB.
    /// A segment must hold the largest entry, so a larger limit makes memory grow in larger steps.
    pub max_entry_bytes: usize,
    /// Eviction policy. Default: [`Policy::Gdsf`].
    pub policy: Policy,
    /// Seed of the hash of keys. Default: 0. If attackers can choose keys, set a random seed, so that they cannot choose keys that
    /// collide.
    pub hash_seed: u64,
}

impl Default for StoreOptions {
    /// 16 MiB, `gdsf`, and a seed of 0.
    fn default() -> StoreOptions {
        StoreOptions { max_bytes: 16 << 20, max_entry_bytes: 0, policy: Policy::default(), hash_seed: 0 }
    }
}

/// Smallest budget of a store: 8 KiB.
pub const MIN_MAX_BYTES: usize = 8 << 10;
/// Largest budget of a store: 2 GiB, the reach of an address.
pub const MAX_MAX_BYTES: usize = 2 << 30;

/// Error of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// `max_bytes` is below [`MIN_MAX_BYTES`] or above [`MAX_MAX_BYTES`].
    MaxBytes,
    /// `max_entry_bytes` is more than `max_bytes`.
    MaxEntryBytes,
    /// A policy name other than `lru` and `gdsf`.
    UnknownPolicy,
}

impl StoreError {
    /// The message for people.
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

/// Metadata of an entry, stored with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Expiry time in milliseconds of the caller's clock; `u64::MAX` means never. The store does not act on it. Exact up to 2^48 - 2,
    /// and clamped to that above.
    pub expires_at_ms: u64,
    /// Two bits for the caller. Higher bits are dropped.
    pub flags: u8,
}

/// A found value, borrowed from the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The bytes of the value.
    pub value: &'a [u8],
    /// The metadata given to the insert.
    pub meta: Meta,
}

/// Why a value was not stored. The old value of its key was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The value is larger than `max_entry_bytes`, the entry larger than a segment, or the key empty or longer than
    /// [`MAX_KEY_BYTES`](super::MAX_KEY_BYTES). No other entry was evicted.
    TooLarge,
    /// The victim has a higher priority than the new entry. Only with [`Policy::Gdsf`].
    NotAdmitted,
    /// The allocator refused a segment. Later inserts use the memory that the store has.
    NoMemory,
}
