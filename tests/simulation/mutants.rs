//! The simulator can fail: each small fault that is planted in the core is caught, and by the invariant that is there for
//! it.

use geecache_edge::base::mutants::{Mutant, activate};

use crate::invariants::Invariant;
use crate::many;

/// How many seeds a fault has to show itself in.
const SEEDS: u64 = 3_000;

/// What catches what.
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
    for (fault, invariant) in CAUGHT {
        // Until the first that catches it, which is soon; or, to see by how many, all of them.
        let all = std::env::var_os("ALL").is_some();
        let caught = many(
            0..SEEDS,
            || activate(Some(fault)),
            |_, run| all || !matches!(run, Err(violation) if violation.invariant == invariant),
        );
        let by = caught.violations.get(&invariant).map_or(0, Vec::len);
        let others: Vec<_> =
            caught.violations.iter().map(|(invariant, seeds)| (invariant.name(), seeds.len())).collect();
        println!("{fault:?}: {} in {by} of {} seeds, in all {others:?}", invariant.name(), caught.runs);
        if by == 0 {
            missed.push((fault, invariant.name()));
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
