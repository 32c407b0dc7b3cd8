//! Signatures: HMAC-SHA256 under a secret that the peers share.

use hmac_sha256::HMAC;

/// A secret that peers share. Of a list the first one signs and all are accepted, so that a secret can be rotated.
pub type Secret = String;

/// Length of a signature.
pub(super) const SIGNATURE_BYTES: usize = 32;

/// Signs `fields`. Each is preceded by its length, so that no two lists have the same encoding.
pub(super) fn sign(secret: &str, fields: &[&[u8]]) -> [u8; SIGNATURE_BYTES] {
    mac(secret, fields).finalize()
}

/// True if the signature was made with this secret. Constant time.
pub(super) fn verify(secret: &str, fields: &[&[u8]], signature: &[u8]) -> bool {
    signature.try_into().is_ok_and(|signature| mac(secret, fields).finalize_verify(signature))
}

fn mac(secret: &str, fields: &[&[u8]]) -> HMAC {
    let mut mac = HMAC::new(secret);
    for field in fields {
        mac.update((field.len() as u64).to_le_bytes());
        mac.update(field);
    }
    mac
}
