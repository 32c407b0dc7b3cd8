//! The TypeScript half of the protocol: generated from `src/protocol.rs`, and compared with the file that is
//! checked in.
//!
//! `UPDATE_PROTOCOL=1 cargo test --test protocol` writes the file.
#![cfg(not(target_arch = "wasm32"))]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use geecache_edge::group::options::GroupOptions;
use geecache_edge::protocol::{self, *};
use geecache_edge::wire;

const PATH: &str = "pkg-template/src/core/protocol.ts";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(PATH)
}

/// The whole of `protocol.ts`.
fn typescript() -> String {
    let mut file = String::from(
        "/**\n * The protocol between TypeScript and the core: numbers, names and orders that both know.\n *\n \
         * Generated from `src/protocol.rs` by `UPDATE_PROTOCOL=1 cargo test --test protocol`. Do not edit.\n */\n",
    );
    for numbers in ENUMS {
        file += &format!("\n{}export const enum {} {{\n", doc("", numbers.doc), numbers.name);
        for (at, (variant, variant_doc)) in numbers.variants.iter().enumerate() {
            file += &format!("{}  {variant} = {at},\n", doc("  ", variant_doc));
        }
        file += "}\n";
    }
    file += &list("The outcomes by their names in events, in the order of `Outcome`.", "OUTCOMES", &OUTCOMES);
    file += &table(
        "The sources of values, with their numbers.",
        "SOURCES",
        &SOURCES.iter().enumerate().map(|(at, name)| (*name, at.to_string())).collect::<Vec<_>>(),
    );
    file += &list(
        "The error codes; an error crosses as its index.",
        "ERROR_CODES",
        &ERROR_CODES.map(|code| code.as_str()),
    );
    file += "\n/** A stable error code. */\nexport type ErrorCode = (typeof ERROR_CODES)[number];\n";
    file += &kinds("The pool's options that the core reads, in order.", "POOL_OPTIONS", PoolOption::ALL);
    file += &kinds("The group's options that the core reads, in order.", "GROUP_OPTIONS", GroupOption::ALL);
    file += &list("A group's counters, in order.", "GROUP_COUNTERS", &group_counters());
    file += &list(
        "The pool's counters, which follow a group's.",
        "POOL_COUNTERS",
        &POOL_COUNTERS.map(|counter| counter.0),
    );
    file += &list(
        "The headers of a peer's response that the core reads, in order.",
        "RESPONSE_HEADERS",
        &RESPONSE_HEADERS,
    );
    file += &constant(
        "The header that signs peer requests and their responses.",
        "AUTH_HEADER",
        &format!("{REQUEST_HEADER:?}"),
    );
    file += &constant(
        "In place of a key: the body of such a POST lists the keys to remove (groupcache-v3).",
        "REMOVE_KEYS",
        &format!("{:?}", wire::REMOVE_KEYS),
    );
    for (name, number, doc) in [
        ("SLOTS", SLOTS as u64, "How many slots the scratch area has."),
        ("MAX_KEY_BYTES", MAX_KEY_BYTES as u64, "The longest key, in bytes of UTF-8."),
        (
            "KEY_ROOM_BYTES",
            KEY_ROOM_BYTES as u64,
            "Room for a key in the scratch area: a longer one is noticed.",
        ),
        (
            "HEARTBEAT_MS",
            HEARTBEAT_MS.into(),
            "How often a leader sends a heartbeat and a follower checks for it, in ms.",
        ),
        (
            "DEFAULT_DEADLINE_MS",
            GroupOptions::new(1 << 20).deadline_ms,
            "The default of a group's `deadlineMs`.",
        ),
    ] {
        file += &constant(doc, name, &with_underscores(number));
    }
    file
}

fn doc(indent: &str, lines: &[&str]) -> String {
    match lines {
        [line] => format!("{indent}/**{line} */\n"),
        lines => {
            let lines: String = lines.iter().map(|line| format!("{indent} *{line}\n")).collect();
            format!("{indent}/**\n{lines}{indent} */\n")
        }
    }
}

fn constant(doc: &str, name: &str, value: &str) -> String {
    format!("\n/** {doc} */\nexport const {name} = {value};\n")
}

fn list(doc: &str, name: &str, items: &[&str]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("{item:?}")).collect();
    let line = format!("export const {name} = [{}] as const;", quoted.join(", "));
    let lines = format!("export const {name} = [\n  {},\n] as const;", quoted.join(",\n  "));
    format!("\n/** {doc} */\n{}\n", if line.len() <= 120 { line } else { lines })
}

fn table(doc: &str, name: &str, entries: &[(&str, String)]) -> String {
    let entries: Vec<String> =
        entries.iter().map(|(key, value)| format!("{}: {value}", property(key))).collect();
    let line = format!("export const {name} = {{ {} }} as const;", entries.join(", "));
    let lines = format!("export const {name} = {{\n  {},\n}} as const;", entries.join(",\n  "));
    format!("\n/** {doc} */\n{}\n", if line.len() <= 120 && entries.len() <= 5 { line } else { lines })
}

