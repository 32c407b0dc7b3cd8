//! A WASI program without JavaScript that links the crate.

#[path = "../../uses.rs"]
mod uses;

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::{SystemTime, UNIX_EPOCH};

use geecache_edge::driver::Runtime;

struct Wasi;

impl Runtime for Wasi {
    fn now_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64)
    }

    fn sleep_ms(&self, _: u64) -> impl Future<Output = ()> {
        pending()
    }

    fn spawn(&self, _: Pin<Box<dyn Future<Output = ()>>>) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{}", futures_executor::block_on(uses::report(b"Tom", Wasi))?);
    Ok(())
}
