//! Wire formats, one per family of Go peers, and the protobuf that three of them share.

mod geecache;
mod geecache_proto;
mod groupcache;
mod groupcache_v3;
pub(super) mod protobuf;

pub use geecache::Geecache;
pub use geecache_proto::GeecacheProto;
pub use groupcache::Groupcache;
pub use groupcache_v3::{GroupcacheV3, REMOVE_KEYS, SetRequest};
