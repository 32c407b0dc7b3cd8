//! Fuzz targets as functions of bytes: libFuzzer runs them under `make fuzz`, seeded bytes under `cargo test`.

pub mod group;
pub mod peer_request;
pub mod peer_response;
pub mod set_request;

use geecache_edge::wire::{Exchange, NAMED};

/// A target's name and function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets but the store's, which is compared with a model of its own.
#[allow(dead_code)] // Each libFuzzer binary uses one.
pub const TARGETS: [Target; 4] = [
    ("peer_request", peer_request::run),
    ("peer_response", peer_response::run),
    ("set_request", set_request::run),
    ("group", group::run),
];

/// Splits bytes into pieces, each preceded by its length.
pub struct Pieces<'a>(pub &'a [u8]);

impl<'a> Pieces<'a> {
    /// The next byte; 0 at the end.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// The next piece: its length is the next byte, at most the rest.
    pub fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (piece, rest) = self.0.split_at(len);
        self.0 = rest;
        piece
    }

    /// The next piece as text.
    pub fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}

/// An exchange on one of the wires, with or without a secret, chosen by two numbers.
#[allow(dead_code)] // Not every target uses it.
pub fn exchange(kind: u8, wire: u8) -> Exchange {
    let secrets = if kind & 1 == 0 { vec![] } else { vec!["secret".to_owned()] };
    let (wire, base_path) = (NAMED[usize::from(wire & 3)].1, "/_geecache/".into());
    Exchange { wire, base_path, ring: 7, secrets, counters: Default::default() }
}
