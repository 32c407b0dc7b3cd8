//! Cached copies: their lifetime, and the changes that invalidate loads in flight.

use crate::node::*;
use geecache_edge::group::{Next, Origin, Step, TaskResult};

#[test]
fn copy_is_fresh_until_its_ttl_and_then_reloaded() {
    let mut node = node(|options| options.ttl_ms = Some(50));
    node.load(b"old");
    node.now += 49;
    assert_eq!(node.cached(), b"old");
    node.now += 1;
    assert_eq!(node.fresh_copy(), None);
    assert!(matches!(node.begin(), Step::Lead(..)), "no stale copy is served by default");
}

#[test]
fn stale_copy_after_not_found_is_removed() {
    let mut node = node(|options| (options.ttl_ms, options.stale_if_error_ms) = (Some(50), 1_000));
    node.load(b"old");
    node.now += 50;
    let (flight, _) = node.lead();
    assert_eq!(node.complete_task(flight, TaskResult::NotFound), Next::Done);
    assert_eq!((node.stats().not_found, node.stats().entries), (1, 0));
    let (flight, _) = node.lead();
    assert_eq!(
        node.complete_task(flight, TaskResult::LoadFailed),
        Next::Done,
        "a removed copy is not served as a stale one"
    );
}

/// Each change of the key during a load, with the copy that remains after it.
#[test]
fn load_begun_before_a_change_is_returned_and_not_stored() {
    type Change = fn(&mut Node);
    let changes: [(Change, Option<&[u8]>); 3] = [
        (|node| assert!(!node.group.remove(K)), None),
        (|node| node.group.clear(), None),
        (|node| assert!(node.group.set(K, b"set", node.now).unwrap()), Some(b"set")),
    ];
    for (change, left) in changes {
        for result in [loaded(b"loaded"), TaskResult::NotFound, TaskResult::LoadFailed] {
            let mut node = alone();
            let (flight, _) = node.lead();
            assert_eq!(node.begin(), Step::Join(flight));
            change(&mut node);
            assert!(!matches!(node.begin(), Step::Join(_)), "a later caller does not join");
            let next = node.complete_task(flight, result);
            assert!(
                matches!(next, Next::Done | Next::Stale(_)),
                "{next:?}: the callers that wait get the result"
            );
            assert_eq!(node.fresh_copy(), left);
            assert_eq!(node.stats().invalidated_loads, u64::from(matches!(result, TaskResult::Value { .. })));
        }
    }
}

#[test]
fn remove_during_two_flights_invalidates_both() {
    let mut node = with_peers(&["owner"]);
    let (asking, _) = node.lead();
    let Step::Lead(loading, _) = node.begin_as(Origin::Peer, K) else { panic!("led nothing") };
    node.group.remove(K);
    for flight in [loading, asking] {
        assert_eq!(node.complete_task(flight, from_owner(b"before the remove", 1_000)), Next::Done);
        assert_eq!(node.fresh_copy(), None);
    }
    assert_eq!(node.stats().invalidated_loads, 2);
}

#[test]
fn load_begun_after_a_remove_is_stored_despite_an_earlier_flight() {
    let mut node = alone();
    let (before, _) = node.lead();
    node.group.remove(K);
    let (after, _) = node.lead();
    node.complete_task(after, loaded(b"after"));
    node.complete_task(before, loaded(b"before"));
    assert_eq!(node.fresh_copy(), Some(&b"after"[..]));
}

