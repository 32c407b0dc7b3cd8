//! Mutation testing of the simulator: each mutant of the core violates the invariant named for it.

use geecache_edge::base::mutants::{Mutant, activate};

use crate::invariants::Invariant;
use crate::many;

/// Seeds within which a mutant must be caught.
const SEEDS: u64 = 3_000;

/// Mutants, and the invariants that catch them.
const CAUGHT: [(Mutant, Invariant); 22] = [
    (Mutant::MissedHeartbeatsIgnored, Invariant::AtRest),
    (Mutant::FlightLeaked, Invariant::AtRest),
    (Mutant::RemoveDoesNotInvalidate, Invariant::RightValue),
    (Mutant::DigestUnchecked, Invariant::Intact),
    (Mutant::ResponseSignatureUnchecked, Invariant::Intact),
    (Mutant::SignatureNeverExpires, Invariant::PeersOnly),
    (Mutant::PeerRequestForwarded, Invariant::NoForward),
    (Mutant::PeerJoinsPeerRequest, Invariant::NoForward),
    (Mutant::ForwardedAccepted, Invariant::NoForward),
    (Mutant::UnsignedAccepted, Invariant::PeersOnly),
    (Mutant::InvalidatedJoined, Invariant::RightValue),
    (Mutant::LeftPeerAwaited, Invariant::InTime),
    (Mutant::LateAnswerTaken, Invariant::CurrentAttempt),
    (Mutant::AttemptTakesWholeDeadline, Invariant::InTime),
    (Mutant::NoFailover, Invariant::OneLoad),
    (Mutant::ConcurrentFillIgnored, Invariant::OneLoad),
    (Mutant::BreakerNeverOpens, Invariant::Breaker),
    (Mutant::BreakerNeverCloses, Invariant::Breaker),
    (Mutant::StaleTooLong, Invariant::RightValue),
    (Mutant::HotTooLong, Invariant::RightValue),
    (Mutant::OverBudget, Invariant::Budget),
    (Mutant::UnauthorizedUncounted, Invariant::Counted),
];

#[test]
fn each_mutant_is_caught_by_its_invariant() {
    let mut missed = Vec::new();
    for (mutant, invariant) in CAUGHT {
        // Stops at the first seed that catches it, unless ALL is set, which counts them.
        let all = std::env::var_os("ALL").is_some();
        let caught = many(
            0..SEEDS,
            || activate(Some(mutant)),
            |_, run| all || !matches!(run, Err(violation) if violation.invariant == invariant),
        );
        let by = caught.violations.get(&invariant).map_or(0, Vec::len);
        let others: Vec<_> =
            caught.violations.iter().map(|(invariant, seeds)| (invariant.name(), seeds.len())).collect();
        println!("{mutant:?}: {} in {by} of {} seeds, in all {others:?}", invariant.name(), caught.runs);
        if by == 0 {
            missed.push((mutant, invariant.name()));
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
