//! The protocol between the core and the package's TypeScript: each number, name and order that both must know.
//!
//! `pkg-template/src/core/protocol.ts` is generated from this module: `UPDATE_PROTOCOL=1 cargo test --test
//! protocol` writes it, and the same test fails while the two differ. Numbers from JavaScript are read with
//! `TryFrom<u32>`, which refuses the ones it does not know, so that a mismatch is an error and never a
//! plausible meaning.

use crate::base::error::{Code, Error};
use crate::group::stats::Stats;
use crate::ring::Placement;
use crate::store::Policy;
use crate::wire::{self, AUTH_HEADER, FRESH_HEADER, OUTCOME_HEADER, Wire};

pub use crate::base::check::MAX_KEY_BYTES;
pub use crate::group::singleflight::HEARTBEAT_MS;

/// Room for a key in the scratch area: a few bytes more than a key may have, so that a longer one is noticed.
pub const KEY_ROOM_BYTES: usize = MAX_KEY_BYTES + 5;

/// An enum as both languages know it.
#[derive(Clone, Copy, Debug)]
pub struct Numbers {
    /// The enum's name.
    pub name: &'static str,
    /// Its documentation.
    pub doc: &'static [&'static str],
    /// Its variants with their documentation, numbered from 0.
    pub variants: &'static [(&'static str, &'static [&'static str])],
}

/// Declares an enum whose variants are numbered from 0, with its description for the generator.
macro_rules! numbers {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $variant_doc:literal])* $variant:ident,)* }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum $name { $($(#[doc = $variant_doc])* $variant,)* }

        impl $name {
            /// The enum for the generator of TypeScript.
            pub const NUMBERS: Numbers = Numbers {
                name: stringify!($name),
                doc: &[$($doc,)*],
                variants: &[$((stringify!($variant), &[$($variant_doc,)*]),)*],
            };
        }

        impl TryFrom<u32> for $name {
            type Error = Error;

            fn try_from(number: u32) -> Result<$name, Error> {
                match number {
                    $(known if known == $name::$variant as u32 => Ok($name::$variant),)*
                    _ => Err(unknown()),
                }
            }
        }
    };
}

numbers! {
    /// The next step of a lookup or of a flight's leader.
    Step {
        /// The flight is over; the last result is its outcome.
        Done,
        /// A fresh copy was found.
        Hit,
        /// A stale copy is the answer; a task refreshes it in the background if there is one.
        Stale,
        /// Another request is loading the key: follow its flight.
        Join,
        /// Lead: ask a peer.
        Ask,
        /// Lead: run the loader.
        Load,
        /// The flight was lost to another leader, or the key was filled concurrently: look it up again.
        Retry,
        /// The flight is over: a peer failed and no time was left for another attempt.
        DeadlinePassed,
        /// The result belongs to an earlier attempt and was ignored.
        Superseded,
        /// The call was refused; an error code and a message are staged.
        Refused,
    }
}

numbers! {
    /// The outcome of a task, of a request to a peer, or of a peer's request to this node.
    Outcome {
        /// A value.
        Value,
        /// The key does not exist.
        NotFound,
        /// The loader failed, here or at the owner.
        LoadFailed,
        /// The peer gave no usable response.
        PeerFailed,
        /// The key or its value cannot be transferred between peers; the peer is not at fault.
        NotTransferable,
    }
}

/// The outcomes by their names in events, in the order of [`Outcome`].
pub const OUTCOMES: [&str; 5] = ["value", "notFound", "loadFailed", "peerFailed", "notTransferable"];

numbers! {
    /// The slots of the scratch area: float64 each, at the start of it. The key follows them.
    Slot {
        /// Address of the value in linear memory.
        ValueAt,
        /// Length of the value in bytes.
        ValueBytes,
        /// Freshness left in ms; -1 if the value stays fresh forever.
        FreshMs,
        /// The flight to lead or to follow; 0 for none.
        Flight,
        /// The leader's task, `Ask` or `Load`; 0 for none.
        Task,
        /// Number of the task's attempt.
        Attempt,
        /// Timeout of the task in ms.
        TimeoutMs,
        /// Address of the name of the peer to ask.
        PeerAt,
        /// Length of that name in bytes.
        PeerBytes,
        /// The `Outcome` of a peer's response.
        Outcome,
        /// Index of an error's code in `ERROR_CODES`.
        Code,
        /// Address of an error's message.
        MessageAt,
        /// Length of that message in bytes.
        MessageBytes,
    }
}

/// How many slots the scratch area has.
pub const SLOTS: usize = Slot::NUMBERS.variants.len();

numbers! {
    /// The purpose of staged bytes; decides how many the core accepts.
    Staged {
        /// A value to cache.
        Value,
        /// The body of a peer's response.
        Response,
        /// The body of a peer's change to this node's copies.
        Change,
    }
}

/// How many bytes the body of a change may have beyond its value.
pub const MAX_CHANGE_FRAMING_BYTES: usize = 128 * 1024;

numbers! {
    /// The source of a value.
    Source {
        /// A fresh copy in memory.
        Memory,
        /// A stale copy in memory.
        Stale,
        /// Another request's load.
        Flight,
        /// Another peer.
        Peer,
        /// The loader of this node.
        Loader,
    }
}

/// The sources by name, in the order of [`Source`].
pub const SOURCES: [&str; 5] = ["memory", "stale", "flight", "peer", "loader"];

impl Source {
    /// The source's name.
    pub fn name(self) -> &'static str {
        SOURCES.get(self as usize).copied().unwrap_or_default()
    }
}

