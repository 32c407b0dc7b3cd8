//! A Rust Worker with a global allocator of its own that links the crate.

#[path = "../../uses.rs"]
mod uses;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use geecache_edge::driver::Runtime;
use worker::{Context, Date, Delay, Env, Request, Response, event};

#[global_allocator]
static ALLOCATOR: std::alloc::System = std::alloc::System;

struct Worker;

impl Runtime for Worker {
    fn now_ms(&self) -> u64 {
        Date::now().as_millis()
    }

    async fn sleep_ms(&self, ms: u64) {
        Delay::from(Duration::from_millis(ms)).await;
    }

    fn spawn(&self, refresh: Pin<Box<dyn Future<Output = ()>>>) {
        worker::wasm_bindgen_futures::spawn_local(refresh);
    }
}

#[event(fetch)]
async fn fetch(request: Request, _env: Env, _ctx: Context) -> worker::Result<Response> {
    match uses::report(request.path().as_bytes(), Worker).await {
        Ok(report) => Response::ok(report),
        Err(error) => Response::error(error.to_string(), 500),
    }
}
