//! Signatures: HMAC-SHA256 under a secret that peers share.

use hmac_sha256::HMAC;

/// A secret that peers share. The first of a list signs; all of them are accepted, so that one can be exchanged for
/// another without a gap.
pub type Secret = String;

/// The bytes of a signature.
pub(super) const SIGNATURE_BYTES: usize = 32;

/// The signature of `fields`, each with its length before it, so that no two lists of them read alike.
pub(super) fn sign(secret: &str, fields: &[&[u8]]) -> [u8; SIGNATURE_BYTES] {
    listed(secret, fields).finalize()
}

/// Whether the signature was made with that secret. The comparison takes the same time for every wrong one.
pub(super) fn is_signed(secret: &str, fields: &[&[u8]], signature: &[u8]) -> bool {
    signature.try_into().is_ok_and(|signature| listed(secret, fields).finalize_verify(signature))
}

fn listed(secret: &str, fields: &[&[u8]]) -> HMAC {
    let mut mac = HMAC::new(secret);
    for field in fields {
        mac.update((field.len() as u64).to_le_bytes());
        mac.update(field);
    }
    mac
}