numbers! {
    /// Calls that can be made to trap, in builds with the feature `injected-traps`.
    InjectedTrap {
        /// The injection itself.
        Now,
        /// `begin`
        Begin,
        /// `completeTask`, and the end of `peerAnswered`.
        CompleteTask,
        /// The beginning of `peerAnswered`.
        PeerAnswered,
        /// `heartbeat` and `abandon`
        Heartbeat,
        /// `timedOut`
        TimedOut,
        /// `watch`
        Watch,
        /// `stats`
        Stats,
    }
}

/// Every enum that TypeScript knows.
pub const ENUMS: [Numbers; 5] =
    [Step::NUMBERS, Outcome::NUMBERS, Slot::NUMBERS, Staged::NUMBERS, InjectedTrap::NUMBERS];

/// The error codes that the package throws. `ERR_PEERS_REGISTERED` is the Rust driver's alone.
pub const ERROR_CODES: [Code; 9] = [
    Code::Option,
    Code::Key,
    Code::Group,
    Code::GroupExists,
    Code::Load,
    Code::LoadType,
    Code::Timeout,
    Code::Peer,
    Code::Trap,
];

/// The index of a code in [`ERROR_CODES`].
pub fn code_number(code: Code) -> Option<u32> {
    ERROR_CODES.iter().position(|known| *known == code).map(|at| at as u32)
}

/// The code at an index of [`ERROR_CODES`].
pub fn code_of(number: u32) -> Result<Code, Error> {
    ERROR_CODES.get(number as usize).copied().ok_or_else(unknown)
}

/// The kind of an option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number of 0 or more.
    Number,
    /// One of these names, which crosses as its index.
    OneOf(&'static [&'static str]),
}

/// Declares the options of one list: a variant each, whose number is the option's index.
macro_rules! options {
    ($(#[doc = $doc:literal])* $name:ident { $($variant:ident = $js:literal: $kind:expr,)* }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        #[expect(missing_docs, reason = "each is documented where it is used, in `options.ts`")]
        pub enum $name { $($variant,)* }

        impl $name {
            /// Every option with its name in JavaScript and its kind, in order.
            pub const ALL: &[(&str, Kind)] = &[$(($js, $kind),)*];
        }
    };
}

options! {
    /// The options of `createPool` that the core reads, in the order in which they cross. `seed` is the shell's
    /// own.
    PoolOption {
        SelfName = "self": Kind::Text,
        BasePath = "basePath": Kind::Text,
        Replicas = "replicas": Kind::Number,
        Seed = "seed": Kind::Number,
        Wire = "wire": Kind::OneOf(&WIRE_NAMES),
        Ring = "ring": Kind::OneOf(&RING_NAMES),
    }
}

options! {
    /// The options of `pool.group` that the core reads, in the order in which they cross. `hashSeed` is the
    /// shell's own.
    GroupOption {
        Policy = "policy": Kind::OneOf(&POLICY_NAMES),
        MaxBytes = "maxBytes": Kind::Number,
        MaxEntryBytes = "maxEntryBytes": Kind::Number,
        HashSeed = "hashSeed": Kind::Number,
        TtlMs = "ttlMs": Kind::Number,
        StaleWhileRevalidateMs = "staleWhileRevalidateMs": Kind::Number,
        StaleIfErrorMs = "staleIfErrorMs": Kind::Number,
        HotTtlMs = "hotTtlMs": Kind::Number,
        DeadlineMs = "deadlineMs": Kind::Number,
        PeerTimeoutMs = "peerTimeoutMs": Kind::Number,
        Failover = "failover": Kind::Number,
    }
}

const WIRE_NAMES: [&str; wire::NAMED.len()] = names(&wire::NAMED);
const RING_NAMES: [&str; RINGS.len()] = names(&RINGS);
const POLICY_NAMES: [&str; POLICIES.len()] = names(&POLICIES);

/// The rings that the option `ring` names.
pub const RINGS: [(&str, Placement); 1] = [("balanced", Placement::Balanced)];

/// The eviction policies.
pub const POLICIES: [(&str, Policy); 2] = [("gdsf", Policy::Gdsf), ("lru", Policy::Lru)];

/// The wires.
pub const WIRES: &[(&str, &dyn Wire)] = &wire::NAMED;

const fn names<T, const N: usize>(named: &[(&'static str, T); N]) -> [&'static str; N] {
    let (mut names, mut at) = ([""; N], 0);
    #[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
    while at < N {
        names[at] = named[at].0;
        at += 1;
    }
    names
}

/// The headers of a peer's response that a wire may read, in the order in which their values cross.
pub const RESPONSE_HEADERS: [&str; 5] =
    [AUTH_HEADER, OUTCOME_HEADER, FRESH_HEADER, "content-type", "x-content-type-options"];

/// The header of a peer's request that is read.
pub const REQUEST_HEADER: &str = AUTH_HEADER;

numbers! {
    /// The pool's counters, in the order in which they follow a group's.
    PoolCounter {
        /// Requests refused for want of a valid signature.
        Unauthorized,
        /// Requests and responses of peers whose list of peers differs from this node's.
        RingMismatches,
        /// Peers whose circuit breaker is open now.
        OpenBreakers,
    }
}

/// Every counter of a pool, in order.
pub const POOL_COUNTERS: [(&str, PoolCounter); 3] = [
    ("unauthorized", PoolCounter::Unauthorized),
    ("ringMismatches", PoolCounter::RingMismatches),
    ("openBreakers", PoolCounter::OpenBreakers),
];

/// The names of a group's counters, in order.
pub fn group_counters() -> Vec<&'static str> {
    Stats::default().entries().map(|entry| entry.0).collect()
}

fn unknown() -> Error {
    Error::new(Code::Option, "core.wasm and its JavaScript disagree: are both of one version?")
}
