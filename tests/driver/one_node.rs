//! One node under the async driver, in virtual time: callers that vanish, loaders and peers that hang or fail.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;

use crate::sim::*;
use futures_util::future::join_all;
use geecache_edge::driver::Runtime;
use geecache_edge::group::Origin;
use geecache_edge::{Code, Error, NoPeers, PeerAnswer};

#[test]
fn hundred_callers_of_one_key_cost_one_load() {
    let (mut sim, loads) = (Sim::new(), Count::default());
    let node = alone(&sim, &loads);
    let callers = gets(&sim, &node, 100);
    for outcome in sim.run(join_all(callers)) {
        assert_eq!(text(outcome), "k 1");
    }
    assert_eq!(sim.runtime.elapsed_ms(), 100);
    let stats = node.stats();
    assert_eq!((stats.requests, stats.coalesced, stats.loads, stats.flights), (100, 99, 1, 0));
}

#[test]
fn vanished_leader_costs_one_more_load() {
    let (mut sim, loads) = (Sim::new(), Count::default());
    let node = alone(&sim, &loads);
    let leader = get(&sim, &node, "k");
    let followers = gets(&sim, &node, 50);
    pass(&mut sim, 40);
    drop(leader);
    for outcome in sim.run(join_all(followers)) {
        assert_eq!(text(outcome), "k 2");
    }
    assert_eq!(sim.runtime.elapsed_ms(), 140);
    let stats = node.stats();
    assert_eq!((stats.requests, stats.loads, stats.lost_flights, stats.flights), (51, 2, 1, 0));
}

#[test]
fn caller_after_all_others_vanished_leads() {
    let (mut sim, loads) = (Sim::new(), Count::default());
    let node = alone(&sim, &loads);
    let all = gets(&sim, &node, 5);
    pass(&mut sim, 40);
    drop(all);
    sim.settle();
    assert_eq!(node.stats().flights, 0);
    let next = get(&sim, &node, "k");
    assert_eq!(text(sim.run(next)), format!("k {}", loads.0.get()));
}

#[test]
fn hanging_loader_times_out_at_the_deadline() {
    let mut sim = Sim::new();
    let node = node(&sim, TestLoader::new(|_| pending()), Net::none(), |_| ());
    let leader = get(&sim, &node, "k");
    pass(&mut sim, 400);
    let follower = get(&sim, &node, "k");
    assert_eq!(code(sim.run(leader)), Code::Timeout);
    assert_eq!(sim.runtime.elapsed_ms(), 1_000);
    assert_eq!(code(sim.run(follower)), Code::Timeout);
    assert_eq!((sim.runtime.elapsed_ms(), node.stats().flights), (1_000, 0), "followers share the outcome");
}

#[test]
fn follower_of_a_dead_flight_times_out_at_its_own_deadline() {
    let (mut sim, loads) = (Sim::new(), Count::default());
    let node = alone(&sim, &loads);
    // A flight whose leader does nothing.
    let now = sim.runtime.now_ms();
    node.with_group(|group| group.begin(b"k", now, Origin::Local, &mut NoPeers)).unwrap();
    pass(&mut sim, 300);
    let follower = get(&sim, &node, "k");
    assert_eq!(code(sim.run(follower)), Code::Timeout);
    assert_eq!((sim.runtime.elapsed_ms(), node.stats().timeouts), (1_300, 1));
}

/// Peers by rank, all of which hang, and the time at which the loader's value is returned.
#[test]
fn hanging_peers_fail_over_after_the_peer_timeout() {
    let cases: [(&'static [&'static str], u64); 3] =
        [(&["a"], 350), (&["a", "b"], 600), (&["a", "b", "c"], 600)];
    for (ranks, returned_after_ms) in cases {
        let (mut sim, loads) = (Sim::new(), Count::default());
        let node = node(&sim, counting(&sim.runtime, &loads), Net::new(|_| pending()), |_| ());
        node.register_peers(PeersByRank(ranks)).unwrap();
        let callers = gets(&sim, &node, 10);
        for outcome in sim.run(join_all(callers)) {
            assert_eq!(text(outcome), "k 1");
        }
        assert_eq!(sim.runtime.elapsed_ms(), returned_after_ms, "{ranks:?}");
    }
}

#[test]
fn owners_answer_is_the_outcome_and_a_failed_owner_is_not() {
    type Answer = fn() -> Answered;
    let garbage: Answer = || Err(Error::new(Code::Peer, "asking the peer: status 418"));
    let absent: Answer = || Ok(PeerAnswer::NotFound);
    let failed: Answer = || Ok(PeerAnswer::LoadFailed { code: Code::Load, message: "no database".into() });
    let given: Answer = || Ok(PeerAnswer::Value { value: b"630".to_vec(), fresh_ms: None });
    for (answer, outcome, loads) in [
        (garbage, Ok(Some("k 1")), 1),
        (absent, Ok(None), 0),
        (failed, Err(Code::Load), 0),
        (given, Ok(Some("630")), 0),
    ] {
        let (mut sim, loaded) = (Sim::new(), Count::default());
        let node =
            node(&sim, counting(&sim.runtime, &loaded), Net::new(move |_| async move { answer() }), |_| ());
        node.register_peers(PeersByRank(&["owner"])).unwrap();
        let got = get(&sim, &node, "k");
        let got = sim.run(got).map(|value| value.map(|value| String::from_utf8(value.to_vec()).unwrap()));
        let message = got.as_ref().err().map(|error| error.message().to_owned()).unwrap_or_default();
        assert_eq!(got.map_err(|error| error.code()), outcome.map(|value| value.map(str::to_owned)));
        assert_eq!((loaded.0.get(), node.stats().flights), (loads, 0));
        assert_eq!(message.contains("no database"), outcome.is_err(), "{message}");
    }
}

