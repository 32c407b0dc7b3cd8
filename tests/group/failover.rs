//! Failover: which peer a flight asks next, late results, and keys filled concurrently.

use crate::node::{DEADLINE_MS, K, PEER_TIMEOUT_MS, ask, from_owner, load, loaded, node, with_peers};
use geecache_edge::PeerPicker;
use geecache_edge::group::{Next, Origin, Step, Task, TaskResult};

#[test]
fn not_transferable_key_is_loaded_here_without_asking_another_peer() {
    let mut node = with_peers(&["a", "b", "c"]);
    let (flight, _) = node.lead();
    assert_eq!(node.complete_task(flight, TaskResult::NotTransferable), Next::Task(load(2, DEADLINE_MS)));
    assert_eq!(node.stats().fallbacks, 1);
}

#[test]
fn flight_whose_peer_failed_retries_after_a_concurrent_fill() {
    // The owner is down: peers ask this node, the ring's next, while it waits for the owner itself.
    let mut node = with_peers(&["owner"]);
    let (asking, _) = node.lead();
    let Step::Lead(loading, _) = node.begin_as(Origin::Peer, K) else {
        panic!("joined a flight that asks a peer")
    };
    assert_eq!(node.complete_task(asking, TaskResult::PeerFailed), Next::Retry, "no second load of the key");
    let again = node.group.begin_again(K, node.now, Origin::Local, &mut node.peers);
    assert_eq!(again, Step::Join(loading));

    let mut node = with_peers(&["owner"]);
    let (asking, _) = node.lead();
    let Step::Lead(loading, _) = node.begin_as(Origin::Peer, K) else {
        panic!("joined a flight that asks a peer")
    };
    node.complete_task(loading, loaded(b"630"));
    assert_eq!(node.complete_task(asking, TaskResult::PeerFailed), Next::Retry);
    assert_eq!(node.cached(), b"630");
    assert_eq!((node.stats().loads, node.stats().flights), (1, 0));
}

#[test]
fn peer_list_changed_at_each_attempt_asks_no_peer_twice() {
    let mut node = node(|options| options.failover = 3);
    node.peers.0.set(&["a", "b"]);
    let (flight, task) = node.lead();
    assert_eq!(task, ask(1, "a", PEER_TIMEOUT_MS));
    node.peers.0.set(&["b", "a"]);
    assert_eq!(node.complete_task(flight, TaskResult::PeerFailed), Next::Task(ask(2, "b", PEER_TIMEOUT_MS)));
    node.peers.0.set(&["b", "c", "a"]);
    assert_eq!(node.complete_task(flight, TaskResult::PeerFailed), Next::Task(ask(3, "c", PEER_TIMEOUT_MS)));
    node.peers.0.set(&["a", "", "d"]);
    assert_eq!(
        node.complete_task(flight, TaskResult::PeerFailed),
        Next::Task(load(4, DEADLINE_MS)),
        "this node's turn"
    );
    assert!(node.peers.contains(&"any".into()), "by default a picker contains every peer");
}

/// Every result a late or doubled message may carry.
const RESULTS: [TaskResult<'static>; 5] = [
    TaskResult::Value { value: Some(b"late"), fresh_ms: Some(1_000) },
    TaskResult::NotFound,
    TaskResult::LoadFailed,
    TaskResult::PeerFailed,
    TaskResult::NotTransferable,
];

#[test]
fn late_result_after_timeout_is_superseded_and_changes_nothing() {
    for late in RESULTS {
        let mut node = with_peers(&["owner", "next"]);
        let (flight, first) = node.lead();
        node.complete_task(flight, TaskResult::PeerFailed);
        let before = node.stats();
        for other in [0, first.attempt(), 3, u32::MAX] {
            assert_eq!(node.complete_attempt(flight, other, late), Next::Superseded, "{late:?} of {other}");
        }
        assert_eq!((node.stats(), node.fresh_copy()), (before, None), "{late:?}");
        assert_eq!(node.begin(), Step::Join(flight), "the flight is not affected");
        assert_eq!(node.complete_task(flight, from_owner(b"next's", 1_000)), Next::Done);
        assert_eq!(node.cached(), b"next's");
    }
}

#[test]
fn peer_value_after_its_timeout_is_not_cached_as_the_loaders_own() {
    let mut node = node(|options| options.hot_ttl_ms = Some(10));
    node.peers.0.set(&["owner"]);
    let (flight, asked) = node.lead();
    assert!(matches!(node.complete_task(flight, TaskResult::PeerFailed), Next::Task(Task::Load { .. })));
    let late = from_owner(b"owner's", 1_000);
    assert_eq!(node.complete_attempt(flight, asked.attempt(), late), Next::Superseded);
    assert_eq!(node.complete_task(flight, loaded(b"own")), Next::Done);
    node.now += 10;
    assert_eq!(node.fresh_copy(), Some(&b"own"[..]), "an own value, beyond the lifetime of a hot copy");
}

#[test]
fn doubled_failure_moves_the_flight_on_once() {
    let mut node = with_peers(&["owner", "next"]);
    let (flight, asked) = node.lead();
    assert!(matches!(node.complete_task(flight, TaskResult::PeerFailed), Next::Task(Task::Ask { .. })));
    let doubled = node.complete_attempt(flight, asked.attempt(), TaskResult::PeerFailed);
    assert_eq!((doubled, node.stats().peer_failures), (Next::Superseded, 1));
}
