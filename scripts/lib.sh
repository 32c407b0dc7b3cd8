# Shared by all scripts: folders, versions, and steps that print their name and duration. Sourced, never run. Plain POSIX sh.

root=$(cd "$(dirname "$0")/.." && pwd)
cache=$root/.cache

# The CLI must have exactly the version of the crate, which Cargo.lock pins.
wasm_bindgen_version=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/version = |"/, ""); print }' "$root/Cargo.lock")
wasm_pack_version=0.15.1
typos_version=1.52.0
typos_home=$cache/typos-$typos_version
# Timeout of rustup for a target or component. After it, setup takes the long way.
rustup_seconds=120

say() { printf '%s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
now() { date +%s; }

# step LOG TITLE COMMAND...: runs with the output in a log, and prints one line. If it fails, prints the end of the log.
step() {
  log=$cache/logs/$1.log; title=$2; shift 2
  began=$(now)
  mkdir -p "$cache/logs"
  if "$@" >"$log" 2>&1; then
    say "  $title: $(($(now) - began)) s"
  else
    code=$?
    say "  $title: failed after $(($(now) - began)) s. The end of its log ($log):" >&2
    tail -n 25 "$log" | sed 's/^/    /' >&2
    return "$code"
  fi
}

# bounded SECONDS COMMAND...: runs with a timeout. macOS has no `timeout`; there it runs without one.
bounded() {
  seconds=$1; shift
  if have timeout; then timeout "$seconds" "$@"; else "$@"; fi
}

# The folder of Debian's golang-github-golang-groupcache-dev.
go_packages=/usr/share/gocode
groupcache_source=$go_packages/src/github.com/golang/groupcache
# Only the interop tests, the benchmarks and one demo need Go. Without it they are skipped, with a message.
has_go() { have go && [ -d "$groupcache_source" ]; }
# in_go COMMAND...: runs with those packages only, and without the network.
in_go() { env GO111MODULE=off GOPATH="$go_packages" GOCACHE="$cache/go" GOPROXY=off GOFLAGS= "$@"; }
