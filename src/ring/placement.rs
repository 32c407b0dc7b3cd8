//! Placements: how names and keys become positions on the circle. Two are Go's; one is better balanced, for clusters without Go.

use super::md5::md5;
use crate::base::crc32::crc32;
use crate::base::text::hex;

/// How names and keys become positions. Every node of a cluster must use the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// GeeCache's and golang/groupcache's: point `i` of peer `p` at `crc32(decimal(i) + p)`, a key at `crc32(key)`.
    #[default]
    Geecache,
    /// groupcache-go's and mailgun's: point `i` of peer `p` at `fnv1(hex(md5(decimal(i) + p)))`, a key at `fnv1(key)`;
    /// 64 bits. Go orders them as signed numbers, which is the same circle with another start.
    GroupcacheV3,
    /// For clusters without Go. crc32 maps names that differ in one digit to nearby points, which overloads some peers. Here
    /// a finaliser mixes the crc32, and each replica has eight points. `docs/performance.md` has the shares.
    Balanced,
}

/// Points per replica of [`Placement::Balanced`]: the deviation of a peer's share falls with the square root of its points.
const BALANCED_POINTS: u32 = 8;

impl Placement {
    /// Adds the positions of a replica. Its name is its number in decimal digits and the peer's name.
    pub(super) fn add_points(self, replica: &[u8], add: &mut dyn FnMut(u64)) {
        if self == Placement::GroupcacheV3 {
            return add(fnv1(hex(&md5(replica)).as_bytes()));
        }
        let first = crc32(replica);
        // Steps of the golden ratio keep a replica's points apart before they are mixed.
        for at in 0..if self == Placement::Balanced { BALANCED_POINTS } else { 1 } {
            add(self.widen(first.wrapping_add(at.wrapping_mul(0x9e37_79b9))));
        }
    }

    /// Position of a key.
    #[inline]
    pub(super) fn key_position(self, key: &[u8]) -> u64 {
        if self == Placement::GroupcacheV3 { fnv1(key) } else { self.widen(crc32(key)) }
    }

    /// Position of a 32-bit hash on the 64-bit circle.
    #[inline]
    fn widen(self, hash: u32) -> u64 {
        u64::from(if self == Placement::Balanced { mix(hash) } else { hash }) << 32
    }
}

/// FNV-1 with 64 bits, which multiplies first; FNV-1a is another function. Not inlined, so that lookups with other placements stay
/// short.
#[inline(never)]
fn fnv1(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte))
}

/// A 32-bit finaliser: Christopher Wellons' lowbias32, with TheIronBorn's constants.
fn mix(hash: u32) -> u32 {
    let hash = (hash ^ hash >> 16).wrapping_mul(0x21f0_aaad);
    let hash = (hash ^ hash >> 15).wrapping_mul(0xd35a_2d97);
    hash ^ hash >> 15
}
