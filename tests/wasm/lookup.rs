//! Lookups through the bindings: steps and slots, for valid calls and for meaningless ones.

use wasm_bindgen_test::wasm_bindgen_test;

use geecache_edge::protocol::{KEY_ROOM_BYTES, MAX_KEY_BYTES, Outcome, Staged, Step};

use super::support::*;

const PLAIN: &str = "{ maxBytes: 65_536 }";
const VALUE: u32 = Staged::Value as u32;

#[wasm_bindgen_test]
fn miss_loads_and_hit_shows_the_value() {
    let mut shell = Shell::with_group("{}", "{ maxBytes: 65_536, ttlMs: 1_000 }");
    assert_eq!(shell.begin("Tom", 5_000.0), Step::Load);
    assert_eq!(shell.timeout_ms(), 10_000.0);
    assert!(shell.flight() > 0.0 && shell.core.is_in_flight(0, shell.flight()));
    let flight = shell.flight();
    assert_eq!(shell.complete_with(flight, 5_000.0, b"630"), Step::Done);
    assert!(!shell.core.is_in_flight(0, flight));
    assert_eq!(shell.begin("Tom", 5_400.0), Step::Hit);
    assert_eq!((shell.value(), shell.fresh_ms()), (b"630".to_vec(), 600.0));
    assert_eq!((shell.flight(), shell.task()), (0.0, Step::Done), "slots of an earlier call are cleared");
    assert_eq!(shell.begin("Tom", 6_000.0), Step::Load, "no longer fresh");
}

#[wasm_bindgen_test]
fn fresh_forever_is_minus_one_and_empty_bytes_are_a_value() {
    let mut shell = Shell::with_group("{}", PLAIN);
    shell.load("empty", 1.0, b"");
    assert_eq!(shell.begin("empty", 9e15), Step::Hit);
    assert_eq!((shell.value(), shell.fresh_ms()), (Vec::new(), -1.0));
}

#[wasm_bindgen_test]
fn interleaved_flights_do_not_mix() {
    let mut shell = Shell::with_group("{}", PLAIN);
    assert_eq!(shell.begin("a", 0.0), Step::Load);
    let a = shell.flight();
    assert_eq!(shell.begin("b", 0.0), Step::Load);
    let b = shell.flight();
    assert_ne!(a, b);
    assert_eq!(shell.begin("a", 0.0), Step::Join);
    assert_eq!(shell.flight(), a);
    assert_eq!(shell.begin("b", 0.0), Step::Join);
    assert_eq!(shell.flight(), b);
    assert_eq!(shell.complete_with(b, 0.0, b"of b"), Step::Done);
    assert_eq!(shell.begin("a", 0.0), Step::Join);
    assert_eq!(shell.complete_with(a, 0.0, b"of a"), Step::Done);
    assert_eq!(shell.peek("a", 0.0), Some(b"of a".to_vec()));
    assert_eq!(shell.peek("b", 0.0), Some(b"of b".to_vec()));
    assert_eq!(shell.stat("flights"), 0.0);
    assert_eq!(shell.stat("coalesced"), 3.0);
}

#[wasm_bindgen_test]
fn stale_step_brings_its_refresh_and_ask_its_peer() {
    let group = "{ maxBytes: 65_536, ttlMs: 100, staleWhileRevalidateMs: 100 }";
    let mut shell = Shell::with_group("{ peers: ['b'] }", group);
    assert_eq!(shell.begin("k", 0.0), Step::Ask);
    assert_eq!(shell.peer(), "b");
    assert_eq!(shell.complete_with(shell.flight(), 0.0, b"v"), Step::Done);
    assert_eq!(shell.begin("k", 150.0), Step::Stale);
    assert_eq!((shell.value(), shell.task()), (b"v".to_vec(), Step::Ask));
    let refresh = shell.flight();
    assert!(refresh > 0.0);
    assert_eq!(shell.begin("k", 150.0), Step::Stale);
    assert_eq!((shell.flight(), shell.task()), (0.0, Step::Done), "one refresh is enough");
    assert_eq!(shell.complete(refresh, 150.0, Outcome::PeerFailed), Step::Load);
    assert_eq!(shell.complete(refresh, 150.0, Outcome::LoadFailed), Step::Done);
}

#[wasm_bindgen_test]
fn lookup_for_a_peer_loads_and_asks_nobody() {
    let mut shell = Shell::with_group("{ peers: ['b'] }", PLAIN);
    let bytes = shell.key(b"k");
    assert_eq!(shell.begin_bytes(0, bytes, 0.0, true), Step::Load);
    assert_eq!(shell.stat("peerRequests"), 1.0);
    assert_eq!(shell.stat("requests"), 0.0);
}

