#!/bin/sh
# Runs the benchmarks, each beside its rivals, and writes the figures into docs/performance.md and README.md.
# PARTS="ring wasm": only these parts. TRACES=DIR: the traces of the part hit-ratio; without it that part is not recorded.
set -eu
. "$(dirname "$0")/lib.sh"
cd "$root"
node=$root/node_modules/.bin/node
folder=$cache/bench
mkdir -p "$folder"

# in_go_if_any FILE: runs a benchmark of benches/go, where Go is installed.
in_go_if_any() {
  if has_go; then
    say "Go's groupcache, in the same way"
    in_go go run "benches/go/$1" benches/go/figures.go
  else
    say "no Go's groupcache: install Debian's golang-go and golang-github-golang-groupcache-dev"
  fi
}

# shown FILE COMMAND...: writes the command's output to a file, then prints it.
shown() {
  file=$1; shift
  if "$@" >"$file"; then cat "$file"; else cat "$file"; return 1; fi
}

run_part() {
  case $1 in
  ring)
    cargo bench --quiet --bench ring
    in_go_if_any ring.go
    ;;
  store)
    cargo bench --quiet --bench store
    in_go_if_any lru.go
    ;;
  churn) shown "$folder/churn.txt" cargo run --quiet --release --example churn -- 16 200000 ;;
  hit-ratio) cargo bench --quiet --bench hit_ratio ;;
  wasm)
    (
      . "$cache/env.sh"
      cargo build --quiet --release --manifest-path benches/wasm/Cargo.toml --target wasm32-unknown-unknown
      node --expose-gc benches/wasm.mjs
    )
    ;;
  package)
    (
      . "$cache/env.sh"
      shown "$folder/package.txt" node scripts/package.mjs
    )
    ;;
  *) die "no part $1: the parts are ring, store, churn, hit-ratio, wasm, package" ;;
  esac
}

GO_VERSION=
if has_go; then GO_VERSION=$(go version); fi
export GO_VERSION
for part in ${PARTS:-ring store churn hit-ratio wasm package}; do
  say "== $part ($(uptime | sed 's/.*load/load/'))"
  BENCH_FIGURES=$folder/$part.figures
  export BENCH_FIGURES
  "$node" scripts/bench.mjs begin "$part"
  run_part "$part"
  if [ "$part" = hit-ratio ] && [ -z "${TRACES:-}" ]; then
    say "not recorded: hit-ratio needs TRACES=DIR; the documents show the last recorded run, with its date"
  else
    "$node" scripts/bench.mjs record "$part"
  fi
done
