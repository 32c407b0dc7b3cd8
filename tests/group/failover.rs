//! The ladder of a flight: circuit breakers, peers that leave, keys that cannot travel, and what came meanwhile.

use crate::node::{K, ask, from_owner, given, load, with_peers};
use crate::support::for_seeds;
use geecache_edge::group::singleflight::FlightId;
use geecache_edge::group::{Next, Origin, Step, Task, TaskResult};
use geecache_edge::{GroupOptions, PeerPicker, Pool, PoolOptions, Stats};

const PEERS: [&str; 3] = ["http://localhost:8001", "http://localhost:8002", "http://localhost:8003"];
/// Tom's owner, and who comes after it.
const OWNER: &str = PEERS[0];
const NEXT: &str = PEERS[1];
const TOM: &[u8] = b"Tom";

/// A node that is none of the peers, so that each key has an owner to ask.
struct OutgoingRequest {
    pool: Pool,
    now: u64,
}

impl OutgoingRequest {
    fn new(seed: u64) -> OutgoingRequest {
        let peers = PEERS.map(str::to_owned).to_vec();
        let mut pool = Pool::new(&PoolOptions { peers, seed, ..PoolOptions::default() }).unwrap();
        let mut options = GroupOptions::new(1 << 16);
        options.hot_ttl_ms = Some(0);
        pool.add_group("scores", options).unwrap();
        OutgoingRequest { pool, now: 1_000_000 }
    }

    fn lead(&mut self, key: &[u8]) -> (FlightId, Task) {
        let id = self.pool.find_group("scores").unwrap();
        let (group, peers) = self.pool.group_mut(id).unwrap();
        match group.begin(key, self.now, Origin::Local, peers).unwrap() {
            Step::Lead(flight, task) => (flight, task),
            step => panic!("led nothing: {step:?}"),
        }
    }

    fn complete_task(&mut self, flight: FlightId, attempt: u32, told: TaskResult<'_>) -> Next {
        let id = self.pool.find_group("scores").unwrap();
        let (group, peers) = self.pool.group_mut(id).unwrap();
        group.complete_task(flight, attempt, self.now, told, peers)
    }

    fn heartbeat(&mut self, flight: FlightId) -> bool {
        let id = self.pool.find_group("scores").unwrap();
        let (group, peers) = self.pool.group_mut(id).unwrap();
        group.heartbeat(flight, peers)
    }

    /// Asks the owner once, if it is asked, and tells what came of it; then the loader gives a value.
    fn ask_owner(&mut self, owner_told: TaskResult<'_>) -> bool {
        let (flight, mut task) = self.lead(TOM);
        let asked = matches!(&task, Task::Ask { peer, .. } if **peer == *OWNER);
        loop {
            let told = match &task {
                Task::Ask { peer, .. } if **peer == *OWNER => owner_told,
                _ => from_owner(b"630", 0),
            };
            match self.complete_task(flight, task.attempt(), told) {
                Next::Task(next) => task = next,
                Next::Done => break,
                next => panic!("{next:?}"),
            }
        }
        // The next one asks again.
        let id = self.pool.find_group("scores").unwrap();
        self.pool.group_mut(id).unwrap().0.remove(TOM);
        asked
    }

    fn stats(&self) -> Stats {
        self.pool.group(self.pool.find_group("scores").unwrap()).unwrap().stats()
    }
}

#[test]
fn a_peer_that_failed_five_times_in_a_row_is_passed_over_at_once() {
    let mut node = OutgoingRequest::new(1);
    for _ in 0..5 {
        assert!(node.ask_owner(TaskResult::PeerFailed));
    }
    let (_, task) = node.lead(TOM);
    assert!(matches!(task, Task::Ask { ref peer, .. } if **peer == *NEXT), "{task:?}");
    assert_eq!(node.stats().short_circuits, 1);
}

#[test]
fn an_answer_of_any_kind_is_a_sign_of_life() {
    for alive in
        [from_owner(b"630", 0), TaskResult::NotFound, TaskResult::LoadFailed, TaskResult::NotTransferable]
    {
        let mut node = OutgoingRequest::new(1);
        for _ in 0..4 {
            assert!(node.ask_owner(TaskResult::PeerFailed));
        }
        let resets = alive != TaskResult::NotTransferable;
        assert!(node.ask_owner(alive));
        assert!(node.ask_owner(TaskResult::PeerFailed));
        assert_eq!(node.ask_owner(TaskResult::PeerFailed), resets, "{alive:?}");
    }
}

#[test]
fn keys_that_no_peer_can_be_asked_for_open_no_breaker() {
    let mut node = OutgoingRequest::new(1);
    for _ in 0..100 {
        assert!(
            node.ask_owner(TaskResult::NotTransferable),
            "strangers choose keys: they may not cut a peer off"
        );
    }
    let stats = node.stats();
    assert_eq!(
        (stats.loads, stats.short_circuits, stats.peer_failures),
        (100, 0, 100),
        "each is loaded here"
    );
}

