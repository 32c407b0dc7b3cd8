//! The life of a key, step by step: who answers, who waits, who leads, and each rung of the ladder.

use crate::node::*;
use geecache_edge::Code;
use geecache_edge::base::check::MAX_KEY_BYTES;
use geecache_edge::group::singleflight::{HEARTBEAT_MS, MAX_MISSED_HEARTBEATS};
use geecache_edge::group::{Next, Origin, Step, Task, TaskResult};

#[test]
fn a_load_of_our_own_key_is_kept_and_hit() {
    let mut node = alone();
    let (flight, task) = node.lead();
    assert_eq!((task, node.stats().flights), (load(1, DEADLINE_MS), 1));
    assert_eq!(node.complete_task(flight, given(b"630")), Next::Done);
    node.now += 1 << 40;
    assert_eq!(node.answered(), b"630", "without a ttl it is fresh for ever");
    let stats = node.stats();
    assert_eq!((stats.requests, stats.hits, stats.loads, stats.entries, stats.flights), (2, 1, 1, 1, 0));
}

#[test]
fn many_callers_join_one_flight() {
    let mut node = alone();
    let (flight, _) = node.lead();
    for asker in [Origin::Local, Origin::Peer, Origin::Local] {
        assert_eq!(node.begin_as(asker, K), Step::Join(flight));
    }
    assert!(
        matches!(node.begin_as(Origin::Local, b"other"), Step::Lead(..)),
        "another key is another flight"
    );
    let stats = node.stats();
    assert_eq!((stats.requests, stats.peer_requests, stats.coalesced, stats.loads), (4, 1, 3, 2));
}

