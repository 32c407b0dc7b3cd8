//! The life of a key, step by step: hits, stale copies, flights, and each attempt of a flight.

use crate::node::*;
use geecache_edge::Code;
use geecache_edge::base::check::MAX_KEY_BYTES;
use geecache_edge::group::singleflight::{HEARTBEAT_MS, MAX_MISSED_HEARTBEATS};
use geecache_edge::group::{Next, Origin, Step, Task, TaskResult};

#[test]
fn own_key_is_loaded_stored_and_hit() {
    let mut node = alone();
    let (flight, task) = node.lead();
    assert_eq!((task, node.stats().flights), (load(1, DEADLINE_MS), 1));
    assert_eq!(node.complete_task(flight, loaded(b"630")), Next::Done);
    node.now += 1 << 40;
    assert_eq!(node.cached(), b"630", "without a ttl a copy stays fresh");
    let stats = node.stats();
    assert_eq!((stats.requests, stats.hits, stats.loads, stats.entries, stats.flights), (2, 1, 1, 1, 0));
}

#[test]
fn callers_of_one_key_join_one_flight() {
    let mut node = alone();
    let (flight, _) = node.lead();
    for origin in [Origin::Local, Origin::Peer, Origin::Local] {
        assert_eq!(node.begin_as(origin, K), Step::Join(flight));
    }
    assert!(
        matches!(node.begin_as(Origin::Local, b"other"), Step::Lead(..)),
        "another key has a flight of its own"
    );
    let stats = node.stats();
    assert_eq!((stats.requests, stats.peer_requests, stats.coalesced, stats.loads), (4, 1, 3, 2));
}

#[test]
fn invalid_key_is_an_error_and_starts_no_flight() {
    let mut node = alone();
    for (key, refused) in
        [(0, true), (1, false), (MAX_KEY_BYTES, false), (MAX_KEY_BYTES + 1, true), (1 << 20, true)]
    {
        let (key, peers) = (vec![b'k'; key], &mut node.peers);
        let begun =
            node.group.begin(&key, node.now, Origin::Local, peers).map_err(|error| error.code()).err();
        let set = node.group.set(&key, b"", node.now).map_err(|error| error.code()).err();
        assert_eq!(
            (begun, set),
            (refused.then_some(Code::Key), refused.then_some(Code::Key)),
            "{}",
            key.len()
        );
    }
    assert_eq!((node.stats().requests, node.stats().flights), (2, 2));
}

#[test]
fn stale_copy_is_returned_while_one_flight_refreshes_it() {
    let mut node = node(|options| (options.ttl_ms, options.stale_while_revalidate_ms) = (Some(50), 30));
    node.load(b"old");
    node.now += 50;
    let Step::Stale(entry, Some((flight, task))) = node.begin() else { panic!("no refresh") };
    assert_eq!((node.group.at(entry).value, task), (&b"old"[..], load(1, DEADLINE_MS)));
    assert!(matches!(node.begin(), Step::Stale(_, None)), "one refresh at a time");
    assert_eq!((node.cached(), node.fresh_copy()), (b"old".to_vec(), None));
    node.complete_task(flight, loaded(b"new"));
    assert_eq!((node.cached(), node.stats().stale_hits), (b"new".to_vec(), 3));
    node.now += 79;
    assert!(matches!(node.begin(), Step::Stale(_, Some(_))), "the last millisecond of the window");
    node.now += 1;
    assert!(matches!(node.begin(), Step::Join(_)), "after the window callers wait");
}

#[test]
fn owner_of_the_key_is_asked_and_its_value_stored() {
    let mut node = with_peers(&["owner"]);
    let (flight, task) = node.lead();
    assert_eq!(task, ask(1, "owner", PEER_TIMEOUT_MS));
    assert_eq!(node.complete_task(flight, from_owner(b"630", 40)), Next::Done);
    node.now += 39;
    assert_eq!(node.cached(), b"630");
    node.now += 1;
    assert!(matches!(node.begin(), Step::Lead(..)), "the owner's copy has expired");
    assert_eq!((node.stats().peer_hits, node.stats().loads), (1, 0));
}

