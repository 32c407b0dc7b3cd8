//! The ladder of a flight: circuit breakers, peers that leave, keys that cannot travel, and what came meanwhile.

use crate::node::{K, ask, from_owner, given, load, with_peers};
use crate::support::for_seeds;
use geecache_edge::group::singleflight::FlightId;
use geecache_edge::group::{Asker, Next, Step, Task, Told};
use geecache_edge::{GroupOptions, PeerPicker, Pool, PoolOptions, Stats};

const PEERS: [&str; 3] = ["http://localhost:8001", "http://localhost:8002", "http://localhost:8003"];
/// Tom's owner, and who comes after it.
const OWNER: &str = PEERS[0];
const NEXT: &str = PEERS[1];
const TOM: &[u8] = b"Tom";

/// A node that is none of the peers, so that each key has an owner to ask.
struct Asking {
    pool: Pool,
    now: u64,
}

impl Asking {
    fn new(seed: u64) -> Asking {
        let peers = PEERS.map(str::to_owned).to_vec();
        let mut pool = Pool::new(&PoolOptions { peers, seed, ..PoolOptions::default() }).unwrap();
        let mut options = GroupOptions::new(1 << 16);
        options.hot_ttl_ms = Some(0);
        pool.add_group("scores", options).unwrap();
        Asking { pool, now: 1_000_000 }
    }

    fn lead(&mut self, key: &[u8]) -> (FlightId, Task) {
        let id = self.pool.find_group("scores").unwrap();
        let (group, peers) = self.pool.group_mut(id).unwrap();
        match group.begin(key, self.now, Asker::Caller, peers).unwrap() {
            Step::Lead(flight, task) => (flight, task),
            step => panic!("led nothing: {step:?}"),
        }
    }

    fn told(&mut self, flight: FlightId, told: Told<'_>) -> Next {
        let id = self.pool.find_group("scores").unwrap();
        let (group, peers) = self.pool.group_mut(id).unwrap();
        group.told(flight, self.now, told, peers)
    }

    fn beat(&mut self, flight: FlightId) -> bool {
        let id = self.pool.find_group("scores").unwrap();
        let (group, peers) = self.pool.group_mut(id).unwrap();
        group.beat(flight, peers)
    }

