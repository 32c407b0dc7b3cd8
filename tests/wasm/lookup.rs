//! The life of a key through the bindings: steps, registers and room for values, in sound calls and in senseless ones.

use wasm_bindgen_test::wasm_bindgen_test;

use super::support::*;

const PLAIN: &str = "{ maxBytes: 65_536 }";
const MAX_KEY: usize = 65_535;

#[wasm_bindgen_test]
fn a_miss_loads_and_a_hit_shows_where_the_value_lies() {
    let mut shell = Shell::with_group("{}", "{ maxBytes: 65_536, ttlMs: 1_000 }");
    assert_eq!(shell.begin("Tom", 5_000.0), LOAD);
    assert_eq!(shell.timeout_ms(), 10_000.0);
    assert!(shell.flight() > 0.0 && shell.core.is_flying(0, shell.flight()));
    let flight = shell.flight();
    assert_eq!(shell.came(flight, 5_000.0, b"630"), DONE);
    assert!(!shell.core.is_flying(0, flight));
    assert_eq!(shell.begin("Tom", 5_400.0), HIT);
    assert_eq!((shell.value(), shell.fresh_ms()), (b"630".to_vec(), 600.0));
    assert_eq!((shell.flight(), shell.task()), (0.0, 0), "what an earlier call told is gone");
    assert_eq!(shell.begin("Tom", 6_000.0), LOAD, "no longer fresh");
}

#[wasm_bindgen_test]
fn fresh_for_ever_is_minus_one_and_no_bytes_are_a_value() {
    let mut shell = Shell::with_group("{}", PLAIN);
    shell.load("empty", 1.0, b"");
    assert_eq!(shell.begin("empty", 9e15), HIT);
    assert_eq!((shell.value(), shell.fresh_ms()), (Vec::new(), -1.0));
}

#[wasm_bindgen_test]
fn two_flights_interleaved_do_not_mix() {
    let mut shell = Shell::with_group("{}", PLAIN);
    assert_eq!(shell.begin("a", 0.0), LOAD);
    let a = shell.flight();
    assert_eq!(shell.begin("b", 0.0), LOAD);
    let b = shell.flight();
    assert_ne!(a, b);
    assert_eq!(shell.begin("a", 0.0), JOIN);
    assert_eq!(shell.flight(), a);
    assert_eq!(shell.begin("b", 0.0), JOIN);
    assert_eq!(shell.flight(), b);
    assert_eq!(shell.came(b, 0.0, b"of b"), DONE);
    assert_eq!(shell.begin("a", 0.0), JOIN);
    assert_eq!(shell.came(a, 0.0, b"of a"), DONE);
    assert_eq!(shell.peek("a", 0.0), Some(b"of a".to_vec()));
    assert_eq!(shell.peek("b", 0.0), Some(b"of b".to_vec()));
    assert_eq!(shell.stat("flights"), 0.0);
    assert_eq!(shell.stat("joins"), 3.0);
}

#[wasm_bindgen_test]
fn a_value_is_handed_over_once() {
    let mut shell = Shell::with_group("{}", PLAIN);
    shell.load("a", 0.0, b"secret");
    assert_eq!(shell.begin("b", 0.0), LOAD);
    // Nothing was reserved for this one: the rest of the last is not to be found in it.
    assert_eq!(shell.core.told(0, shell.flight(), 0.0, CAME_VALUE, -1.0), DONE);
    assert_eq!(shell.peek("b", 0.0), Some(Vec::new()));
}