/// `hot_ttl_ms`, the owner's freshness, and the lifetime of the hot copy.
#[test]
fn hot_copy_lifetime_is_the_shorter_of_ours_and_the_owners() {
    const UNLIMITED: Option<u64> = None;
    for (hot_ttl_ms, fresh_ms, lifetime_ms) in [
        (UNLIMITED, UNLIMITED, UNLIMITED),
        (Some(40), UNLIMITED, Some(40)),
        (UNLIMITED, Some(30), Some(30)),
        (Some(40), Some(30), Some(30)),
        (Some(30), Some(40), Some(30)),
        (Some(0), UNLIMITED, Some(0)),
        (UNLIMITED, Some(0), Some(0)),
        (UNLIMITED, Some(u64::MAX), UNLIMITED),
    ] {
        let mut node = node(|options| options.hot_ttl_ms = hot_ttl_ms);
        node.peers.0.set(&["owner"]);
        let (flight, _) = node.lead();
        node.complete_task(flight, TaskResult::Value { value: Some(b"hot"), fresh_ms });
        for (age, now) in [1, 29, 30, 39, 40, 1 << 40].map(|age| (age, node.now + age)) {
            let is_fresh = node.group.peek(K, now).is_some();
            assert_eq!(
                is_fresh,
                lifetime_ms.is_none_or(|lifetime| age < lifetime),
                "{hot_ttl_ms:?} {fresh_ms:?} at {age}"
            );
        }
        assert_eq!(node.stats().entries, u64::from(lifetime_ms != Some(0)));
    }
}

#[test]
fn hot_copy_of_no_lifetime_removes_the_old_copy() {
    let mut node = node(|options| options.ttl_ms = Some(50));
    node.load(b"old");
    node.peers.0.set(&["owner"]);
    node.now += 50;
    let (flight, _) = node.lead();
    node.complete_task(flight, from_owner(b"new", 0));
    assert_eq!(node.stats().entries, 0);
}

#[test]
fn value_too_large_to_store_is_returned_and_counted_as_rejected() {
    let mut node = node(|options| options.max_entry_bytes = 100);
    node.load(b"old");
    node.group.remove(K);
    node.load(&[0; 101]);
    assert_eq!((node.fresh_copy(), node.stats().rejected), (None, 1));
    node.load(&[0; 100]);
    assert_eq!((node.fresh_copy().map(<[u8]>::len), node.stats().rejected), (Some(100), 1));
    assert!(!node.group.set(K, &[0; 101], node.now).unwrap());
    assert_eq!((node.fresh_copy(), node.stats().rejected), (None, 2), "the old copy is removed");
    let (flight, _) = node.lead();
    node.complete_task(flight, TaskResult::Value { value: None, fresh_ms: None });
    assert_eq!((node.stats().rejected, node.stats().flights, node.fresh_copy()), (3, 0, None));
}

#[test]
fn empty_value_is_stored_as_a_value() {
    let mut node = alone();
    node.load(b"");
    assert_eq!(node.cached(), b"");
    assert_eq!(node.stats().not_found, 0);
}

#[test]
fn clock_at_its_limits_does_not_overflow() {
    for now in [0, 1, u64::MAX - 1, u64::MAX] {
        let mut node = node(|options| {
            (options.ttl_ms, options.stale_while_revalidate_ms) = (Some(1 << 42), 1 << 42);
            options.stale_if_error_ms = 1 << 42;
        });
        node.now = now;
        node.load(b"630");
        node.begin();
        node.group.set(K, b"631", now).unwrap();
        node.peers.0.set(&["owner"]);
        node.group.remove(K);
        let (flight, _) = node.lead();
        node.complete_task(flight, TaskResult::PeerFailed);
        node.complete_task(flight, from_owner(b"632", u64::MAX));
        assert!(!node.group.is_in_flight(flight));
    }
}

#[test]
fn set_remove_and_clear_change_the_copy() {
    let mut node = node(|options| options.ttl_ms = Some(50));
    assert!(node.group.set(K, b"set", node.now).unwrap());
    node.now += 49;
    assert_eq!(node.fresh_copy(), Some(&b"set"[..]));
    assert_eq!((node.group.remove(K), node.group.remove(K)), (true, false));
    node.group.set(K, b"set", node.now).unwrap();
    node.now += 50;
    assert_eq!(node.fresh_copy(), None, "a value that was set expires too");
    let used_bytes = node.stats().used_bytes;
    node.group.clear();
    assert_eq!(node.stats().entries, 0);
    assert!(node.stats().used_bytes < used_bytes);
}
