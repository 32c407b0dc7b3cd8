//! Nodes that ask each other, in virtual time: three of them in memory, and one among peers that fail at random.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::pending;
use std::rc::Rc;

use crate::sim::*;
use crate::support::for_seeds;
use futures_util::future::join_all;
use geecache_edge::driver::Runtime;
use geecache_edge::{Code, Error, PeerAnswer, Pool, PoolOptions};

/// Three nodes that ask each other in memory, with one origin. Requests to the peer `down` fail.
fn cluster(sim: &Sim, loads: &Count, lists: [[&str; 3]; 3], down: &'static str) -> Vec<Node> {
    let nodes: Rc<RefCell<HashMap<String, Node>>> = Rc::default();
    let (net, runtime) = (nodes.clone(), sim.runtime.clone());
    let net = Net::new(move |asked| {
        let (node, runtime) = (net.borrow()[&asked.peer].clone(), runtime.clone());
        async move {
            runtime.sleep_ms(5).await;
            if asked.peer == down {
                return Err(Error::new(Code::Peer, "the peer is down"));
            }
            match node.get_for_peer(&asked.key).await {
                Ok(Some(value)) => Ok(PeerAnswer::Value { value: value.to_vec(), fresh_ms: None }),
                Ok(None) => Ok(PeerAnswer::NotFound),
                Err(error) => Ok(PeerAnswer::LoadFailed { code: error.code(), message: error.to_string() }),
            }
        }
    });
    let names = ["a", "b", "c"];
    for (name, peers) in names.into_iter().zip(lists) {
        let (self_name, peers) = (Some(name.to_owned()), peers.map(str::to_owned).to_vec());
        let pool = Pool::new(&PoolOptions { self_name, peers, ..PoolOptions::default() }).unwrap();
        let node = node(sim, counting(&sim.runtime, loads), net.clone(), |_| ());
        node.register_peers(pool.peers().clone()).unwrap();
        nodes.borrow_mut().insert(name.to_owned(), node);
    }
    let nodes = nodes.borrow();
    names.iter().map(|&name| nodes[name].clone()).collect()
}

const AGREED: [[&str; 3]; 3] = [["a", "b", "c"]; 3];

#[test]
fn hundred_callers_over_three_nodes_cost_one_load() {
    for key in ["Tom", "Jack", "Sam", "kkk", "k"] {
        let (mut sim, loads) = (Sim::new(), Count::default());
        let nodes = cluster(&sim, &loads, AGREED, "none");
        let callers: Vec<_> = (0..100).map(|at| get(&sim, &nodes[at % 3], key)).collect();
        for outcome in sim.run(join_all(callers)) {
            assert_eq!(text(outcome), format!("{key} 1"));
        }
        let again: Vec<_> = nodes.iter().map(|node| get(&sim, node, key)).collect();
        sim.run(join_all(again))
            .into_iter()
            .for_each(|outcome| assert_eq!(text(outcome), format!("{key} 1")));
        let all: Vec<_> = nodes.iter().map(Node::stats).collect();
        assert_eq!((loads.0.get(), all.iter().map(|stats| stats.loads).sum::<u64>()), (1, 1));
        assert_eq!(
            all.iter().map(|stats| stats.peer_hits).sum::<u64>(),
            2,
            "each of the other two nodes asked once"
        );
        assert_eq!(all.iter().map(|stats| stats.flights).sum::<u64>(), 0);
    }
}

#[test]
fn callers_of_a_key_whose_owner_is_down_get_the_next_peers_value() {
    let (mut sim, loads) = (Sim::new(), Count::default());
    let owner =
        Pool::new(&PoolOptions { peers: AGREED[0].map(str::to_owned).to_vec(), ..PoolOptions::default() });
    let owner = owner.unwrap().peers().owner(b"k").unwrap().to_string();
    let down = *AGREED[0].iter().find(|&&name| name == owner).unwrap();
    let nodes = cluster(&sim, &loads, AGREED, down);
    let up = nodes.iter().zip(AGREED[0]).filter(|(_, name)| *name != down);
    let callers: Vec<_> = up.flat_map(|(node, _)| gets(&sim, node, 10)).collect();
    for outcome in sim.run(join_all(callers)) {
        assert_eq!(text(outcome), "k 1", "the ring's next peer replaces the owner");
    }
    assert_eq!(loads.0.get(), 1);
}

