//! The circuit breakers of a pool as its flights meet them: when one opens, probes, and closes.

use crate::node::{ask, from_owner};
use crate::support::for_seeds;
use geecache_edge::group::singleflight::FlightId;
use geecache_edge::group::{Next, Origin, Step, Task, TaskResult};
use geecache_edge::{GroupOptions, Pool, PoolOptions, Stats};

const PEERS: [&str; 3] = ["http://localhost:8001", "http://localhost:8002", "http://localhost:8003"];
/// The owner of the key Tom, and the ring's next peer.
const OWNER: &str = PEERS[0];
const NEXT: &str = PEERS[1];
const TOM: &[u8] = b"Tom";

/// A node that is none of the peers, so that every key has another owner.
struct Client {
    pool: Pool,
    now: u64,
}

impl Client {
    fn new(seed: u64) -> Client {
        let peers = PEERS.map(str::to_owned).to_vec();
        let mut pool = Pool::new(&PoolOptions { peers, seed, ..PoolOptions::default() }).unwrap();
        let mut options = GroupOptions::new(1 << 16);
        options.hot_ttl_ms = Some(0);
        pool.add_group("scores", options).unwrap();
        Client { pool, now: 1_000_000 }
    }

    fn lead(&mut self, key: &[u8]) -> (FlightId, Task) {
        let id = self.pool.find_group("scores").unwrap();
        let (group, peers) = self.pool.group_mut(id).unwrap();
        match group.begin(key, self.now, Origin::Local, peers).unwrap() {
            Step::Lead(flight, task) => (flight, task),
            step => panic!("led nothing: {step:?}"),
        }
    }

    fn complete_task(&mut self, flight: FlightId, attempt: u32, result: TaskResult<'_>) -> Next {
        let id = self.pool.find_group("scores").unwrap();
        let (group, peers) = self.pool.group_mut(id).unwrap();
        group.complete_task(flight, attempt, self.now, result, peers)
    }

    fn heartbeat(&mut self, flight: FlightId) -> bool {
        let id = self.pool.find_group("scores").unwrap();
        let (group, peers) = self.pool.group_mut(id).unwrap();
        group.heartbeat(flight, peers)
    }

    /// Runs one flight of Tom: reports `owner_result` for the owner, and a value for any other task. Returns whether the
    /// owner was asked.
    fn ask_owner(&mut self, owner_result: TaskResult<'_>) -> bool {
        let (flight, mut task) = self.lead(TOM);
        let asked = matches!(&task, Task::Ask { peer, .. } if **peer == *OWNER);
        loop {
            let result = match &task {
                Task::Ask { peer, .. } if **peer == *OWNER => owner_result,
                _ => from_owner(b"630", 0),
            };
            match self.complete_task(flight, task.attempt(), result) {
                Next::Task(next) => task = next,
                Next::Done => break,
                next => panic!("{next:?}"),
            }
        }
        // So that the next flight asks again.
        let id = self.pool.find_group("scores").unwrap();
        self.pool.group_mut(id).unwrap().0.remove(TOM);
        asked
    }

    fn stats(&self) -> Stats {
        self.pool.group(self.pool.find_group("scores").unwrap()).unwrap().stats()
    }
}

#[test]
fn breaker_after_five_failures_in_a_row_skips_the_peer() {
    let mut node = Client::new(1);
    for _ in 0..5 {
        assert!(node.ask_owner(TaskResult::PeerFailed));
    }
    let (_, task) = node.lead(TOM);
    assert!(matches!(task, Task::Ask { ref peer, .. } if **peer == *NEXT), "{task:?}");
    assert_eq!(node.stats().short_circuits, 1);
}

#[test]
fn response_of_any_kind_resets_the_failures_in_a_row() {
    for alive in
        [from_owner(b"630", 0), TaskResult::NotFound, TaskResult::LoadFailed, TaskResult::NotTransferable]
    {
        let mut node = Client::new(1);
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
fn not_transferable_keys_do_not_open_the_breaker() {
    let mut node = Client::new(1);
    for _ in 0..100 {
        assert!(
            node.ask_owner(TaskResult::NotTransferable),
            "keys chosen by strangers must not open a breaker"
        );
    }
    let stats = node.stats();
    assert_eq!(
        (stats.loads, stats.short_circuits, stats.peer_failures),
        (100, 0, 100),
        "every key is loaded here"
    );
}

#[test]
fn breaker_after_half_of_the_history_failed_skips_the_peer() {
    let mut node = Client::new(1);
    let asked = (0..64).take_while(|at| {
        let result = if at % 2 == 0 { TaskResult::PeerFailed } else { from_owner(b"630", 0) };
        node.ask_owner(result)
    });
    assert_eq!(asked.count(), 33, "a full history, and one failure");
}

#[test]
fn probe_after_the_cool_down_closes_the_breaker_or_doubles_the_cool_down() {
    for_seeds(50, |rng| {
        let mut node = Client::new(rng.below(1 << 50));
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
        assert!(!node.ask_owner(TaskResult::PeerFailed), "five new failures in a row");
    });
}

impl Client {
    /// Whether the owner of Tom is asked for Jack, another of its keys.
    fn ask_other_key_of_owner(&mut self) -> bool {
        let (flight, task) = self.lead(b"Jack");
        self.complete_task(flight, 1, TaskResult::NotFound);
        matches!(task, Task::Ask { peer, .. } if *peer == *OWNER)
    }
}

#[test]
fn probe_whose_leader_vanishes_is_followed_by_another() {
    let mut node = Client::new(1);
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
fn cool_downs_of_different_nodes_differ() {
    let cooled = |seed| {
        let mut node = Client::new(seed);
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
fn heartbeat_of_a_flight_asking_a_removed_peer_is_refused() {
    let mut node = Client::new(1);
    let (flight, _) = node.lead(TOM);
    assert!(node.heartbeat(flight));
    let peers = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    node.pool.peers_mut().set_peers(&peers(&[OWNER, "http://new"])).unwrap();
    assert!(node.heartbeat(flight), "the peer being asked is still in the list");
    node.pool.peers_mut().set_peers(&peers(&["http://new"])).unwrap();
    assert!(!node.heartbeat(flight));
    assert_eq!(
        node.complete_task(flight, 1, TaskResult::PeerFailed),
        Next::Task(ask(2, "http://new", 2_000))
    );
    assert!(node.heartbeat(flight));
}

#[test]
fn breaker_of_a_peer_that_left_and_returned_is_closed() {
    let mut node = Client::new(1);
    (0..5).for_each(|_| assert!(node.ask_owner(TaskResult::PeerFailed)));
    assert!(!node.ask_owner(TaskResult::PeerFailed));
    node.pool.peers_mut().set_peers(&[]).unwrap();
    node.pool.peers_mut().set_peers(&PEERS.map(str::to_owned)).unwrap();
    assert!(node.ask_owner(TaskResult::PeerFailed));
}

#[test]
fn late_result_is_not_recorded_by_the_circuit_breaker() {
    for (late, is_asked) in [(TaskResult::PeerFailed, true), (from_owner(b"630", 0), false)] {
        let mut node = Client::new(1);
        let failures_before = if is_asked { 3 } else { 4 };
        (0..failures_before).for_each(|_| assert!(node.ask_owner(TaskResult::PeerFailed)));
        // One more failure, and a result that arrives after the flight has moved on.
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
