//! The owners that Go's own package recorded, with the crc32 of wasm builds.

use std::io::Read;

use geecache_edge::Ring;
use serde_json::Value;
use wasm_bindgen_test::wasm_bindgen_test;

use super::support::{Shell, js};

const GOLDEN: &[u8] = include_bytes!("../golden/ring.json.gz");

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[wasm_bindgen_test]
fn owners_match_go() {
    let mut text = String::new();
    flate2::read::GzDecoder::new(GOLDEN).read_to_string(&mut text).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let (mut rings, mut owners) = (0, 0);
    for case in list(&golden["rings"]) {
        let peers: Vec<&str> = list(&golden["peers"][case["peers"].as_str().unwrap()])
            .iter()
            .map(|peer| peer.as_str().unwrap())
            .collect();
        let listed = list(&case["listed"]).iter().map(|index| peers[index.as_u64().unwrap() as usize]);
        let ring = Ring::new(case["replicas"].as_u64().unwrap() as u32, listed);
        let keys = &golden["keys"][case["keys"].as_str().unwrap()];
        let texts = list(&keys["text"]).iter().map(|key| key.as_str().unwrap().as_bytes().to_vec());
        let bytes = list(&keys["hex"]).iter().map(|key| bytes_of(key.as_str().unwrap()));
        for (key, owner) in texts.chain(bytes).zip(list(&case["owners"])) {
            let expected = usize::try_from(owner.as_i64().unwrap()).ok().map(|index| peers[index]);
            assert_eq!(ring.owner(&key).map(|peer| &**peer), expected, "{} {key:?}", case["peers"]);
            owners += 1;
        }
        rings += 1;
    }
    assert_eq!((rings, owners), (370, 123_731), "the whole file was read");
}

#[wasm_bindgen_test]
fn owner_through_the_bindings_matches_geecache() {
    let shell = Shell::new("{ peers: [8001, 8002, 8003].map((port) => 'http://localhost:' + port) }");
    for (key, owner) in [("Tom", 8001), ("Jack", 8001), ("Sam", 8003), ("kkk", 8001)] {
        let bytes = shell.key(key.as_bytes());
        assert_eq!(shell.core.owner(bytes), Some(format!("http://localhost:{owner}")), "{key}");
    }
}

#[wasm_bindgen_test]
fn set_peers_replaces_the_ring_and_an_invalid_list_keeps_it() {
    let mut shell = Shell::new("{ peers: ['a'] }");
    let owner = |shell: &Shell| shell.core.owner(shell.key(b"Tom"));
    shell.core.set_peers(&js("['b']")).unwrap();
    assert_eq!(owner(&shell).as_deref(), Some("b"));
    for wrong in ["'c'", "null", "undefined", "['']", "['c', 7]", "[, 'c']", "{}", "Array(10_001).fill('c')"]
    {
        let (code, message) = super::support::thrown(shell.core.set_peers(&js(wrong)));
        assert_eq!(code, "ERR_OPTION", "{wrong}");
        assert!(message.contains("peers"), "{message}");
        assert_eq!(owner(&shell).as_deref(), Some("b"));
    }
    shell.core.set_peers(&js("[]")).unwrap();
    assert_eq!(owner(&shell), None);
}
