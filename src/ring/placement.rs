//! Where peers and keys lie on the circle: Go's two ways, and a better-mixed one for clusters without Go.

use super::md5::md5;
use crate::base::crc32::crc32;
use crate::base::text::hex;

/// How names become places. Every node of a cluster must have the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// GeeCache's and golang/groupcache's: point `i` of peer `p` at `crc32(decimal(i) + p)`, a key at `crc32(key)`.
    #[default]
    Geecache,
    /// groupcache-go's and mailgun's: point `i` of peer `p` at `fnv1(hex(md5(decimal(i) + p)))`, a key at `fnv1(key)`;
    /// 64 bits. (Go orders them as signed numbers: the same circle, begun elsewhere.)
    GroupcacheV3,
    /// For clusters without Go. crc32 leaves names that differ in a digit close together, so that with ten of them the
    /// busiest peer can have 2.5 times its share. Here a mixer follows it, and each replica is eight points: 1.04 to 1.12
    /// times over thirty lists of ten names and 50 replicas.
    Balanced,
}

/// Points for each replica of [`Placement::Balanced`]: by the square root of a peer's points its share strays.
const BALANCED_POINTS: u32 = 8;

impl Placement {
    /// Adds the places of a replica's name, which is its number in decimal digits and the peer's name.
    pub(super) fn place(self, replica: &[u8], add: &mut dyn FnMut(u64)) {
        if self == Placement::GroupcacheV3 {
            return add(fnv1(hex(&md5(replica)).as_bytes()));
        }
        let first = crc32(replica);
        // The golden ratio's steps keep a replica's points apart before they are mixed.
        for at in 0..if self == Placement::Balanced { BALANCED_POINTS } else { 1 } {
            add(self.spread(first.wrapping_add(at.wrapping_mul(0x9e37_79b9))));
        }
    }

    /// Where a key lies.
    #[inline]
    pub(super) fn of_key(self, key: &[u8]) -> u64 {
        if self == Placement::GroupcacheV3 { fnv1(key) } else { self.spread(crc32(key)) }
    }

    /// The place of a hash of 32 bits, on a circle of 64.
    #[inline]
    fn spread(self, hash: u32) -> u64 {
        u64::from(if self == Placement::Balanced { mixed(hash) } else { hash }) << 32
    }
}

/// FNV-1 of 64 bits, which multiplies first; FNV-1a is another. A call, so that the others' look-up stays short.
#[inline(never)]
fn fnv1(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte))
}

/// A finaliser of 32 bits: Christopher Wellons' lowbias32, with the constants that TheIronBorn found for it.
fn mixed(hash: u32) -> u32 {
    let hash = (hash ^ hash >> 16).wrapping_mul(0x21f0_aaad);
    let hash = (hash ^ hash >> 15).wrapping_mul(0xd35a_2d97);
    hash ^ hash >> 15
}