/// Options by name: "string", "number", or the number of each name that may be chosen.
fn kinds(doc: &str, name: &str, options: &[(&str, Kind)]) -> String {
    let entries: Vec<(&str, String)> = options
        .iter()
        .map(|(option, kind)| {
            let kind = match kind {
                Kind::Text => "\"string\"".to_owned(),
                Kind::Number => "\"number\"".to_owned(),
                Kind::OneOf(names) => {
                    let names: Vec<String> = names
                        .iter()
                        .enumerate()
                        .map(|(at, name)| format!("{}: {at}", property(name)))
                        .collect();
                    format!("{{ {} }}", names.join(", "))
                }
            };
            (*option, kind)
        })
        .collect();
    table(doc, name, &entries)
}

fn property(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric());
    if is_plain { name.to_owned() } else { format!("{name:?}") }
}

fn with_underscores(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digits.len() > 4 {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

#[test]
fn typescript_protocol_matches_the_core() {
    let expected = typescript();
    if std::env::var_os("UPDATE_PROTOCOL").is_some() {
        std::fs::write(path(), &expected).unwrap();
    }
    let found = std::fs::read_to_string(path()).unwrap_or_default();
    let difference = expected.lines().zip(found.lines().chain(std::iter::repeat(""))).find(|(a, b)| a != b);
    assert!(
        expected == found,
        "{PATH} differs from src/protocol.rs, first at {difference:?}: run UPDATE_PROTOCOL=1 cargo test --test protocol"
    );
}

#[test]
fn unknown_numbers_are_refused() {
    for (numbers, is_known) in [
        (Step::NUMBERS, (|number| Step::try_from(number).is_ok()) as fn(u32) -> bool),
        (Outcome::NUMBERS, |number| Outcome::try_from(number).is_ok()),
        (Slot::NUMBERS, |number| Slot::try_from(number).is_ok()),
        (Staged::NUMBERS, |number| Staged::try_from(number).is_ok()),
        (Source::NUMBERS, |number| Source::try_from(number).is_ok()),
        (InjectedTrap::NUMBERS, |number| InjectedTrap::try_from(number).is_ok()),
        (PoolCounter::NUMBERS, |number| PoolCounter::try_from(number).is_ok()),
    ] {
        let count = numbers.variants.len() as u32;
        assert!((0..count).all(is_known), "{}", numbers.name);
        assert!([count, count + 1, u32::MAX].into_iter().all(|number| !is_known(number)), "{}", numbers.name);
    }
    let error = Step::try_from(99).unwrap_err();
    assert_eq!(error.code().as_str(), "ERR_OPTION");
    assert_eq!(code_of(9).unwrap_err().code().as_str(), "ERR_OPTION");
}

#[test]
fn lists_follow_their_enums() {
    assert_eq!(OUTCOMES.len(), Outcome::NUMBERS.variants.len());
    assert_eq!(POOL_COUNTERS.len(), PoolCounter::NUMBERS.variants.len());
    for (at, (name, _)) in Source::NUMBERS.variants.iter().enumerate() {
        assert_eq!(name.to_lowercase(), SOURCES[at]);
        assert_eq!(Source::try_from(at as u32).unwrap().name(), SOURCES[at]);
    }
    for (at, code) in ERROR_CODES.into_iter().enumerate() {
        assert_eq!((code_number(code), code_of(at as u32).ok()), (Some(at as u32), Some(code)));
    }
    for (at, (_, counter)) in POOL_COUNTERS.into_iter().enumerate() {
        assert_eq!(counter as usize, at);
    }
    assert_eq!(PoolOption::ALL[PoolOption::Ring as usize].0, "ring");
    assert_eq!(GroupOption::ALL[GroupOption::Failover as usize].0, "failover");
    assert_eq!(protocol::WIRES.len(), wire::NAMED.len());
    assert_eq!(group_counters().iter().collect::<BTreeSet<_>>().len(), group_counters().len());
}

#[test]
fn response_headers_cover_every_header_that_a_wire_reads() {
    for (name, wire) in WIRES {
        for present in [None, Some(""), Some("text/plain"), Some("ERR_LOAD"), Some("1")] {
            for status in [0, 200, 204, 301, 304, 400, 401, 404, 410, 413, 500, 503] {
                let read = RefCell::new(BTreeSet::new());
                let header = |name: &str| {
                    read.borrow_mut().insert(name.to_owned());
                    present.map(str::to_owned)
                };
                let exchange = wire::Exchange {
                    wire: *wire,
                    base_path: "/_geecache/".into(),
                    ring: 0,
                    secrets: Vec::new(),
                    counters: Default::default(),
                };
                let request = wire::OutgoingRequest::sent(String::new(), "g", b"k");
                let _ = exchange.read_response(&request, status, &header, Vec::new(), 0);
                for header in read.borrow().iter() {
                    assert!(
                        RESPONSE_HEADERS.contains(&&**header),
                        "{name} reads {header}: add it to RESPONSE_HEADERS"
                    );
                }
            }
        }
    }
}
