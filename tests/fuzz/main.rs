//! A short run of every fuzz target on seeded bytes: noise, and words of the protocols with changes. `make fuzz` runs
//! libFuzzer on the same targets.
#![cfg(not(target_arch = "wasm32"))]

#[path = "../support/mod.rs"]
mod support;
#[path = "../../fuzz/targets/mod.rs"]
mod targets;

use support::{Rng, for_seeds};
use targets::TARGETS;

/// Words that parsers branch on.
const WORDS: [&[u8]; 24] = [
    b"scores",
    b"Tom",
    b"/",
    b"//",
    b"%2F",
    b"%",
    b"%zz",
    b"%00",
    b"+",
    b"..",
    b"%2e%2e",
    b"?",
    b"#",
    b"absent",
    b"ERR_LOAD",
    b"ERR_TIMEOUT",
    b"18446744073709551615",
    b"-1",
    b"\xff",
    "é".as_bytes(),
    b"\x0a\x03630",
    b"\x0a\xff\xff\xff\xff\x0f",
    b"\x18\x00",
    b"00000007",
];

fn bytes(rng: &mut Rng) -> Vec<u8> {
    let mut data = Vec::new();
    while data.len() < 400 && !rng.chance(5) {
        match rng.below(4) {
            0 => data.push(rng.next() as u8),
            1 => {
                let len = rng.below(20);
                data.extend(rng.bytes(len));
            }
            _ => {
                // A word, usually preceded by its length, as `Pieces` splits.
                let word = *rng.pick(&WORDS);
                if rng.chance(80) {
                    data.push(word.len() as u8);
                }
                data.extend(word);
            }
        }
    }
    data
}

#[test]
fn fuzz_targets_seeded_bytes_never_panic() {
    for (name, target) in TARGETS {
        for_seeds(20_000, |rng| {
            let data = bytes(rng);
            let run = std::panic::catch_unwind(|| target(&data));
            assert!(run.is_ok(), "{name} panicked on {data:02x?}");
        });
    }
}
