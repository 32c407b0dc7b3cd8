//! The executor that a driver runs on, as it needs it.

use std::future::Future;
use std::pin::Pin;

use crate::base::time::Millis;

/// A clock, timers and background tasks: the driver's requirements of its executor.
pub trait Runtime {
    /// The current time, in ms since the Unix epoch.
    fn now_ms(&self) -> Millis;

    /// Resolves after `ms` milliseconds. The driver may drop the future before.
    fn sleep_ms(&self, ms: u64) -> impl Future<Output = ()>;

    /// Runs a future in the background: the refresh of a stale copy. Dropping it instead costs only that refresh.
    fn spawn(&self, refresh: Pin<Box<dyn Future<Output = ()>>>);
}
