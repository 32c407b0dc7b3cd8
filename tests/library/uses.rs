//! What both programs use of the crate: ring, store, group and driver.

use geecache_edge::driver::{GroupDriver, Runtime};
use geecache_edge::group::{Group, Origin, Step};
use geecache_edge::peer::PeerRequest;
use geecache_edge::store::{Meta, Store, StoreOptions};
use geecache_edge::{ByteView, Error, GroupOptions, Loader, NoPeers, PeerAnswer, PeerGetter, Ring};

pub struct Database;

impl Loader for Database {
    async fn load(&self, key: &[u8]) -> Result<Option<ByteView>, Box<dyn std::error::Error + Send + Sync>> {
        Ok((key != b"missing").then(|| ByteView::from(key)))
    }
}

pub struct NoPeer;

impl PeerGetter for NoPeer {
    async fn get(&self, _: PeerRequest<'_>) -> Result<PeerAnswer, Error> {
        Ok(PeerAnswer::NotFound)
    }
}

/// Says the key's owner, the entries of a store, whether a lookup leads, and how long the loaded value is.
pub async fn report(
    key: &[u8],
    runtime: impl Runtime + 'static,
) -> Result<String, Box<dyn std::error::Error>> {
    let ring = Ring::new(50, ["https://a.example.net", "https://b.example.net"]);
    let owner = ring.owner(key).map_or("nobody", |peer| &**peer);
    let mut store = Store::new(StoreOptions::default())?;
    store.insert(key, b"stored", Meta { expires_at_ms: u64::MAX, flags: 0 }).ok();
    let mut group = Group::new("steps", GroupOptions::new(1 << 20))?;
    let leads = matches!(group.begin(key, runtime.now_ms(), Origin::Local, &mut NoPeers)?, Step::Lead(..));
    let users = GroupDriver::new("users", GroupOptions::new(1 << 20), Database, NoPeer, runtime)?;
    let length = users.get(key).await?.map_or(0, |value| value.len());
    Ok(format!("owner {owner}, {} entry, leads {leads}, {length} bytes", store.len()))
}
