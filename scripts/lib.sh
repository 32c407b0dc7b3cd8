# What every script shares: where things are, pinned versions, and steps that say what they do and how long they took.
# Sourced, never run. Plain POSIX sh.

root=$(cd "$(dirname "$0")/.." && pwd)
cache=$root/.cache

# The crate pins wasm-bindgen to the same version: the glue and the CLI must match exactly.
wasm_bindgen_version=0.2.126
wasm_pack_version=0.15.1
# How long rustup may take over a target before the other way is tried.
rustup_seconds=120

say() { printf '%s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
now() { date +%s; }

# step LOG WHAT COMMAND...: runs quietly into a log, says one line when done, shows the log's end when it fails.
step() {
  log=$cache/logs/$1.log; what=$2; shift 2
  began=$(now)
  mkdir -p "$cache/logs"
  if "$@" >"$log" 2>&1; then
    say "  $what: $(($(now) - began)) s"
  else
    code=$?
    say "  $what: failed after $(($(now) - began)) s. The end of its log ($log):" >&2
    tail -n 25 "$log" | sed 's/^/    /' >&2
    return "$code"
  fi
}

# bounded SECONDS COMMAND...: without coreutils' timeout (macOS) the command runs unbounded.
bounded() {
  seconds=$1; shift
  if have timeout; then timeout "$seconds" "$@"; else "$@"; fi
}

# Where Debian's golang-github-golang-groupcache-dev puts Go's packages.
go_packages=/usr/share/gocode
groupcache_source=$go_packages/src/github.com/golang/groupcache
# Go serves the tests beside real Go peers, the benchmark and a demo alone: where it cannot be had they say so.
has_go() { have go && [ -d "$groupcache_source" ]; }
# in_go COMMAND...: with those packages and no others, and no network.
in_go() { env GO111MODULE=off GOPATH="$go_packages" GOCACHE="$cache/go" GOPROXY=off GOFLAGS= "$@"; }
