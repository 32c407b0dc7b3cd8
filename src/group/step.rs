//! The steps of a look-up, as [`group`](crate::group) tells them to whoever carries them out.

use std::sync::Arc;

use crate::group::singleflight::FlightId;
use crate::store::EntryRef;

/// Who looks a key up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A caller on this node.
    Local,
    /// Another peer: it is answered here and its question never forwarded.
    Peer,
}

/// What a look-up comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A fresh copy lies at this entry.
    Hit(EntryRef),
    /// A stale copy lies at this entry and is the answer. With a flight: lead it behind.
    Stale(EntryRef, Option<(FlightId, Task)>),
    /// Another request is loading the key: wait for its outcome, and watch its leader.
    Join(FlightId),
    /// This request leads.
    Lead(FlightId, Task),
}

/// What a leader does next: one attempt of its flight. Attempts are numbered from 1, and the result of each is
/// reported with its number, so that a late or doubled result is never taken for the next attempt's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Ask this peer, and give it so many milliseconds.
    Ask {
        /// The peer's name on the ring.
        peer: Arc<str>,
        /// How long the whole answer may take.
        timeout_ms: u64,
        /// The number of this attempt.
        attempt: u32,
    },
    /// Run the loader, and give it so many milliseconds.
    Load {
        /// How long it may take.
        timeout_ms: u64,
        /// The number of this attempt.
        attempt: u32,
    },
}

impl Task {
    /// The number of this attempt in its flight.
    pub fn attempt(&self) -> u32 {
        match *self {
            Task::Ask { attempt, .. } | Task::Load { attempt, .. } => attempt,
        }
    }
}

/// What came of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskResult<'a> {
    /// A value. `None` where the shell had no room to hand it over: it is answered and not kept.
    Value {
        /// The bytes.
        value: Option<&'a [u8]>,
        /// For a peer's value: how long its own copy is still fresh, in ms, if it said so.
        fresh_ms: Option<u64>,
    },
    /// There is no such key.
    NotFound,
    /// The loader failed, here or at the peer, or ran out of time.
    LoadFailed,
    /// No usable answer came from the peer.
    PeerFailed,
    /// Neither the key nor its value can travel to or from a peer; the peer is not at fault.
    NotTransferable,
}

/// What a leader does after that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// One more task.
    Task(Task),
    /// The flight is over: what was told last is the outcome, for the leader and for all who joined.
    Done,
    /// The flight is over: the load failed, and the stale copy at this entry is the outcome.
    Stale(EntryRef),
    /// The flight was lost to another leader meanwhile, or the key came another way: begin again.
    Retry,
    /// The flight is over: a peer failed, and no time was left for more.
    DeadlinePassed,
    /// The result belongs to an earlier attempt: the flight has moved on and nothing has changed. Whoever carries out
    /// the current attempt reports it; this result is dropped.
    Superseded,
}
