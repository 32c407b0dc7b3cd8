//! What a group counts, so that nothing is lost silently.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident = $js:literal,)*) => {
        /// A group's counters since it was made, and its size now. Every field is a plain number.
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
    /// Look-ups by callers on this node.
    requests = "requests",
    /// Look-ups by other peers that this node answered.
    peer_requests = "peerRequests",
    /// Look-ups answered with a fresh copy from memory.
    hits = "hits",
    /// Look-ups answered with a copy past its freshness.
    stale_hits = "staleHits",
    /// Look-ups that joined a flight instead of leading one.
    coalesced = "joins",
    /// Flights that another peer answered with a value.
    peer_hits = "peerHits",
    /// Asks that no usable answer came back from.
    peer_failures = "peerFailures",
    /// Asks not made, because the peer was known to be down.
    short_circuits = "passedOver",
    /// Runs of this node's own loader.
    loads = "loads",
    /// Runs of this node's own loader because a peer had failed.
    fallbacks = "fallbacks",
    /// Flights that ended with "there is no such key".
    not_found = "absent",
    /// Flights that ended with an error.
    errors = "errors",
    /// Callers whose deadline passed before their flight had landed.
    timeouts = "timeouts",
    /// Flights whose leader vanished, so that another took over.
    lost_flights = "lostFlights",
    /// Values that were loaded or set and not kept: too large, not admitted, or no memory.
    rejected = "refused",
    /// Values that were answered and not kept because a remove or a set came while they were loading.
    invalidated_loads = "overtaken",
    /// Entries that made room for others.
    evictions = "evictions",
    /// Entries now.
    entries = "entries",
    /// Bytes now: keys, values and bookkeeping.
    used_bytes = "usedBytes",
    /// The bound on those bytes.
    max_bytes = "maxBytes",
    /// Flights in the air now.
    flights = "flights",
}