#[wasm_bindgen_test]
fn invalid_keys_are_refused_and_change_nothing() {
    let mut shell = Shell::with_group("{}", PLAIN);
    for (bytes, said) in [
        (0, "empty"),
        (MAX_KEY_BYTES + 1, "65535"),
        (KEY_ROOM_BYTES, "65535"),
        (KEY_ROOM_BYTES + 1, "empty"),
        (usize::MAX, "empty"),
    ] {
        assert_eq!(shell.begin_bytes(0, bytes, 0.0, false), Step::Refused);
        let (code, message) = shell.refusal();
        assert_eq!(code, "ERR_KEY", "{bytes}");
        assert!(message.contains(said), "{bytes}: {message}");
        assert_eq!(thrown(shell.core.set(0, bytes, 0.0, true)).0, "ERR_KEY");
        assert!(!shell.core.remove(0, bytes));
        assert_eq!(step(shell.core.peek(0, bytes, 0.0)), Step::Done);
        shell.core.owner(bytes);
    }
    assert_eq!((shell.stat("requests"), shell.stat("flights"), shell.stat("entries")), (0.0, 0.0, 0.0));
    let longest = vec![b'x'; MAX_KEY_BYTES];
    let bytes = shell.key(&longest);
    assert_eq!(shell.begin_bytes(0, bytes, 0.0, false), Step::Load);
}

#[wasm_bindgen_test]
fn remove_invalidates_a_load_in_flight() {
    let mut shell = Shell::with_group("{}", PLAIN);
    assert_eq!(shell.begin("k", 0.0), Step::Load);
    let before = shell.flight();
    let bytes = shell.key(b"k");
    assert!(!shell.core.remove(0, bytes));
    assert_eq!(shell.begin("k", 0.0), Step::Load, "a later caller does not join");
    assert_ne!(shell.flight(), before);
    assert_eq!(shell.complete_with(before, 0.0, b"old"), Step::Done);
    assert_eq!((shell.peek("k", 0.0), shell.stat("invalidatedLoads")), (None, 1.0));
}

#[wasm_bindgen_test]
fn leader_without_heartbeat_is_lost_after_four_checks() {
    let mut shell = Shell::with_group("{}", PLAIN);
    assert_eq!(shell.begin("k", 0.0), Step::Load);
    let flight = shell.flight();
    let mut now = 0.0;
    for check in 0..20 {
        now += 100.0;
        shell.core.heartbeat(0, flight);
        assert!(shell.core.watch(0, flight, now), "check {check}");
    }
    for check in 1..=3 {
        now += 100.0;
        for follower in 0..5 {
            assert!(
                shell.core.watch(0, flight, now),
                "check {check} of {follower}: checks at one time count once"
            );
        }
    }
    assert!(!shell.core.watch(0, flight, now + 100.0));
    assert!(!shell.core.watch(0, flight, now + 100.0));
    assert_eq!(shell.stat("lostFlights"), 1.0);
    assert_eq!(shell.begin("k", 0.0), Step::Load);
    assert_eq!(
        shell.complete_attempt(flight, 1, 0.0, Outcome::PeerFailed),
        Step::Retry,
        "the old leader begins again"
    );
    let flight = shell.flight();
    shell.core.abandon(0, flight);
    shell.core.abandon(0, flight);
    assert_eq!((shell.stat("lostFlights"), shell.stat("flights")), (2.0, 0.0));
    let bytes = shell.key(b"k");
    assert_eq!((step(shell.core.timed_out(0, bytes, 0.0)), shell.stat("timeouts")), (Step::Done, 1.0));
}

#[wasm_bindgen_test]
fn not_found_and_failed_load_end_the_flight() {
    let mut shell = Shell::with_group("{}", PLAIN);
    // A value that is not staged is counted as rejected.
    for (outcome, counter) in
        [(Outcome::NotFound, "notFound"), (Outcome::LoadFailed, "errors"), (Outcome::Value, "rejected")]
    {
        assert_eq!(shell.begin("k", 0.0), Step::Load);
        assert_eq!(
            {
                let flight = shell.flight();
                shell.complete(flight, 0.0, outcome)
            },
            Step::Done
        );
        assert_eq!(
            (shell.stat(counter), shell.stat("flights"), shell.stat("entries")),
            (1.0, 0.0, 0.0),
            "{counter}"
        );
    }
}