    /// Asks the owner once, if it is asked, and tells what came of it; then the loader gives a value.
    fn ask_owner(&mut self, owner_told: Told<'_>) -> bool {
        let (flight, mut task) = self.lead(TOM);
        let asked = matches!(&task, Task::Ask { peer, .. } if **peer == *OWNER);
        loop {
            let told = match &task {
                Task::Ask { peer, .. } if **peer == *OWNER => owner_told,
                _ => from_owner(b"630", 0),
            };
            match self.told(flight, told) {
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
    let mut node = Asking::new(1);
    for _ in 0..5 {
        assert!(node.ask_owner(Told::PeerFailed));
    }
    let (_, task) = node.lead(TOM);
    assert!(matches!(task, Task::Ask { ref peer, .. } if **peer == *NEXT), "{task:?}");
    assert_eq!(node.stats().passed_over, 1);
}

#[test]
fn an_answer_of_any_kind_is_a_sign_of_life() {
    for alive in [from_owner(b"630", 0), Told::NoSuchKey, Told::LoadFailed, Told::Unfit] {
        let mut node = Asking::new(1);
        for _ in 0..4 {
            assert!(node.ask_owner(Told::PeerFailed));
        }
        let resets = alive != Told::Unfit;
        assert!(node.ask_owner(alive));
        assert!(node.ask_owner(Told::PeerFailed));
        assert_eq!(node.ask_owner(Told::PeerFailed), resets, "{alive:?}");
    }
}

#[test]
fn keys_that_no_peer_can_be_asked_for_open_no_breaker() {
    let mut node = Asking::new(1);
    for _ in 0..100 {
        assert!(node.ask_owner(Told::Unfit), "strangers choose keys: they may not cut a peer off");
    }
    let stats = node.stats();
    assert_eq!((stats.loads, stats.passed_over, stats.peer_failures), (100, 0, 100), "each is loaded here");
}

#[test]
fn a_peer_that_fails_half_of_the_time_is_passed_over_as_well() {
    let mut node = Asking::new(1);
    let asked = (0..64).take_while(|at| {
        let told = if at % 2 == 0 { Told::PeerFailed } else { from_owner(b"630", 0) };
        node.ask_owner(told)
    });
    assert_eq!(asked.count(), 33, "a whole history, and a failure");
}

#[test]
fn after_the_cool_down_one_probe_is_let_through_and_decides() {
    for_seeds(50, |rng| {
        let mut node = Asking::new(rng.below(1 << 50));
        (0..5).for_each(|_| assert!(node.ask_owner(Told::PeerFailed)));
        let mut longest_ms = 1_000;
        for _ in 0..8 {
            let opened_at = node.now;
            while !node.ask_owner(Told::PeerFailed) {
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
        assert_eq!(node.told(probe, from_owner(b"630", 0)), Next::Done);
        assert!(node.ask_owner(Told::PeerFailed), "closed again");
        (0..4).for_each(|_| assert!(node.ask_owner(Told::PeerFailed)));
        assert!(!node.ask_owner(Told::PeerFailed), "five in a row, anew");
    });
}

impl Asking {
    /// Whether the owner of Tom is asked for Jack, which is its key as well.
    fn ask_other_key_of_owner(&mut self) -> bool {
        let (flight, task) = self.lead(b"Jack");
        self.told(flight, Told::NoSuchKey);
        matches!(task, Task::Ask { peer, .. } if *peer == *OWNER)
    }
}

#[test]
fn a_probe_whose_asker_vanishes_does_not_keep_the_peer_out() {
    let mut node = Asking::new(1);
    (0..5).for_each(|_| assert!(node.ask_owner(Told::PeerFailed)));
    node.now += 1_000;
    let (vanished, task) = node.lead(TOM);
    assert!(matches!(task, Task::Ask { peer, .. } if *peer == *OWNER));
    let id = node.pool.find_group("scores").unwrap();
    node.pool.group_mut(id).unwrap().0.lose(vanished);
    assert!(!node.ask_owner(Told::PeerFailed));
    node.now += 1_000;
    assert!(node.ask_owner(from_owner(b"630", 0)));
}

#[test]
fn nodes_come_back_to_a_peer_at_different_times() {
    let cooled = |seed| {
        let mut node = Asking::new(seed);
        (0..5).for_each(|_| assert!(node.ask_owner(Told::PeerFailed)));
        let opened_at = node.now;
        while !node.ask_owner(Told::PeerFailed) {
            node.now += 1;
        }
        node.now - opened_at
    };
    let times: std::collections::BTreeSet<u64> = (0..20).map(cooled).collect();
    assert!(times.len() > 15, "{times:?}");
}

#[test]
fn nobody_waits_for_a_peer_that_left() {
    let mut node = Asking::new(1);
    let (flight, _) = node.lead(TOM);
    assert!(node.beat(flight));
    let peers = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    node.pool.peers_mut().set_peers(&peers(&[OWNER, "http://new"])).unwrap();
    assert!(node.beat(flight), "the peer that is asked has stayed");
    node.pool.peers_mut().set_peers(&peers(&["http://new"])).unwrap();
    assert!(!node.beat(flight));
    assert_eq!(node.told(flight, Told::PeerFailed), Next::Task(ask("http://new", 2_000)));
    assert!(node.beat(flight));
}

#[test]
fn a_peer_that_left_and_came_back_begins_anew() {
    let mut node = Asking::new(1);
    (0..5).for_each(|_| assert!(node.ask_owner(Told::PeerFailed)));
    assert!(!node.ask_owner(Told::PeerFailed));
    node.pool.peers_mut().set_peers(&[]).unwrap();
    node.pool.peers_mut().set_peers(&PEERS.map(str::to_owned)).unwrap();
    assert!(node.ask_owner(Told::PeerFailed));
}

#[test]
fn what_cannot_travel_is_loaded_here_and_asks_nobody_else() {
    let mut node = with_peers(&["a", "b", "c"]);
    let (flight, _) = node.lead();
    assert_eq!(node.told(flight, Told::Unfit), Next::Task(load(crate::node::DEADLINE_MS)));
    assert_eq!(node.stats().fallbacks, 1);
}

#[test]
fn a_flight_whose_peer_failed_takes_what_came_meanwhile() {
    // The owner is down: peers ask us, the next on the ring, while we wait for the owner ourselves.
    let mut node = with_peers(&["owner"]);
    let (asking, _) = node.lead();
    let Step::Lead(loading, _) = node.begin_as(Asker::Peer, K) else { panic!("waits for a peer") };
    assert_eq!(node.told(asking, Told::PeerFailed), Next::Again, "a second load of one key");
    let again = node.group.begin_again(K, node.now, Asker::Caller, &mut node.peers);
    assert_eq!(again, Step::Join(loading));

    let mut node = with_peers(&["owner"]);
    let (asking, _) = node.lead();
    let Step::Lead(loading, _) = node.begin_as(Asker::Peer, K) else { panic!("waits for a peer") };
    node.told(loading, given(b"630"));
    assert_eq!(node.told(asking, Told::PeerFailed), Next::Again);
    assert_eq!(node.answered(), b"630");
    assert_eq!((node.stats().loads, node.stats().flights), (1, 0));
}

#[test]
fn a_list_that_changes_at_each_rung_asks_nobody_twice() {
    let mut node = crate::node::node(|options| options.failover = 3);
    node.peers.0.set(&["a", "b"]);
    let (flight, task) = node.lead();
    assert_eq!(task, ask("a", crate::node::PEER_TIMEOUT_MS));
    node.peers.0.set(&["b", "a"]);
    assert_eq!(node.told(flight, Told::PeerFailed), Next::Task(ask("b", crate::node::PEER_TIMEOUT_MS)));
    node.peers.0.set(&["b", "c", "a"]);
    assert_eq!(node.told(flight, Told::PeerFailed), Next::Task(ask("c", crate::node::PEER_TIMEOUT_MS)));
    node.peers.0.set(&["a", "", "d"]);
    assert_eq!(
        node.told(flight, Told::PeerFailed),
        Next::Task(load(crate::node::DEADLINE_MS)),
        "this node's turn"
    );
    assert!(node.peers.has(&"anybody".into()), "peers of a plain picker do not leave");
}
