//! What is fuzzed, as functions of bytes: libFuzzer drives them under `make fuzz`, seeded bytes under `cargo test`.

pub mod answer;
pub mod change;
pub mod group;
pub mod question;

use geecache_edge::wire::{Exchange, NAMED};

/// A name and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All of them but the store's, which has models of its own in the crate.
#[allow(dead_code)] // libFuzzer has a file for each.
pub const TARGETS: [Target; 4] =
    [("question", question::run), ("answer", answer::run), ("change", change::run), ("group", group::run)];

/// Cuts bytes into pieces: each begins with its length.
pub struct Pieces<'a>(pub &'a [u8]);

impl<'a> Pieces<'a> {
    /// A number.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Some bytes, as many as the next number says, or what is left.
    pub fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (piece, rest) = self.0.split_at(len);
        self.0 = rest;
        piece
    }

    /// The same as text.
    pub fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}

/// How a node speaks on one of the wires, with a secret or without, by two numbers.
#[allow(dead_code)] // Not each target speaks.
pub fn exchange(kind: u8, wire: u8) -> Exchange {
    let secrets = if kind & 1 == 0 { vec![] } else { vec!["secret".to_owned()] };
    let (wire, base_path) = (NAMED[usize::from(wire & 3)].1, "/_geecache/".into());
    Exchange { wire, base_path, ring: 7, secrets, counters: Default::default() }
}
