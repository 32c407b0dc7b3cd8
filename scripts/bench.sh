#!/bin/sh
# Measures the ring and the store, native and in wasm, and hit ratios, each against its rivals in the same run. TRACES=DIR adds traces.
set -eu
. "$(dirname "$0")/lib.sh"
cd "$root"
say "== ring: lookup and build ($(uptime | sed 's/.*load/load/'))"
cargo bench --quiet --bench ring
if has_go; then
  say "        Go, groupcache's consistenthash"
  in_go go run benches/go/ring.go
else
  say "        skipped: Go or its groupcache package is missing (Debian: golang-go and golang-github-golang-groupcache-dev)"
fi
say "== native: resident bytes per entry, nanoseconds per hit ($(uptime | sed 's/.*load/load/'))"
cargo bench --quiet --bench store
if has_go; then
  say "hits of Go's groupcache/lru, measured in the same way"
  in_go go run benches/go/lru.go
fi
say "== hit ratios"
# cargo runs a benchmark in the crate's folder, so a relative TRACES works.
cargo bench --quiet --bench hit_ratio
. "$cache/env.sh"
say "== wasm, in Node $(node --version)"
cargo build --quiet --release --manifest-path benches/wasm/Cargo.toml --target wasm32-unknown-unknown
node --expose-gc benches/wasm.mjs "$@"
