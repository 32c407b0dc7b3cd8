//! Faults planted on purpose, one at a time, for the simulator that must find each. Never in the package.
//!
//! Without the feature `planted` every question whether a fault is planted is a `false` that the compiler knows.

/// A small thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Followers never notice that their leader is gone.
    BlindFollowers,
    /// A flight that landed leaves another behind, without a leader.
    GhostFlight,
    /// A remove does not invalidate the loads under way.
    RemoveLosesToLoad,
    /// The digest of an answer is not checked.
    DigestUnchecked,
    /// The signature of an answer is not checked.
    AnswerUnsigned,
    /// A question's signature is good for ever.
    SignatureNeverOld,
    /// A question that came from a peer goes up the whole ladder.
    QuestionForwarded,
    /// A question that came from a peer joins a flight that is asking one.
    PeerJoinsAsking,
    /// A question that was forwarded already is answered.
    HopUnchecked,
    /// A question that nobody signed is answered.
    UnsignedLetIn,
    /// A flight that a remove has overtaken is still joined.
    OvertakenJoined,
    /// Whoever asks a peer that has left goes on waiting for it.
    LeftPeerAwaited,
    /// A result is taken for the current attempt's, whichever attempt it belongs to.
    LateAnswerTaken,
    /// Each rung of the ladder has the whole deadline.
    RungTakesAll,
    /// Nobody asks the ring's next peer.
    NoFailover,
    /// Whoever asked in vain does not look whether the key has come meanwhile.
    MeanwhileIgnored,
    /// The breaker never opens.
    BreakerNeverOpens,
    /// The breaker never closes.
    BreakerNeverCloses,
    /// Stale copies are served for twice as long.
    StaleTooLong,
    /// A hot copy lives as long as a loaded one, whatever its owner says.
    HotTooLong,
    /// The store takes one segment more than its budget.
    OverBudget,
    /// Refused questions are not counted.
    RefusalUncounted,
}

#[cfg(feature = "mutants")]
thread_local! {
    static ACTIVE: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Plants a fault in all that runs on this thread from now on, in place of the last; `None` for none.
#[cfg(feature = "mutants")]
pub fn activate(mutant: Option<Mutant>) {
    ACTIVE.set(mutant);
}

/// Whether that fault is planted.
#[cfg(feature = "mutants")]
pub(crate) fn active(mutant: Mutant) -> bool {
    ACTIVE.get() == Some(mutant)
}

/// Whether that fault is planted.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub(crate) const fn active(_mutant: Mutant) -> bool {
    false
}