#[test]
fn second_registration_of_peers_is_an_error() {
    let sim = Sim::new();
    let node = alone(&sim, &Count::default());
    node.register_peers(PeersByRank(&[])).unwrap();
    let refused = node.register_peers(PeersByRank(&["other"])).unwrap_err();
    assert_eq!(refused.code(), Code::PeersRegistered);
    assert_eq!(
        node.clone().register_peers(PeersByRank(&[])).unwrap_err().code(),
        Code::PeersRegistered,
        "on a clone too"
    );
}

#[test]
fn loader_error_reaches_every_caller_with_its_cause_and_is_not_cached() {
    let (mut sim, loads) = (Sim::new(), Count::default());
    let loaded = loads.clone();
    let origin = TestLoader::new(move |_| {
        loaded.up();
        async { Err(std::io::Error::other("the disk is full").into()) }
    });
    let node = node(&sim, origin, Net::none(), |_| ());
    let callers = gets(&sim, &node, 3);
    for outcome in sim.run(join_all(callers)) {
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), Code::Load);
        let cause = std::error::Error::source(&error).expect("the error has a cause");
        assert!(cause.is::<std::io::Error>() && cause.to_string() == "the disk is full");
    }
    let before = loads.0.get();
    let again = get(&sim, &node, "k");
    assert_eq!((code(sim.run(again)), loads.0.get()), (Code::Load, before + 1));
}

/// A loader that gets other keys of its own group, or the key it loads.
fn reentrant(itself: Rc<RefCell<Option<Node>>>) -> TestLoader {
    TestLoader::new(move |key| {
        let node = itself.borrow().clone().expect("the node is set");
        async move {
            match &*key {
                b"sum" => value(&format!("{}+{}", text(node.get(b"a").await), text(node.get(b"b").await))),
                b"itself" => Ok(node.get(b"itself").await?),
                _ => Ok(Some(key.into())),
            }
        }
    })
}

#[test]
fn loader_that_gets_other_keys_of_its_group_succeeds() {
    let mut sim = Sim::new();
    let itself = Rc::new(RefCell::new(None));
    let node = node(&sim, reentrant(itself.clone()), Net::none(), |_| ());
    *itself.borrow_mut() = Some(node.clone());
    let sum = get(&sim, &node, "sum");
    assert_eq!(text(sim.run(sum)), "a+b");
    assert_eq!((node.stats().loads, node.stats().entries), (3, 3));
    let deadlock = get(&sim, &node, "itself");
    assert!(sim.run(deadlock).is_err(), "a loader that waits for its own key times out");
    assert_eq!((sim.runtime.elapsed_ms(), node.stats().flights), (1_000, 0));
    itself.borrow_mut().take();
}

#[test]
fn stale_copy_is_returned_at_once_and_refreshed_in_the_background() {
    let (mut sim, loads) = (Sim::new(), Count::default());
    let node = node(&sim, counting(&sim.runtime, &loads), Net::none(), |options| {
        (options.ttl_ms, options.stale_while_revalidate_ms) = (Some(50), 500);
    });
    let first = get(&sim, &node, "k");
    assert_eq!(text(sim.run(first)), "k 1");
    pass(&mut sim, 60);
    let callers = gets(&sim, &node, 10);
    for outcome in sim.run(join_all(callers)) {
        assert_eq!(text(outcome), "k 1");
    }
    assert_eq!(sim.runtime.elapsed_ms(), 160, "no caller waited");
    sim.settle();
    assert_eq!((sim.runtime.elapsed_ms(), loads.0.get()), (260, 2));
    let refreshed = get(&sim, &node, "k");
    assert_eq!(text(sim.run(refreshed)), "k 2");
}

#[test]
fn dropped_refresh_leaves_no_flight() {
    let (mut sim, loads) = (Sim::new(), Count::default());
    let node = node(&sim, counting(&sim.runtime, &loads), Net::none(), |options| {
        (options.ttl_ms, options.stale_while_revalidate_ms) = (Some(50), 500);
    });
    let first = get(&sim, &node, "k");
    sim.run(first).unwrap();
    pass(&mut sim, 60);
    sim.runtime.drops_spawned.set(true);
    let stale = get(&sim, &node, "k");
    assert_eq!(text(sim.run(stale)), "k 1");
    assert_eq!(node.stats().flights, 0, "a dropped refresh abandons its flight");
    pass(&mut sim, 1_000);
    let next = get(&sim, &node, "k");
    assert_eq!(text(sim.run(next)), "k 2");
}

#[test]
fn remove_during_a_load_returns_the_value_and_stores_nothing() {
    let (mut sim, loads) = (Sim::new(), Count::default());
    let node = alone(&sim, &loads);
    let before = gets(&sim, &node, 3);
    pass(&mut sim, 40);
    node.with_group(|group| group.remove(b"k"));
    let after = get(&sim, &node, "k");
    for outcome in sim.run(join_all(before)) {
        assert_eq!(text(outcome), "k 1");
    }
    assert_eq!(text(sim.run(after)), "k 2", "a caller after the remove gets a load begun after it");
    let cached = get(&sim, &node, "k");
    assert_eq!((text(sim.run(cached)), loads.0.get()), ("k 2".into(), 2));
}