#[wasm_bindgen_test]
fn a_stale_answer_brings_its_refresh_and_an_ask_its_peer() {
    let group = "{ maxBytes: 65_536, ttlMs: 100, staleWhileRevalidateMs: 100 }";
    let mut shell = Shell::with_group("{ peers: ['b'] }", group);
    assert_eq!(shell.begin("k", 0.0), ASK);
    assert_eq!(shell.core.peer().as_deref(), Some("b"));
    assert_eq!(shell.came(shell.flight(), 0.0, b"v"), DONE);
    assert_eq!(shell.begin("k", 150.0), STALE);
    assert_eq!((shell.value(), shell.task()), (b"v".to_vec(), ASK));
    let refresh = shell.flight();
    assert!(refresh > 0.0);
    assert_eq!(shell.begin("k", 150.0), STALE);
    assert_eq!((shell.flight(), shell.task()), (0.0, 0), "one refresh is enough");
    assert_eq!(shell.core.told(0, refresh, 150.0, CAME_PEER_FAILED, -1.0), LOAD);
    assert_eq!(shell.core.told(0, refresh, 150.0, CAME_LOAD_FAILED, -1.0), DONE);
}

#[wasm_bindgen_test]
fn a_peer_is_answered_here_and_never_told_to_ask() {
    let mut shell = Shell::with_group("{ peers: ['b'] }", PLAIN);
    let bytes = shell.key(b"k");
    assert_eq!(shell.core.begin(0, bytes, 0.0, true, false), Ok(LOAD));
    assert_eq!(shell.stat("peerRequests"), 1.0);
    assert_eq!(shell.stat("requests"), 0.0);
}

#[wasm_bindgen_test]
fn keys_that_are_none_have_a_code_and_leave_nothing() {
    let mut shell = Shell::with_group("{}", PLAIN);
    for (bytes, said) in [
        (0, "empty"),
        (MAX_KEY + 1, "65535"),
        (KEY_ROOM, "65535"),
        (KEY_ROOM + 1, "empty"),
        (usize::MAX, "empty"),
    ] {
        let (code, message) = thrown(shell.core.begin(0, bytes, 0.0, false, false));
        assert_eq!(code, "ERR_KEY", "{bytes}");
        assert!(message.contains(said), "{bytes}: {message}");
        assert_eq!(thrown(shell.core.set(0, bytes, 0.0, true)).0, "ERR_KEY");
        assert!(!shell.core.remove(0, bytes));
        assert_eq!(shell.core.peek(0, bytes, 0.0), DONE);
        shell.core.owner(bytes);
    }
    assert_eq!((shell.stat("requests"), shell.stat("flights"), shell.stat("entries")), (0.0, 0.0, 0.0));
    let longest = vec![b'x'; MAX_KEY];
    let bytes = shell.key(&longest);
    assert_eq!(shell.core.begin(0, bytes, 0.0, false, false), Ok(LOAD));
}

#[wasm_bindgen_test]
fn keys_are_bytes_and_need_not_be_text() {
    let mut shell = Shell::with_group("{}", PLAIN);
    for key in [&b"\0"[..], b"\xff", b"\xff\xfe", b"a\0b", b"\xed\xa0\x80", b" "] {
        let bytes = shell.key(key);
        assert!(shell.hand(key));
        assert_eq!(shell.core.set(0, bytes, 0.0, true), Ok(true));
        assert_eq!(shell.core.peek(0, bytes, 0.0), HIT);
        assert_eq!(shell.value(), key);
    }
    assert_eq!(shell.stat("entries"), 6.0);
}

#[wasm_bindgen_test]
fn there_is_room_up_to_max_entry_bytes_and_none_where_memory_ends() {
    let mut shell = Shell::with_group("{}", "{ maxBytes: 2 * 2 ** 30, maxEntryBytes: 2 * 2 ** 30 }");
    // More than the address space has, or than it has left: a 0, and no trap.
    for bytes in [usize::MAX, usize::MAX / 2 + 1, usize::MAX - 65_536] {
        assert_eq!(shell.core.reserve(0, bytes, false), 0, "{bytes}");
    }
    assert_ne!(shell.core.reserve(0, 0, false), 0);
    assert_ne!(shell.core.reserve(0, 1_000_000, false), 0);
    let mut small = Shell::with_group("{}", "{ maxBytes: 65_536, maxEntryBytes: 100 }");
    assert_ne!(small.core.reserve(0, 100, false), 0);
    assert_eq!(small.core.reserve(0, 101, false), 0);
    assert_eq!(small.begin("k", 0.0), LOAD);
    assert_eq!(small.came(small.flight(), 0.0, &[7; 101]), DONE);
    assert_eq!((small.peek("k", 0.0), small.stat("refused")), (None, 1.0));
}