#[test]
fn bad_keys_are_refused_and_start_nothing() {
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
fn a_stale_copy_is_answered_and_renewed_once_behind() {
    let mut node = node(|options| (options.ttl_ms, options.stale_while_revalidate_ms) = (Some(50), 30));
    node.load(b"old");
    node.now += 50;
    let Step::Stale(spot, Some((flight, task))) = node.begin() else { panic!("no renewal") };
    assert_eq!((node.group.at(spot).value, task), (&b"old"[..], load(1, DEADLINE_MS)));
    assert!(matches!(node.begin(), Step::Stale(_, None)), "one renewal at a time");
    assert_eq!((node.answered(), node.here()), (b"old".to_vec(), None));
    node.complete_task(flight, given(b"new"));
    assert_eq!((node.answered(), node.stats().stale_hits), (b"new".to_vec(), 3));
    node.now += 79;
    assert!(matches!(node.begin(), Step::Stale(_, Some(_))), "the last millisecond of the window");
    node.now += 1;
    assert!(matches!(node.begin(), Step::Join(_)), "after it callers wait");
}

#[test]
fn the_owner_is_asked_and_its_value_kept() {
    let mut node = with_peers(&["owner"]);
    let (flight, task) = node.lead();
    assert_eq!(task, ask(1, "owner", PEER_TIMEOUT_MS));
    assert_eq!(node.complete_task(flight, from_owner(b"630", 40)), Next::Done);
    node.now += 39;
    assert_eq!(node.answered(), b"630");
    node.now += 1;
    assert!(matches!(node.begin(), Step::Lead(..)), "it is no longer fresh at its owner");
    assert_eq!((node.stats().peer_hits, node.stats().loads), (1, 0));
}

/// Which peers there are, by rank, how many may stand in, and who is asked in turn when everybody fails.
#[test]
fn a_failed_peer_hands_over_to_the_next_and_at_last_to_the_loader() {
    const LADDERS: [(&[&str], u32, &[&str]); 7] = [
        (&["a", "b", "c"], 0, &["a"]),
        (&["a", "b", "c"], 1, &["a", "b"]),
        (&["a", "b", "c"], 2, &["a", "b", "c"]),
        (&["a", "b", "c"], 16, &["a", "b", "c"]),
        (&["a", "", "c"], 16, &["a"]), // The next in turn is this node itself.
        (&["", "b"], 16, &[]),
        (&[], 16, &[]),
    ];
    for (ranks, failover, asked) in LADDERS {
        let mut node = node(|options| options.failover = failover);
        node.peers.0.set(ranks);
        let (flight, mut task) = node.lead();
        for (peer, attempt) in asked.iter().zip(1..) {
            assert_eq!(task, ask(attempt, peer, PEER_TIMEOUT_MS), "{ranks:?} {failover}");
            task = match node.complete_task(flight, TaskResult::PeerFailed) {
                Next::Task(task) => task,
                next => panic!("the ladder ends with {next:?}"),
            };
        }
        assert_eq!(task, load(asked.len() as u32 + 1, DEADLINE_MS), "{ranks:?} {failover}");
        assert_eq!(node.complete_task(flight, given(b"own")), Next::Done);
        assert_eq!(node.answered(), b"own");
        let (stats, failures) = (node.stats(), asked.len() as u64);
        assert_eq!((stats.peer_failures, stats.fallbacks), (failures, u64::from(failures > 0)));
        assert_eq!((stats.loads, stats.peer_hits, stats.errors, stats.flights), (1, 0, 0, 0));
    }
}

#[test]
fn what_is_left_of_the_deadline_bounds_each_task() {
    let mut node = with_peers(&["a", "b"]);
    let (flight, _) = node.lead();
    node.now += 900;
    assert_eq!(node.complete_task(flight, TaskResult::PeerFailed), Next::Task(ask(2, "b", 100)));
    node.now += 60;
    assert_eq!(node.complete_task(flight, TaskResult::PeerFailed), Next::Task(load(3, 40)));

    let mut late = with_peers(&["a"]);
    let (flight, _) = late.lead();
    late.now += 5_000;
    assert_eq!(late.complete_task(flight, TaskResult::PeerFailed), Next::DeadlinePassed, "nothing is left");
    assert_eq!((late.stats().loads, late.stats().errors, late.stats().flights), (0, 1, 0));

    let mut back = with_peers(&["a"]);
    let (flight, _) = back.lead();
    back.now -= 5_000;
    assert_eq!(
        back.complete_task(flight, TaskResult::PeerFailed),
        Next::Task(load(2, DEADLINE_MS)),
        "a clock set back gives no more"
    );

    let mut short = node_with_short_deadline();
    assert_eq!(short.lead().1, ask(1, "a", 90), "a peer gets no more than the deadline");
}

fn node_with_short_deadline() -> Node {
    let node = node(|options| options.deadline_ms = 90);
    node.peers.0.set(&["a"]);
    node
}

#[test]
fn peers_that_change_midway_give_the_ladder_its_next_rung() {
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
fn a_failed_load_serves_stale_where_allowed_and_else_its_error() {
    for told in [TaskResult::LoadFailed, TaskResult::PeerFailed] {
        let mut node = node(|options| (options.ttl_ms, options.stale_if_error_ms) = (Some(50), 30));
        node.load(b"old");
        node.peers.0.set(&["owner"]);
        for (age, stale) in [(50, true), (79, true), (80, false)] {
            node.now = 1_000_000 + age;
            let (flight, _) = node.lead();
            let next = match node.complete_task(flight, told) {
                Next::Task(Task::Load { .. }) | Next::Task(Task::Ask { .. }) => {
                    node.complete_task(flight, TaskResult::LoadFailed)
                }
                next => next,
            };
            match next {
                Next::Stale(spot) if stale => assert_eq!(node.group.at(spot).value, b"old"),
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
    assert_eq!((empty.stats().errors, empty.here()), (1, None), "an error is not kept");
    assert!(matches!(empty.begin(), Step::Lead(..)));
}

#[test]
fn a_peer_s_question_is_never_forwarded() {
    let mut node = with_peers(&["owner", "next"]);
    let Step::Lead(flight, task) = node.begin_as(Origin::Peer, K) else { panic!("led nothing") };
    assert_eq!(task, load(1, DEADLINE_MS));
    assert_eq!(node.begin(), Step::Join(flight), "a caller may wait for it");
    node.complete_task(flight, given(b"own"));
    assert_eq!((node.stats().peer_requests, node.stats().requests, node.stats().loads), (1, 1, 1));
}

#[test]
fn a_peer_s_question_never_joins_a_flight_that_asks_a_peer() {
    let mut node = with_peers(&["owner"]);
    let (asking, _) = node.lead();
    let Step::Lead(loading, task) = node.begin_as(Origin::Peer, K) else { panic!("waits for a peer") };
    assert_eq!(task, load(1, DEADLINE_MS));
    assert_eq!(node.begin_as(Origin::Peer, K), Step::Join(loading));
    node.complete_task(loading, given(b"own"));
    assert_eq!(node.complete_task(asking, from_owner(b"owner's", 9)), Next::Done);
    assert_eq!(node.stats().flights, 0);

    let mut node = with_peers(&["owner"]);
    let (flight, _) = node.lead();
    node.complete_task(flight, TaskResult::PeerFailed);
    assert_eq!(node.begin_as(Origin::Peer, K), Step::Join(flight), "it loads here by now");
}

#[test]
fn a_stale_copy_is_renewed_for_a_peer_without_asking_one() {
    let mut node = node(|options| (options.ttl_ms, options.stale_while_revalidate_ms) = (Some(50), 30));
    node.load(b"old");
    node.peers.0.set(&["owner"]);
    node.now += 60;
    let Step::Stale(_, Some((_, task))) = node.begin_as(Origin::Peer, K) else { panic!("no renewal") };
    assert_eq!(task, load(1, DEADLINE_MS));
}

#[test]
fn what_is_told_after_the_flight_was_lost_changes_nothing() {
    for (told, next) in [
        (given(b"late"), Next::Done),
        (TaskResult::NotFound, Next::Done),
        (TaskResult::LoadFailed, Next::Done),
        (TaskResult::PeerFailed, Next::Retry),
    ] {
        let mut node = with_peers(&["owner"]);
        let (lost, _) = node.lead();
        node.group.abandon(lost);
        assert!(!node.group.is_in_flight(lost));
        let (flight, _) = node.lead();
        assert_eq!(node.complete_task(lost, told), next);
        assert!(node.group.is_in_flight(flight), "the new flight goes on");
        node.complete_task(flight, given(b"new"));
        assert_eq!(node.complete_task(lost, told), next);
        assert_eq!(node.here(), Some(&b"new"[..]));
        assert_eq!((node.stats().lost_flights, node.stats().flights), (1, 0));
    }
}

#[test]
fn a_silent_leader_is_given_up_after_four_ticks() {
    let mut node = alone();
    let (flight, _) = node.lead();
    assert!(node.group.heartbeat(flight, &node.peers));
    for _ in 0..MAX_MISSED_HEARTBEATS {
        node.now += u64::from(HEARTBEAT_MS);
        assert!(node.group.watch(flight, node.now), "one beat and fewer than four silent ticks");
    }
    node.now += u64::from(HEARTBEAT_MS);
    assert!(!node.group.watch(flight, node.now));
    let again = node.group.begin_again(K, node.now, Origin::Local, &mut node.peers);
    assert!(matches!(again, Step::Lead(next, _) if next != flight), "{again:?}");
    assert_eq!((node.stats().requests, node.stats().lost_flights), (1, 1), "it is one look-up still");
}

#[test]
fn flights_twice_as_old_as_the_deadline_are_swept_when_another_takes_off() {
    let mut node = alone();
    let (old, _) = node.lead();
    node.now += 2 * DEADLINE_MS;
    node.begin_as(Origin::Local, b"another");
    assert!(node.group.is_in_flight(old), "at twice its age it is not yet older");
    node.now += 1;
    node.begin_as(Origin::Local, b"a third");
    assert!(!node.group.is_in_flight(old));
    assert_eq!((node.stats().lost_flights, node.stats().flights), (1, 2));
}
