//! The counters of a group.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident = $js:literal,)*) => {
        /// A group's counters since it was created, and its current size.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Stats {
            /// Every counter with its JavaScript name, in the order of the fields.
            pub fn entries(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$($js,)*].into_iter().zip(self.counts())
            }

            /// Every counter, in the order of the fields.
            pub fn counts(&self) -> impl Iterator<Item = u64> {
                [$(self.$name,)*].into_iter()
            }
        }
    };
}

counters! {
    /// Lookups by callers on this node.
    requests = "requests",
    /// Lookups for other peers.
    peer_requests = "peerRequests",
    /// Lookups served by a fresh copy.
    hits = "hits",
    /// Lookups served by a stale copy.
    stale_hits = "staleHits",
    /// Lookups that joined a flight instead of leading one.
    coalesced = "coalesced",
    /// Flights that a peer served with a value.
    peer_hits = "peerHits",
    /// Peer requests without a usable response.
    peer_failures = "peerFailures",
    /// Peer requests skipped because the circuit breaker was open.
    short_circuits = "shortCircuits",
    /// Runs of this node's loader.
    loads = "loads",
    /// Runs of this node's loader after a peer failed.
    fallbacks = "fallbacks",
    /// Flights that ended with "no such key".
    not_found = "notFound",
    /// Flights that ended with an error.
    errors = "errors",
    /// Callers whose deadline passed before their flight ended.
    timeouts = "timeouts",
    /// Flights whose leader vanished.
    lost_flights = "lostFlights",
    /// Values not stored: too large, not admitted, or no memory.
    rejected = "rejected",
    /// Values not stored because of a remove or a set during their load.
    invalidated_loads = "invalidatedLoads",
    /// Entries evicted.
    evictions = "evictions",
    /// Entries stored now.
    entries = "entries",
    /// Bytes in use now: keys, values and bookkeeping.
    used_bytes = "usedBytes",
    /// The bound on those bytes.
    max_bytes = "maxBytes",
    /// Flights in progress now.
    flights = "flights",
}