#[test]
fn peer_lists_that_disagree_cause_no_deadlock() {
    // For "a", "b" owns every key; for "b", "c" does; for "c", "a" does.
    let lists = [["b"; 3], ["c"; 3], ["a"; 3]];
    let (mut sim, loads) = (Sim::new(), Count::default());
    let nodes = cluster(&sim, &loads, lists, "none");
    let callers: Vec<_> = nodes.iter().flat_map(|node| gets(&sim, node, 5)).collect();
    for outcome in sim.run(join_all(callers)) {
        assert!(text(outcome).starts_with("k "));
    }
    assert_eq!(
        (loads.0.get(), sim.runtime.elapsed_ms()),
        (3, 105),
        "each node was asked once and forwarded nothing"
    );
}

#[test]
fn random_failures_end_every_call_in_time_and_leave_no_flight() {
    for_seeds(200, |rng| {
        let mut sim = Sim::new();
        let plan: Vec<(u64, u64)> = (0..64).map(|_| (rng.below(10), rng.below(400))).collect();
        let (runtime, calls) = (sim.runtime.clone(), Count::default());
        let fate = move |runtime: SimRuntime, calls: &Count| {
            let (fate, ms) = plan[calls.up() as usize % plan.len()];
            async move {
                runtime.sleep_ms(ms).await;
                if fate == 0 {
                    pending::<()>().await;
                }
                fate
            }
        };
        let load = Rc::new(fate);
        let ask = load.clone();
        let (of_loads, of_asks, clock) = (calls.clone(), calls.clone(), runtime.clone());
        let origin = TestLoader::new(move |key| {
            let fate = load(runtime.clone(), &of_loads);
            async move {
                match fate.await {
                    1 => Err("the origin is down".into()),
                    2 => Ok(None),
                    _ => Ok(Some(key.into())),
                }
            }
        });
        let net = Net::new(move |asked| {
            let fate = ask(clock.clone(), &of_asks);
            async move {
                match fate.await {
                    1 => Err(Error::new(Code::Peer, "the peer is down")),
                    2 => Ok(PeerAnswer::NotFound),
                    3 => Ok(PeerAnswer::LoadFailed {
                        code: Code::Load,
                        message: "the peer's origin is down".into(),
                    }),
                    _ => Ok(PeerAnswer::Value { value: asked.key, fresh_ms: Some(50) }),
                }
            }
        });
        let node = node(&sim, origin, net, |options| {
            (options.ttl_ms, options.stale_while_revalidate_ms, options.stale_if_error_ms) =
                (Some(80), 60, 90);
        });
        node.register_peers(PeersByRank(&["a", "b"])).unwrap();
        let mut callers = Vec::new();
        for _ in 0..60 {
            let (key, node, runtime) = (*rng.pick(&["x", "y"]), node.clone(), sim.runtime.clone());
            let (starts, for_peer) = (rng.below(2_500), rng.chance(30));
            let caller = sim.runtime.go(async move {
                runtime.sleep_ms(starts).await;
                let began = runtime.now_ms();
                let outcome = match for_peer {
                    true => node.get_for_peer(key.as_bytes()).await,
                    false => node.get(key.as_bytes()).await,
                };
                (key, outcome, runtime.now_ms() - began)
            });
            if rng.chance(20) {
                // This caller hangs up.
                let (runtime, after) = (sim.runtime.clone(), starts + rng.below(200));
                sim.runtime
                    .go(async move {
                        runtime.sleep_ms(after).await;
                        drop(caller);
                    })
                    .forget();
            } else {
                callers.push(caller);
            }
        }
        for (key, outcome, took_ms) in sim.run(join_all(callers)) {
            // Every call ends by its own deadline, even after a takeover.
            assert!(took_ms <= 1_000, "{key} took {took_ms} ms");
            match outcome {
                Ok(value) => {
                    assert!(value.is_none_or(|value| *value == *key.as_bytes()), "another key's value")
                }
                Err(error) => assert!(matches!(error.code(), Code::Load | Code::Timeout), "{error}"),
            }
        }
        sim.settle();
        assert_eq!(node.stats().flights, 0);
    });
}