#[wasm_bindgen_test]
fn values_outlive_the_growth_of_memory() {
    let mut shell = Shell::with_group("{}", "{ maxBytes: 64 * 1024 * 1024, maxEntryBytes: 20_000_000 }");
    shell.load("small", 0.0, b"small");
    for (at, size) in [3_000_000usize, 9_000_000, 20_000_000].into_iter().enumerate() {
        shell.load(&format!("large {at}"), 0.0, &vec![at as u8 + 1; size]);
    }
    assert_eq!(shell.peek("small", 0.0), Some(b"small".to_vec()));
    assert_eq!(shell.peek("large 2", 0.0), Some(vec![3; 20_000_000]));
}

#[wasm_bindgen_test]
fn set_remove_clear_and_what_they_tell() {
    let mut shell = Shell::with_group("{}", "{ maxBytes: 65_536, maxEntryBytes: 65_536, policy: 'lru' }");
    let empty_bytes = shell.stat("usedBytes");
    let set = |shell: &mut Shell, key: &str, value: &[u8]| {
        let bytes = shell.key(key.as_bytes());
        assert!(shell.hand(value));
        shell.core.set(0, bytes, 0.0, true)
    };
    assert_eq!(set(&mut shell, "a", b"1"), Ok(true));
    assert_eq!(set(&mut shell, "b", &[0; 40_000]), Ok(true));
    assert_eq!(set(&mut shell, "c", &[0; 65_536]), Ok(false), "no room for its bookkeeping");
    let bytes = shell.key(b"b");
    assert_eq!((shell.core.remove(0, bytes), shell.core.remove(0, bytes)), (true, false));
    assert_eq!(set(&mut shell, "d", b"4"), Ok(true));
    let (bytes, refused) = (shell.key(b"d"), shell.stat("refused"));
    assert_eq!(shell.core.set(0, bytes, 0.0, false), Ok(false), "it was never handed over");
    assert_eq!(shell.stat("refused"), refused + 1.0);
    shell.core.clear(0);
    assert_eq!((shell.stat("entries"), shell.stat("usedBytes")), (0.0, empty_bytes));
}

#[wasm_bindgen_test]
fn a_remove_beats_a_load_that_began_before_it() {
    let mut shell = Shell::with_group("{}", PLAIN);
    assert_eq!(shell.begin("k", 0.0), LOAD);
    let before = shell.flight();
    let bytes = shell.key(b"k");
    assert!(!shell.core.remove(0, bytes));
    assert_eq!(shell.begin("k", 0.0), LOAD, "and who comes after it does not join");
    assert_ne!(shell.flight(), before);
    assert_eq!(shell.came(before, 0.0, b"old"), DONE);
    assert_eq!((shell.peek("k", 0.0), shell.stat("overtaken")), (None, 1.0));
}

#[wasm_bindgen_test]
fn a_leader_that_goes_silent_is_lost_after_four_looks() {
    let mut shell = Shell::with_group("{}", PLAIN);
    assert_eq!(shell.begin("k", 0.0), LOAD);
    let flight = shell.flight();
    let mut now = 0.0;
    for look in 0..20 {
        now += 100.0;
        shell.core.note(0, flight, false);
        assert!(shell.core.watch(0, flight, now), "look {look}");
    }
    for look in 1..=3 {
        now += 100.0;
        for follower in 0..5 {
            assert!(
                shell.core.watch(0, flight, now),
                "look {look} of {follower}: those that fall together count once"
            );
        }
    }
    assert!(!shell.core.watch(0, flight, now + 100.0));
    assert!(!shell.core.watch(0, flight, now + 100.0));
    assert_eq!(shell.stat("lostFlights"), 1.0);
    assert_eq!(shell.begin("k", 0.0), LOAD);
    assert_eq!(shell.core.told(0, flight, 0.0, CAME_PEER_FAILED, -1.0), AGAIN, "the old leader begins again");
    let flight = shell.flight();
    shell.core.note(0, flight, true);
    shell.core.note(0, flight, true);
    assert_eq!((shell.stat("lostFlights"), shell.stat("flights")), (2.0, 0.0));
    let bytes = shell.key(b"k");
    assert_eq!((shell.core.late(0, bytes, 0.0), shell.stat("timeouts")), (DONE, 1.0));
}

