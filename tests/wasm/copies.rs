//! This node's copies through the bindings: staging, caching and removing.

use geecache_edge::protocol::{Outcome, Staged, Step};
use wasm_bindgen_test::wasm_bindgen_test;

use super::support::*;

const PLAIN: &str = "{ maxBytes: 65_536 }";
const VALUE: u32 = Staged::Value as u32;

#[wasm_bindgen_test]
fn staged_value_is_used_once() {
    let mut shell = Shell::with_group("{}", PLAIN);
    shell.load("a", 0.0, b"secret");
    assert_eq!(shell.begin("b", 0.0), Step::Load);
    // Nothing was staged for this one, and nothing is left of the last.
    let flight = shell.flight();
    assert_eq!(
        step(shell.core.complete_task(0, flight, 1, 0.0, Outcome::Value as u32, true, -1.0)),
        Step::Done
    );
    assert_eq!(shell.peek("b", 0.0), Some(Vec::new()));
}

#[wasm_bindgen_test]
fn keys_are_bytes_and_need_not_be_utf_8() {
    let mut shell = Shell::with_group("{}", PLAIN);
    for key in [&b"\0"[..], b"\xff", b"\xff\xfe", b"a\0b", b"\xed\xa0\x80", b" "] {
        let bytes = shell.key(key);
        assert!(shell.stage(key));
        assert_eq!(shell.core.set(0, bytes, 0.0, true), Ok(true));
        assert_eq!(step(shell.core.peek(0, bytes, 0.0)), Step::Hit);
        assert_eq!(shell.value(), key);
    }
    assert_eq!(shell.stat("entries"), 6.0);
}

#[wasm_bindgen_test]
fn stage_accepts_up_to_max_entry_bytes_and_refuses_what_memory_lacks() {
    let mut shell = Shell::with_group("{}", "{ maxBytes: 2 * 2 ** 30, maxEntryBytes: 2 * 2 ** 30 }");
    // More than the address space has, or than it has left: a 0, and no trap.
    for bytes in [usize::MAX, usize::MAX / 2 + 1, usize::MAX - 65_536] {
        assert_eq!(shell.core.stage(0, bytes, VALUE), 0, "{bytes}");
    }
    assert_ne!(shell.core.stage(0, 0, VALUE), 0);
    assert_ne!(shell.core.stage(0, 1_000_000, VALUE), 0);
    let mut small = Shell::with_group("{}", "{ maxBytes: 65_536, maxEntryBytes: 100 }");
    assert_ne!(small.core.stage(0, 100, VALUE), 0);
    assert_eq!(small.core.stage(0, 101, VALUE), 0);
    assert_eq!(small.begin("k", 0.0), Step::Load);
    assert_eq!(small.complete_with(small.flight(), 0.0, &[7; 101]), Step::Done);
    assert_eq!((small.peek("k", 0.0), small.stat("rejected")), (None, 1.0));
}

#[wasm_bindgen_test]
fn values_survive_the_growth_of_memory() {
    let mut shell = Shell::with_group("{}", "{ maxBytes: 64 * 1024 * 1024, maxEntryBytes: 20_000_000 }");
    shell.load("small", 0.0, b"small");
    for (at, size) in [3_000_000usize, 9_000_000, 20_000_000].into_iter().enumerate() {
        shell.load(&format!("large {at}"), 0.0, &vec![at as u8 + 1; size]);
    }
    assert_eq!(shell.peek("small", 0.0), Some(b"small".to_vec()));
    assert_eq!(shell.peek("large 2", 0.0), Some(vec![3; 20_000_000]));
}

#[wasm_bindgen_test]
fn set_remove_and_clear_return_what_changed() {
    let mut shell = Shell::with_group("{}", "{ maxBytes: 65_536, maxEntryBytes: 65_536, policy: 'lru' }");
    let empty_bytes = shell.stat("usedBytes");
    let set = |shell: &mut Shell, key: &str, value: &[u8]| {
        let bytes = shell.key(key.as_bytes());
        assert!(shell.stage(value));
        shell.core.set(0, bytes, 0.0, true)
    };
    assert_eq!(set(&mut shell, "a", b"1"), Ok(true));
    assert_eq!(set(&mut shell, "b", &[0; 40_000]), Ok(true));
    assert_eq!(set(&mut shell, "c", &[0; 65_536]), Ok(false), "no room for its bookkeeping");
    let bytes = shell.key(b"b");
    assert_eq!((shell.core.remove(0, bytes), shell.core.remove(0, bytes)), (true, false));
    assert_eq!(set(&mut shell, "d", b"4"), Ok(true));
    let (bytes, rejected) = (shell.key(b"d"), shell.stat("rejected"));
    assert_eq!(shell.core.set(0, bytes, 0.0, false), Ok(false), "it was not staged");
    assert_eq!(shell.stat("rejected"), rejected + 1.0);
    shell.core.clear(0);
    assert_eq!((shell.stat("entries"), shell.stat("usedBytes")), (0.0, empty_bytes));
}
