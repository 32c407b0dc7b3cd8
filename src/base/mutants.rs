//! Mutation testing of the simulator: deliberate faults, one active at a time, each of which it must catch.
//!
//! Without the feature `mutants`, `active` is a constant `false` and the faults compile to nothing. The npm package
//! is built without it.

/// A deliberate fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Followers never notice that their leader has vanished.
    MissedHeartbeatsIgnored,
    /// A flight that ends leaves another behind, without a leader.
    FlightLeaked,
    /// A remove does not invalidate the loads in flight.
    RemoveDoesNotInvalidate,
    /// The digest of a response is not checked.
    DigestUnchecked,
    /// The signature of a response is not checked.
    ResponseSignatureUnchecked,
    /// The signature of a request never expires.
    SignatureNeverExpires,
    /// A request from a peer is forwarded to another.
    PeerRequestForwarded,
    /// A request from a peer joins a flight that is asking one.
    PeerJoinsPeerRequest,
    /// A request that was forwarded already is accepted.
    ForwardedAccepted,
    /// An unsigned request is accepted.
    UnsignedAccepted,
    /// A flight that a remove has invalidated is still joined.
    InvalidatedJoined,
    /// A leader keeps waiting for a peer that has left the ring.
    LeftPeerAwaited,
    /// A result is taken for the current attempt's, whichever attempt it belongs to.
    LateAnswerTaken,
    /// Each attempt has the whole deadline.
    AttemptTakesWholeDeadline,
    /// The ring's next peers are never asked.
    NoFailover,
    /// A flight whose peer failed ignores that its key was filled concurrently.
    ConcurrentFillIgnored,
    /// The circuit breaker never opens.
    BreakerNeverOpens,
    /// The circuit breaker never closes.
    BreakerNeverCloses,
    /// Stale copies are served for twice as long.
    StaleTooLong,
    /// A hot copy lives as long as an own one, longer than its owner's.
    HotTooLong,
    /// The store takes one segment more than its budget.
    OverBudget,
    /// Unauthorized requests are not counted.
    UnauthorizedUncounted,
}

#[cfg(feature = "mutants")]
thread_local! {
    static ACTIVE: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Activates a fault on this thread, in place of the previous one; `None` deactivates it.
#[cfg(feature = "mutants")]
pub fn activate(mutant: Option<Mutant>) {
    ACTIVE.set(mutant);
}

/// True if that fault is active.
#[cfg(feature = "mutants")]
pub(crate) fn active(mutant: Mutant) -> bool {
    ACTIVE.get() == Some(mutant)
}

/// True if that fault is active: never, without the feature.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub(crate) const fn active(_mutant: Mutant) -> bool {
    false
}
