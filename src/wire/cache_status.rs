//! The header `Cache-Status` (RFC 9211): how a cache handled a request.

use crate::base::text::decimal;

/// The header's name, in lower case.
pub const CACHE_STATUS_HEADER: &str = "cache-status";

/// Returns the header for a value from `source` (`memory`, `stale`, `flight`, `peer` or `loader`) with `fresh_ms` of
/// freshness left.
pub fn cache_status(source: &str, fresh_ms: Option<u64>) -> String {
    let mut status = String::from("geecache-edge; ");
    status.push_str(match source {
        "memory" => "hit",
        "stale" => "hit; detail=stale",
        "flight" => "fwd=miss; collapsed",
        _ => "fwd=miss",
    });
    if let Some(fresh_ms) = fresh_ms {
        status.push_str("; ttl=");
        status.push_str(&decimal(fresh_ms / 1_000));
    }
    status
}

#[cfg(test)]
mod tests {
    use crate::wire::cache_status;

    #[test]
    fn cache_status_sources_follow_rfc_9211() {
        for (source, fresh_ms, status) in [
            ("memory", None, "hit"),
            ("memory", Some(1_999), "hit; ttl=1"),
            ("stale", Some(0), "hit; detail=stale; ttl=0"),
            ("flight", Some(60_000), "fwd=miss; collapsed; ttl=60"),
            ("loader", None, "fwd=miss"),
        ] {
            assert_eq!(cache_status(source, fresh_ms), format!("geecache-edge; {status}"));
        }
    }
}