#[test]
fn a_peer_that_fails_half_of_the_time_is_passed_over_as_well() {
    let mut node = OutgoingRequest::new(1);
    let asked = (0..64).take_while(|at| {
        let told = if at % 2 == 0 { TaskResult::PeerFailed } else { from_owner(b"630", 0) };
        node.ask_owner(told)
    });
    assert_eq!(asked.count(), 33, "a whole history, and a failure");
}

#[test]
fn after_the_cool_down_one_probe_is_let_through_and_decides() {
    for_seeds(50, |rng| {
        let mut node = OutgoingRequest::new(rng.below(1 << 50));
        (0..5).for_each(|_| assert!(node.ask_owner(TaskResult::PeerFailed)));
        let mut longest_ms = 1_000;
        for _ in 0..8 {
            let opened_at = node.now;
            while !node.ask_owner(TaskResult::PeerFailed) {
                node.now += 10;
            }
            let cooled_ms = node.now - opened_at;
            assert!(
                (longest_ms / 2..=longest_ms + 10).contains(&cooled_ms),
                "{cooled_ms} of {longest_ms} ms"
            );
            longest_ms = (longest_ms * 2).min(30_000);
        }
        node.now += 30_000;
        let (probe, task) = node.lead(b"Tom");
        assert!(matches!(task, Task::Ask { ref peer, .. } if **peer == *OWNER));
        assert!(!node.ask_other_key_of_owner(), "one probe at a time");
        assert_eq!(node.complete_task(probe, 1, from_owner(b"630", 0)), Next::Done);
        assert!(node.ask_owner(TaskResult::PeerFailed), "closed again");
        (0..4).for_each(|_| assert!(node.ask_owner(TaskResult::PeerFailed)));
        assert!(!node.ask_owner(TaskResult::PeerFailed), "five in a row, anew");
    });
}

impl OutgoingRequest {
    /// Whether the owner of Tom is asked for Jack, which is its key as well.
    fn ask_other_key_of_owner(&mut self) -> bool {
        let (flight, task) = self.lead(b"Jack");
        self.complete_task(flight, 1, TaskResult::NotFound);
        matches!(task, Task::Ask { peer, .. } if *peer == *OWNER)
    }
}

#[test]
fn a_probe_whose_asker_vanishes_does_not_keep_the_peer_out() {
    let mut node = OutgoingRequest::new(1);
    (0..5).for_each(|_| assert!(node.ask_owner(TaskResult::PeerFailed)));
    node.now += 1_000;
    let (vanished, task) = node.lead(TOM);
    assert!(matches!(task, Task::Ask { peer, .. } if *peer == *OWNER));
    let id = node.pool.find_group("scores").unwrap();
    node.pool.group_mut(id).unwrap().0.abandon(vanished);
    assert!(!node.ask_owner(TaskResult::PeerFailed));
    node.now += 1_000;
    assert!(node.ask_owner(from_owner(b"630", 0)));
}

#[test]
fn nodes_come_back_to_a_peer_at_different_times() {
    let cooled = |seed| {
        let mut node = OutgoingRequest::new(seed);
        (0..5).for_each(|_| assert!(node.ask_owner(TaskResult::PeerFailed)));
        let opened_at = node.now;
        while !node.ask_owner(TaskResult::PeerFailed) {
            node.now += 1;
        }
        node.now - opened_at
    };
    let times: std::collections::BTreeSet<u64> = (0..20).map(cooled).collect();
    assert!(times.len() > 15, "{times:?}");
}

#[test]
fn nobody_waits_for_a_peer_that_left() {
    let mut node = OutgoingRequest::new(1);
    let (flight, _) = node.lead(TOM);
    assert!(node.heartbeat(flight));
    let peers = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    node.pool.peers_mut().set_peers(&peers(&[OWNER, "http://new"])).unwrap();
    assert!(node.heartbeat(flight), "the peer that is asked has stayed");
    node.pool.peers_mut().set_peers(&peers(&["http://new"])).unwrap();
    assert!(!node.heartbeat(flight));
    assert_eq!(
        node.complete_task(flight, 1, TaskResult::PeerFailed),
        Next::Task(ask(2, "http://new", 2_000))
    );
    assert!(node.heartbeat(flight));
}

#[test]
fn a_peer_that_left_and_came_back_begins_anew() {
    let mut node = OutgoingRequest::new(1);
    (0..5).for_each(|_| assert!(node.ask_owner(TaskResult::PeerFailed)));
    assert!(!node.ask_owner(TaskResult::PeerFailed));
    node.pool.peers_mut().set_peers(&[]).unwrap();
    node.pool.peers_mut().set_peers(&PEERS.map(str::to_owned)).unwrap();
    assert!(node.ask_owner(TaskResult::PeerFailed));
}

#[test]
fn what_cannot_travel_is_loaded_here_and_asks_nobody_else() {
    let mut node = with_peers(&["a", "b", "c"]);
    let (flight, _) = node.lead();
    assert_eq!(
        node.complete_task(flight, TaskResult::NotTransferable),
        Next::Task(load(2, crate::node::DEADLINE_MS))
    );
    assert_eq!(node.stats().fallbacks, 1);
}

