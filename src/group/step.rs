//! The vocabulary between a [`Group`](crate::group::Group) and its driver: steps, tasks, results.

use std::sync::Arc;

use crate::group::singleflight::FlightId;
use crate::store::EntryRef;

/// Where a lookup comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A caller on this node.
    Local,
    /// Another peer. The request is answered here and never forwarded.
    Peer,
}

/// The result of [`Group::begin`](crate::group::Group::begin).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A fresh copy: the outcome.
    Hit(EntryRef),
    /// A stale copy: the outcome. With a flight, the caller leads that flight in the background.
    Stale(EntryRef, Option<(FlightId, Task)>),
    /// Another request is loading the key: wait for its outcome, and watch its leader.
    Join(FlightId),
    /// This request leads the flight.
    Lead(FlightId, Task),
}

/// A leader's task: one attempt of its flight.
///
/// Attempts are numbered from 1. The driver reports each result with the number of its attempt, so that a late or
/// doubled result is never taken for the next attempt's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Ask a peer.
    Ask {
        /// The peer's name on the ring.
        peer: Arc<str>,
        /// The time for the whole response, in ms.
        timeout_ms: u64,
        /// The number of this attempt.
        attempt: u32,
    },
    /// Run the loader.
    Load {
        /// The time for the load, in ms.
        timeout_ms: u64,
        /// The number of this attempt.
        attempt: u32,
    },
}

impl Task {
    /// The number of this attempt.
    pub fn attempt(&self) -> u32 {
        match *self {
            Task::Ask { attempt, .. } | Task::Load { attempt, .. } => attempt,
        }
    }
}

/// The result of a task, reported by [`Group::complete_task`](crate::group::Group::complete_task).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskResult<'a> {
    /// A value.
    Value {
        /// The bytes; `None` if the driver had no memory to hand them over. The callers get the value, and the store
        /// counts it as rejected.
        value: Option<&'a [u8]>,
        /// For a peer's value: how long the owner's copy is still fresh, in ms. `None` if unlimited or unknown.
        fresh_ms: Option<u64>,
    },
    /// There is no such key.
    NotFound,
    /// The loader failed or timed out, here or at the peer.
    LoadFailed,
    /// The peer sent no usable response in time.
    PeerFailed,
    /// The key or its value cannot travel between peers. The peer is not at fault.
    NotTransferable,
}

/// The leader's next step after a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Carry out one more task.
    Task(Task),
    /// The flight has ended: the reported result is the outcome, for the leader and its followers.
    Done,
    /// The flight has ended: the load failed, and this stale copy is the outcome.
    Stale(EntryRef),
    /// The flight was lost to another leader, or the key was filled concurrently: begin again.
    Retry,
    /// The flight has ended: a peer failed, and the deadline left no time for another attempt.
    DeadlinePassed,
    /// The result belongs to an earlier attempt, and nothing has changed. Drop it: the current attempt reports its own.
    Superseded,
}
