//! A peer's response from anybody: never panics, and with a secret an unsigned one is rejected.

use super::{Pieces, exchange};
use geecache_edge::wire::{AUTH_HEADER, FRESH_HEADER, OUTCOME_HEADER};

pub fn run(data: &[u8]) {
    let mut pieces = Pieces(data);
    let kind = pieces.byte();
    let exchange = exchange(kind, pieces.byte());
    let status = match kind >> 1 & 7 {
        0..=2 => 200,
        3 => 404,
        4 | 5 => 500,
        _ => u16::from_be_bytes([pieces.byte(), pieces.byte()]),
    };
    let outcome = match kind >> 4 & 7 {
        0..=2 => None,
        3 => Some("absent".to_owned()),
        4 => Some("unfit".to_owned()),
        5 => Some("ERR_LOAD".to_owned()),
        _ => Some(pieces.text()),
    };
    let (fresh, auth) = (pieces.text(), pieces.text());
    let header = |name: &str| match name {
        OUTCOME_HEADER => outcome.clone(),
        FRESH_HEADER => (!fresh.is_empty()).then(|| fresh.clone()),
        AUTH_HEADER => (!auth.is_empty()).then(|| auth.clone()),
        // Go's peers send their errors as plain text.
        "content-type" => (kind & 128 != 0).then(|| "text/plain".to_owned()),
        _ => None,
    };
    let key = pieces.bytes().to_vec();
    let Some(outgoing) = exchange.request("scores", &key, 1 << 40) else { return };
    let read = exchange.read_response(&outgoing, status, &header, pieces.0.to_vec(), 1 << 40);
    assert!(read.is_err() || exchange.secrets.is_empty(), "an unsigned response was accepted: {read:?}");
    if let Err(error) = read {
        assert!(error.message().len() < 500);
    }
}