#[wasm_bindgen_test]
fn meaningless_calls_return_and_change_nothing() {
    let mut shell = Shell::with_group("{}", PLAIN);
    shell.load("k", 0.0, b"v");
    let before = shell.counts(0);
    let bytes = shell.key(b"k");
    for group in [1, 7, u32::MAX] {
        assert_eq!(shell.begin_bytes(group, bytes, 0.0, false), Step::Done);
        assert_eq!(shell.core.stage(group, 1, VALUE), 0);
        assert_eq!(
            step(shell.core.complete_task(group, 1.0, 1, 0.0, Outcome::Value as u32, true, -1.0)),
            Step::Done
        );
        assert_eq!(step(shell.core.peek(group, bytes, 0.0)), Step::Done);
        assert_eq!(shell.core.set(group, bytes, 0.0, true), Ok(false));
        assert!(!shell.core.remove(group, bytes) && !shell.core.watch(group, 1.0, 0.0));
        shell.core.clear(group);
        assert!(!shell.core.heartbeat(group, 1.0));
        assert!(shell.counts(group).iter().all(|count| *count == 0.0));
    }
    for flight in [0.0, -1.0, 0.5, 99.0, f64::NAN, f64::INFINITY, 1e300] {
        for (outcome, is_staged) in [
            (Outcome::Value, true),
            (Outcome::Value, false),
            (Outcome::NotFound, false),
            (Outcome::LoadFailed, false),
        ] {
            let next = shell.core.complete_task(0, flight, 1, 0.0, outcome as u32, is_staged, f64::NAN);
            assert_eq!(step(next), Step::Done);
        }
        assert_eq!(shell.complete_attempt(flight, 1, 0.0, Outcome::PeerFailed), Step::Retry);
        assert!(!shell.core.is_in_flight(0, flight) && !shell.core.watch(0, flight, f64::NAN));
        shell.core.heartbeat(0, flight);
        shell.core.abandon(0, flight);
    }
    assert_eq!(shell.counts(0), before);
    assert_eq!(shell.peek("k", 0.0), Some(b"v".to_vec()));
}

#[wasm_bindgen_test]
fn clocks_that_jump_do_no_harm() {
    let mut shell = Shell::with_group("{}", "{ maxBytes: 65_536, ttlMs: 10, staleIfErrorMs: 10 }");
    for (at, now) in
        [f64::NAN, f64::INFINITY, -5.0, 0.0, 1e18, 3.7, f64::MIN_POSITIVE].into_iter().enumerate()
    {
        let key = format!("k{at}");
        assert_eq!(shell.begin(&key, now), Step::Load);
        assert_eq!(shell.complete_with(shell.flight(), now, b"v"), Step::Done);
        shell.peek(&key, -now);
        for later in [0.0, f64::NAN, f64::INFINITY] {
            if shell.begin(&key, later) == Step::Load {
                let flight = shell.flight();
                shell.core.complete_task(0, flight, 1, now, Outcome::LoadFailed as u32, false, f64::INFINITY);
            }
        }
    }
    assert_eq!(shell.stat("flights"), 0.0);
}
#[wasm_bindgen_test]
fn unknown_numbers_are_refused_and_change_nothing() {
    let mut shell = Shell::with_group("{}", PLAIN);
    assert_eq!(shell.begin("k", 0.0), Step::Load);
    let flight = shell.flight();
    for unknown in [5, 6, u32::MAX] {
        assert_eq!(step(shell.core.complete_task(0, flight, 1, 0.0, unknown, true, -1.0)), Step::Refused);
        assert_eq!(shell.refusal().0, "ERR_OPTION");
        assert!(shell.core.is_in_flight(0, flight));
        assert_eq!(shell.core.stage(0, 1, unknown), 0);
    }
    assert_eq!(shell.complete_with(flight, 0.0, b"v"), Step::Done);
}

#[wasm_bindgen_test]
fn late_result_of_an_earlier_attempt_is_superseded() {
    let mut shell = Shell::with_group("{ peers: ['a', 'b'] }", PLAIN);
    assert_eq!(shell.begin("k", 0.0), Step::Ask);
    let (flight, first) = (shell.flight(), shell.attempt());
    assert_eq!(shell.complete_attempt(flight, first, 0.0, Outcome::PeerFailed), Step::Ask);
    assert_eq!(shell.attempt(), first + 1);
    for outcome in [Outcome::Value, Outcome::NotFound, Outcome::LoadFailed, Outcome::PeerFailed] {
        assert_eq!(shell.complete_attempt(flight, first, 0.0, outcome), Step::Superseded);
    }
    assert!(shell.core.is_in_flight(0, flight));
}