#[test]
fn a_flight_whose_peer_failed_takes_what_came_meanwhile() {
    // The owner is down: peers ask us, the next on the ring, while we wait for the owner ourselves.
    let mut node = with_peers(&["owner"]);
    let (asking, _) = node.lead();
    let Step::Lead(loading, _) = node.begin_as(Origin::Peer, K) else { panic!("waits for a peer") };
    assert_eq!(node.complete_task(asking, TaskResult::PeerFailed), Next::Retry, "a second load of one key");
    let again = node.group.begin_again(K, node.now, Origin::Local, &mut node.peers);
    assert_eq!(again, Step::Join(loading));

    let mut node = with_peers(&["owner"]);
    let (asking, _) = node.lead();
    let Step::Lead(loading, _) = node.begin_as(Origin::Peer, K) else { panic!("waits for a peer") };
    node.complete_task(loading, given(b"630"));
    assert_eq!(node.complete_task(asking, TaskResult::PeerFailed), Next::Retry);
    assert_eq!(node.answered(), b"630");
    assert_eq!((node.stats().loads, node.stats().flights), (1, 0));
}

#[test]
fn a_list_that_changes_at_each_rung_asks_nobody_twice() {
    let mut node = crate::node::node(|options| options.failover = 3);
    node.peers.0.set(&["a", "b"]);
    let (flight, task) = node.lead();
    assert_eq!(task, ask(1, "a", crate::node::PEER_TIMEOUT_MS));
    node.peers.0.set(&["b", "a"]);
    assert_eq!(
        node.complete_task(flight, TaskResult::PeerFailed),
        Next::Task(ask(2, "b", crate::node::PEER_TIMEOUT_MS))
    );
    node.peers.0.set(&["b", "c", "a"]);
    assert_eq!(
        node.complete_task(flight, TaskResult::PeerFailed),
        Next::Task(ask(3, "c", crate::node::PEER_TIMEOUT_MS))
    );
    node.peers.0.set(&["a", "", "d"]);
    assert_eq!(
        node.complete_task(flight, TaskResult::PeerFailed),
        Next::Task(load(4, crate::node::DEADLINE_MS)),
        "this node's turn"
    );
    assert!(node.peers.contains(&"anybody".into()), "peers of a plain picker do not leave");
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
        assert_eq!((node.stats(), node.here()), (before, None), "{late:?}");
        assert_eq!(node.begin(), Step::Join(flight), "the flight goes on");
        assert_eq!(node.complete_task(flight, from_owner(b"next's", 1_000)), Next::Done);
        assert_eq!(node.answered(), b"next's");
    }
}

#[test]
fn peer_value_after_its_timeout_is_not_cached_as_the_loaders_own() {
    let mut node = crate::node::node(|options| options.hot_ttl_ms = Some(10));
    node.peers.0.set(&["owner"]);
    let (flight, asked) = node.lead();
    assert!(matches!(node.complete_task(flight, TaskResult::PeerFailed), Next::Task(Task::Load { .. })));
    let late = from_owner(b"owner's", 1_000);
    assert_eq!(node.complete_attempt(flight, asked.attempt(), late), Next::Superseded);
    assert_eq!(node.complete_task(flight, given(b"own")), Next::Done);
    node.now += 10;
    assert_eq!(node.here(), Some(&b"own"[..]), "an own value, beyond the lifetime of a hot copy");
}

#[test]
fn doubled_failure_moves_the_flight_on_once() {
    let mut node = with_peers(&["owner", "next"]);
    let (flight, asked) = node.lead();
    assert!(matches!(node.complete_task(flight, TaskResult::PeerFailed), Next::Task(Task::Ask { .. })));
    let doubled = node.complete_attempt(flight, asked.attempt(), TaskResult::PeerFailed);
    assert_eq!((doubled, node.stats().peer_failures), (Next::Superseded, 1));
}

#[test]
fn late_result_is_not_recorded_by_the_circuit_breaker() {
    for (late, is_asked) in [(TaskResult::PeerFailed, true), (from_owner(b"630", 0), false)] {
        let mut node = OutgoingRequest::new(1);
        let failures_before = if is_asked { 3 } else { 4 };
        (0..failures_before).for_each(|_| assert!(node.ask_owner(TaskResult::PeerFailed)));
        // One more failure, whose answer arrives after the flight has moved on.
        let (flight, task) = node.lead(TOM);
        assert!(matches!(&task, Task::Ask { peer, .. } if **peer == *OWNER));
        let Next::Task(next) = node.complete_task(flight, task.attempt(), TaskResult::PeerFailed) else {
            panic!("the flight ended")
        };
        assert_eq!(node.complete_task(flight, task.attempt(), late), Next::Superseded);
        node.complete_task(flight, next.attempt(), TaskResult::NotFound);
        assert_eq!(node.ask_owner(TaskResult::PeerFailed), is_asked, "{late:?}: each failure counts once");
    }
}