#[wasm_bindgen_test]
fn no_such_key_and_a_failed_load_end_the_flight() {
    let mut shell = Shell::with_group("{}", PLAIN);
    for (came, counter) in
        [(CAME_NO_SUCH_KEY, "absent"), (CAME_LOAD_FAILED, "errors"), (CAME_UNHANDED, "refused")]
    {
        assert_eq!(shell.begin("k", 0.0), LOAD);
        assert_eq!(shell.core.told(0, shell.flight(), 0.0, came, -1.0), DONE);
        assert_eq!(
            (shell.stat(counter), shell.stat("flights"), shell.stat("entries")),
            (1.0, 0.0, 0.0),
            "{counter}"
        );
    }
}

#[wasm_bindgen_test]
fn senseless_calls_answer_and_change_nothing() {
    let mut shell = Shell::with_group("{}", PLAIN);
    shell.load("k", 0.0, b"v");
    let before = shell.counts(0);
    let bytes = shell.key(b"k");
    for group in [1, 7, u32::MAX] {
        assert_eq!(shell.core.begin(group, bytes, 0.0, false, false), Ok(DONE));
        assert_eq!(shell.core.reserve(group, 1, false), 0);
        assert_eq!(shell.core.told(group, 1.0, 0.0, CAME_VALUE, -1.0), DONE);
        assert_eq!(shell.core.peek(group, bytes, 0.0), DONE);
        assert_eq!(shell.core.set(group, bytes, 0.0, true), Ok(false));
        assert!(!shell.core.remove(group, bytes) && !shell.core.watch(group, 1.0, 0.0));
        shell.core.clear(group);
        assert!(!shell.core.note(group, 1.0, false));
        assert!(shell.counts(group).iter().all(|count| *count == 0.0));
    }
    for flight in [0.0, -1.0, 0.5, 99.0, f64::NAN, f64::INFINITY, 1e300] {
        for came in [CAME_VALUE, CAME_UNHANDED, CAME_NO_SUCH_KEY, CAME_LOAD_FAILED] {
            assert_eq!(shell.core.told(0, flight, 0.0, came, f64::NAN), DONE);
        }
        assert_eq!(shell.core.told(0, flight, 0.0, CAME_PEER_FAILED, -1.0), AGAIN);
        assert!(!shell.core.is_flying(0, flight) && !shell.core.watch(0, flight, f64::NAN));
        shell.core.note(0, flight, false);
        shell.core.note(0, flight, true);
    }
    assert_eq!(shell.counts(0), before);
    assert_eq!(shell.peek("k", 0.0), Some(b"v".to_vec()));
}

#[wasm_bindgen_test]
fn clocks_that_jump_or_are_none_do_no_harm() {
    let mut shell = Shell::with_group("{}", "{ maxBytes: 65_536, ttlMs: 10, staleIfErrorMs: 10 }");
    for (at, now) in
        [f64::NAN, f64::INFINITY, -5.0, 0.0, 1e18, 3.7, f64::MIN_POSITIVE].into_iter().enumerate()
    {
        let key = format!("k{at}");
        assert_eq!(shell.begin(&key, now), LOAD);
        assert_eq!(shell.came(shell.flight(), now, b"v"), DONE);
        shell.peek(&key, -now);
        for later in [0.0, f64::NAN, f64::INFINITY] {
            if shell.begin(&key, later) == LOAD {
                shell.core.told(0, shell.flight(), now, CAME_LOAD_FAILED, f64::INFINITY);
            }
        }
    }
    assert_eq!(shell.stat("flights"), 0.0);
}
