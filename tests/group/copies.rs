//! What a group keeps once a load has landed, for how long, and what beats it.

use crate::node::*;
use geecache_edge::group::{Next, Origin, Step, TaskResult};

#[test]
fn a_copy_is_fresh_to_the_last_millisecond_of_its_ttl() {
    let mut node = node(|options| options.ttl_ms = Some(50));
    node.load(b"old");
    node.now += 49;
    assert_eq!(node.answered(), b"old");
    node.now += 1;
    assert_eq!(node.here(), None);
    assert!(matches!(node.begin(), Step::Lead(..)), "nothing stale is served unless it is allowed");
}

#[test]
fn no_such_key_takes_the_old_copy_along() {
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
        "and it does not come back as a stale one"
    );
}

/// A change of the key while it loads, and what is here once the load has landed.
#[test]
fn a_change_beats_a_load_that_began_before_it() {
    type Change = fn(&mut Node);
    let changes: [(Change, Option<&[u8]>); 3] = [
        (|node| assert!(!node.group.remove(K)), None),
        (|node| node.group.clear(), None),
        (|node| assert!(node.group.set(K, b"set", node.now).unwrap()), Some(b"set")),
    ];
    for (change, left) in changes {
        for told in [given(b"loaded"), TaskResult::NotFound, TaskResult::LoadFailed] {
            let mut node = alone();
            let (flight, _) = node.lead();
            assert_eq!(node.begin(), Step::Join(flight));
            change(&mut node);
            assert!(!matches!(node.begin(), Step::Join(_)), "who comes after it does not join");
            let next = node.complete_task(flight, told);
            assert!(
                matches!(next, Next::Done | Next::Stale(_)),
                "{next:?}: it is an answer to those who wait"
            );
            assert_eq!(node.here(), left);
            assert_eq!(node.stats().invalidated_loads, u64::from(matches!(told, TaskResult::Value { .. })));
        }
    }
}

#[test]
fn a_remove_beats_every_flight_of_its_key() {
    let mut node = with_peers(&["owner"]);
    let (asking, _) = node.lead();
    let Step::Lead(loading, _) = node.begin_as(Origin::Peer, K) else { panic!("led nothing") };
    node.group.remove(K);
    for flight in [loading, asking] {
        assert_eq!(node.complete_task(flight, from_owner(b"before the remove", 1_000)), Next::Done);
        assert_eq!(node.here(), None);
    }
    assert_eq!(node.stats().invalidated_loads, 2);
}

#[test]
fn a_load_that_begins_after_a_remove_is_kept_whatever_came_before() {
    let mut node = alone();
    let (before, _) = node.lead();
    node.group.remove(K);
    let (after, _) = node.lead();
    node.complete_task(after, given(b"after"));
    node.complete_task(before, given(b"before"));
    assert_eq!(node.here(), Some(&b"after"[..]));
}

/// The bound on hot copies, what the owner says of its own, and for how long the copy is here.
#[test]
fn a_hot_copy_lives_for_the_shorter_of_two_times() {
    const FOR_EVER: Option<u64> = None;
    for (hot_ttl_ms, fresh_ms, lives_ms) in [
        (FOR_EVER, FOR_EVER, FOR_EVER),
        (Some(40), FOR_EVER, Some(40)),
        (FOR_EVER, Some(30), Some(30)),
        (Some(40), Some(30), Some(30)),
        (Some(30), Some(40), Some(30)),
        (Some(0), FOR_EVER, Some(0)),
        (FOR_EVER, Some(0), Some(0)),
        (FOR_EVER, Some(u64::MAX), FOR_EVER),
    ] {
        let mut node = node(|options| options.hot_ttl_ms = hot_ttl_ms);
        node.peers.0.set(&["owner"]);
        let (flight, _) = node.lead();
        node.complete_task(flight, TaskResult::Value { value: Some(b"hot"), fresh_ms });
        for (age, now) in [1, 29, 30, 39, 40, 1 << 40].map(|age| (age, node.now + age)) {
            let here = node.group.peek(K, now).is_some();
            assert_eq!(
                here,
                lives_ms.is_none_or(|lives| age < lives),
                "{hot_ttl_ms:?} {fresh_ms:?} at {age}"
            );
        }
        assert_eq!(node.stats().entries, u64::from(lives_ms != Some(0)));
    }
}

#[test]
fn a_hot_copy_that_is_not_kept_takes_the_old_one_along() {
    let mut node = node(|options| options.ttl_ms = Some(50));
    node.load(b"old");
    node.peers.0.set(&["owner"]);
    node.now += 50;
    let (flight, _) = node.lead();
    node.complete_task(flight, from_owner(b"new", 0));
    assert_eq!(node.stats().entries, 0);
}

#[test]
fn a_value_that_cannot_be_kept_is_answered_and_counted() {
    let mut node = node(|options| options.max_entry_bytes = 100);
    node.load(b"old");
    node.group.remove(K);
    node.load(&[0; 101]);
    assert_eq!((node.here(), node.stats().rejected), (None, 1));
    node.load(&[0; 100]);
    assert_eq!((node.here().map(<[u8]>::len), node.stats().rejected), (Some(100), 1));
    assert!(!node.group.set(K, &[0; 101], node.now).unwrap());
    assert_eq!((node.here(), node.stats().rejected), (None, 2), "what was here is out of date");
    let (flight, _) = node.lead();
    node.complete_task(flight, TaskResult::Value { value: None, fresh_ms: None });
    assert_eq!((node.stats().rejected, node.stats().flights, node.here()), (3, 0, None));
}

#[test]
fn a_value_of_no_bytes_is_a_value() {
    let mut node = alone();
    node.load(b"");
    assert_eq!(node.answered(), b"");
    assert_eq!(node.stats().not_found, 0);
}

#[test]
fn clocks_at_their_ends_overflow_nothing() {
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
fn set_and_clear_keep_their_word() {
    let mut node = node(|options| options.ttl_ms = Some(50));
    assert!(node.group.set(K, b"set", node.now).unwrap());
    node.now += 49;
    assert_eq!(node.here(), Some(&b"set"[..]));
    assert_eq!((node.group.remove(K), node.group.remove(K)), (true, false));
    node.group.set(K, b"set", node.now).unwrap();
    node.now += 50;
    assert_eq!(node.here(), None, "a value that was set grows old too");
    let used_bytes = node.stats().used_bytes;
    node.group.clear();
    assert_eq!(node.stats().entries, 0);
    assert!(node.stats().used_bytes < used_bytes);
}
