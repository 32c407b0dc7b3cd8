//! The simulator can fail: each small fault that is planted in the core is caught, and by the invariant that is there for
//! it.

use geecache_edge::base::mutants::{Fault, plant};

use crate::invariants::Invariant;
use crate::many;

/// How many seeds a fault has to show itself in.
const SEEDS: u64 = 3_000;

/// What catches what.
const CAUGHT: [(Fault, Invariant); 21] = [
    (Fault::BlindFollowers, Invariant::AtRest),
    (Fault::GhostFlight, Invariant::AtRest),
    (Fault::RemoveLosesToLoad, Invariant::RightValue),
    (Fault::DigestUnchecked, Invariant::Whole),
    (Fault::AnswerUnsigned, Invariant::Whole),
    (Fault::SignatureNeverOld, Invariant::OnlyPeers),
    (Fault::QuestionForwarded, Invariant::NoForward),
    (Fault::PeerJoinsAsking, Invariant::NoForward),
    (Fault::HopUnchecked, Invariant::NoForward),
    (Fault::UnsignedLetIn, Invariant::OnlyPeers),
    (Fault::OvertakenJoined, Invariant::RightValue),
    (Fault::LeftPeerAwaited, Invariant::InTime),
    (Fault::RungTakesAll, Invariant::InTime),
    (Fault::NoFailover, Invariant::OneLoad),
    (Fault::MeanwhileIgnored, Invariant::OneLoad),
    (Fault::BreakerNeverOpens, Invariant::Breaker),
    (Fault::BreakerNeverCloses, Invariant::Breaker),
    (Fault::StaleTooLong, Invariant::RightValue),
    (Fault::HotTooLong, Invariant::RightValue),
    (Fault::OverBudget, Invariant::Budget),
    (Fault::RefusalUncounted, Invariant::Counted),
];

#[test]
fn each_planted_fault_is_caught_by_its_invariant() {
    let mut missed = Vec::new();
    for (fault, invariant) in CAUGHT {
        // Until the first that catches it, which is soon; or, to see by how many, all of them.
        let all = std::env::var_os("ALL").is_some();
        let caught = many(
            0..SEEDS,
            || plant(Some(fault)),
            |_, run| all || !matches!(run, Err(violation) if violation.invariant == invariant),
        );
        let by = caught.broken.get(&invariant).map_or(0, Vec::len);
        let others: Vec<_> =
            caught.broken.iter().map(|(invariant, seeds)| (invariant.name(), seeds.len())).collect();
        println!("{fault:?}: {} in {by} of {} seeds, in all {others:?}", invariant.name(), caught.runs);
        if by == 0 {
            missed.push((fault, invariant.name()));
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