/// The peers by rank, the option `failover`, and the peers asked in turn if each fails.
#[test]
fn failed_peers_are_followed_by_the_next_ones_and_then_the_loader() {
    const CASES: [(&[&str], u32, &[&str]); 7] = [
        (&["a", "b", "c"], 0, &["a"]),
        (&["a", "b", "c"], 1, &["a", "b"]),
        (&["a", "b", "c"], 2, &["a", "b", "c"]),
        (&["a", "b", "c"], 16, &["a", "b", "c"]),
        (&["a", "", "c"], 16, &["a"]), // Rank 1 is this node itself.
        (&["", "b"], 16, &[]),
        (&[], 16, &[]),
    ];
    for (ranks, failover, asked) in CASES {
        let mut node = node(|options| options.failover = failover);
        node.peers.0.set(ranks);
        let (flight, mut task) = node.lead();
        for (peer, attempt) in asked.iter().zip(1..) {
            assert_eq!(task, ask(attempt, peer, PEER_TIMEOUT_MS), "{ranks:?} {failover}");
            task = match node.complete_task(flight, TaskResult::PeerFailed) {
                Next::Task(task) => task,
                next => panic!("the flight ends with {next:?}"),
            };
        }
        assert_eq!(task, load(asked.len() as u32 + 1, DEADLINE_MS), "{ranks:?} {failover}");
        assert_eq!(node.complete_task(flight, loaded(b"own")), Next::Done);
        assert_eq!(node.cached(), b"own");
        let (stats, failures) = (node.stats(), asked.len() as u64);
        assert_eq!((stats.peer_failures, stats.fallbacks), (failures, u64::from(failures > 0)));
        assert_eq!((stats.loads, stats.peer_hits, stats.errors, stats.flights), (1, 0, 0, 0));
    }
}

#[test]
fn task_timeout_is_bounded_by_the_rest_of_the_deadline() {
    let mut node = with_peers(&["a", "b"]);
    let (flight, _) = node.lead();
    node.now += 900;
    assert_eq!(node.complete_task(flight, TaskResult::PeerFailed), Next::Task(ask(2, "b", 100)));
    node.now += 60;
    assert_eq!(node.complete_task(flight, TaskResult::PeerFailed), Next::Task(load(3, 40)));

    let mut late = with_peers(&["a"]);
    let (flight, _) = late.lead();
    late.now += 5_000;
    assert_eq!(late.complete_task(flight, TaskResult::PeerFailed), Next::DeadlinePassed, "no time is left");
    assert_eq!((late.stats().loads, late.stats().errors, late.stats().flights), (0, 1, 0));

    let mut back = with_peers(&["a"]);
    let (flight, _) = back.lead();
    back.now -= 5_000;
    assert_eq!(
        back.complete_task(flight, TaskResult::PeerFailed),
        Next::Task(load(2, DEADLINE_MS)),
        "a clock set back adds no time"
    );

    let mut short = with_short_deadline();
    assert_eq!(short.lead().1, ask(1, "a", 90), "a peer has no more time than the deadline");
}

fn with_short_deadline() -> Node {
    let node = node(|options| options.deadline_ms = 90);
    node.peers.0.set(&["a"]);
    node
}

#[test]
fn peer_list_changed_during_a_flight_decides_its_next_attempt() {
    let mut node = with_peers(&["a", "b"]);
    let (flight, _) = node.lead();
    node.peers.0.set(&["x", "y"]);
    assert_eq!(
        node.complete_task(flight, TaskResult::PeerFailed),
        Next::Task(ask(2, "x", PEER_TIMEOUT_MS)),
        "the new owner"
    );
    let mut node = with_peers(&["a", "b"]);
    let (flight, _) = node.lead();
    node.peers.0.set(&[]);
    assert_eq!(node.complete_task(flight, TaskResult::PeerFailed), Next::Task(load(2, DEADLINE_MS)));
}

#[test]
fn failed_load_serves_stale_within_stale_if_error_and_else_the_error() {
    for result in [TaskResult::LoadFailed, TaskResult::PeerFailed] {
        let mut node = node(|options| (options.ttl_ms, options.stale_if_error_ms) = (Some(50), 30));
        node.load(b"old");
        node.peers.0.set(&["owner"]);
        for (age, stale) in [(50, true), (79, true), (80, false)] {
            node.now = 1_000_000 + age;
            let (flight, _) = node.lead();
            let next = match node.complete_task(flight, result) {
                Next::Task(Task::Load { .. }) | Next::Task(Task::Ask { .. }) => {
                    node.complete_task(flight, TaskResult::LoadFailed)
                }
                next => next,
            };
            match next {
                Next::Stale(entry) if stale => assert_eq!(node.group.at(entry).value, b"old"),
                Next::Done if !stale => (),
                next => panic!("{next:?} at the age of {age} ms"),
            }
            assert_eq!(node.stats().flights, 0);
        }
        assert_eq!((node.stats().stale_hits, node.stats().errors), (2, 1));
    }
    let mut empty = node(|options| options.stale_if_error_ms = 30);
    let (flight, _) = empty.lead();
    assert_eq!(empty.complete_task(flight, TaskResult::LoadFailed), Next::Done);
    assert_eq!((empty.stats().errors, empty.fresh_copy()), (1, None), "an error is not cached");
    assert!(matches!(empty.begin(), Step::Lead(..)));
}

