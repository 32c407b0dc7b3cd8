#!/bin/sh
# Every figure beside its rival's from the same run: the ring and the store natively, hit ratios, both in wasm. TRACES=DIR gives traces.
set -eu
. "$(dirname "$0")/lib.sh"
cd "$root"
say "== ring: a look-up, and building it ($(uptime | sed 's/.*load/load/'))"
cargo bench --quiet --bench ring
if has_go; then
  say "        Go, groupcache's consistenthash"
  in_go go run benches/go/ring.go
else
  say "        no Go here, or no groupcache package for it: Debian has them as golang-go and golang-github-golang-groupcache-dev"
fi
say "== native: resident bytes an entry, nanoseconds a hit ($(uptime | sed 's/.*load/load/'))"
cargo bench --quiet --bench store
if has_go; then
  say "hits of Go's, groupcache's lru, in the same way"
  in_go go run benches/go/lru.go
fi
say "== hit ratios"
# cargo runs a benchmark in the crate's folder, which is where this stands too.
cargo bench --quiet --bench hit_ratio
. "$cache/env.sh"
say "== wasm, in Node $(node --version)"
cargo build --quiet --release --manifest-path benches/wasm/Cargo.toml --target wasm32-unknown-unknown
node --expose-gc benches/wasm.mjs "$@"