#[test]
fn request_from_a_peer_is_never_forwarded() {
    let mut node = with_peers(&["owner", "next"]);
    let Step::Lead(flight, task) = node.begin_as(Origin::Peer, K) else { panic!("not led") };
    assert_eq!(task, load(1, DEADLINE_MS));
    assert_eq!(node.begin(), Step::Join(flight), "a local caller may join it");
    node.complete_task(flight, loaded(b"own"));
    assert_eq!((node.stats().peer_requests, node.stats().requests, node.stats().loads), (1, 1, 1));
}

#[test]
fn request_from_a_peer_does_not_join_a_flight_that_asks_one() {
    let mut node = with_peers(&["owner"]);
    let (asking, _) = node.lead();
    let Step::Lead(loading, task) = node.begin_as(Origin::Peer, K) else {
        panic!("joined a flight that asks a peer")
    };
    assert_eq!(task, load(1, DEADLINE_MS));
    assert_eq!(node.begin_as(Origin::Peer, K), Step::Join(loading));
    node.complete_task(loading, loaded(b"own"));
    assert_eq!(node.complete_task(asking, from_owner(b"owner's", 9)), Next::Done);
    assert_eq!(node.stats().flights, 0);

    let mut node = with_peers(&["owner"]);
    let (flight, _) = node.lead();
    node.complete_task(flight, TaskResult::PeerFailed);
    assert_eq!(node.begin_as(Origin::Peer, K), Step::Join(flight), "the flight runs the loader now");
}

#[test]
fn stale_copy_requested_by_a_peer_is_refreshed_by_the_loader() {
    let mut node = node(|options| (options.ttl_ms, options.stale_while_revalidate_ms) = (Some(50), 30));
    node.load(b"old");
    node.peers.0.set(&["owner"]);
    node.now += 60;
    let Step::Stale(_, Some((_, task))) = node.begin_as(Origin::Peer, K) else { panic!("no refresh") };
    assert_eq!(task, load(1, DEADLINE_MS));
}

#[test]
fn result_of_a_lost_flight_changes_nothing() {
    for (result, next) in [
        (loaded(b"late"), Next::Done),
        (TaskResult::NotFound, Next::Done),
        (TaskResult::LoadFailed, Next::Done),
        (TaskResult::PeerFailed, Next::Retry),
    ] {
        let mut node = with_peers(&["owner"]);
        let (lost, _) = node.lead();
        node.group.abandon(lost);
        assert!(!node.group.is_in_flight(lost));
        let (flight, _) = node.lead();
        assert_eq!(node.complete_task(lost, result), next);
        assert!(node.group.is_in_flight(flight), "the new flight is not affected");
        node.complete_task(flight, loaded(b"new"));
        assert_eq!(node.complete_task(lost, result), next);
        assert_eq!(node.fresh_copy(), Some(&b"new"[..]));
        assert_eq!((node.stats().lost_flights, node.stats().flights), (1, 0));
    }
}

#[test]
fn leader_without_heartbeat_is_lost_after_four_checks() {
    let mut node = alone();
    let (flight, _) = node.lead();
    assert!(node.group.heartbeat(flight, &node.peers));
    for _ in 0..MAX_MISSED_HEARTBEATS {
        node.now += u64::from(HEARTBEAT_MS);
        assert!(node.group.watch(flight, node.now), "a heartbeat and fewer than four missed ones");
    }
    node.now += u64::from(HEARTBEAT_MS);
    assert!(!node.group.watch(flight, node.now));
    let again = node.group.begin_again(K, node.now, Origin::Local, &mut node.peers);
    assert!(matches!(again, Step::Lead(next, _) if next != flight), "{again:?}");
    assert_eq!((node.stats().requests, node.stats().lost_flights), (1, 1), "still one lookup");
}

#[test]
fn flights_older_than_two_deadlines_are_swept_by_the_next_lookup() {
    let mut node = alone();
    let (old, _) = node.lead();
    node.now += 2 * DEADLINE_MS;
    node.begin_as(Origin::Local, b"another");
    assert!(node.group.is_in_flight(old), "at exactly two deadlines it stays");
    node.now += 1;
    node.begin_as(Origin::Local, b"a third");
    assert!(!node.group.is_in_flight(old));
    assert_eq!((node.stats().lost_flights, node.stats().flights), (1, 2));
}
