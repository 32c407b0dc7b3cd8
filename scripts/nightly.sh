#!/bin/sh
# Runs the checks that need a nightly compiler: fuzz, for SECONDS (60), or miri. If a tool is missing, prints how to install it.
set -eu
. "$(dirname "$0")/lib.sh"
cd "$root"
# Not ${SECONDS:-60}: where sh is bash (macOS), SECONDS always has a value.
seconds=$(printenv SECONDS || say 60)
missing() { say "make $1: $2 is missing. Run: $3" >&2; exit 1; }
nightly() { cargo +nightly --version >/dev/null 2>&1; }

case ${1:-} in
  fuzz)
    say "== package, about fifty runs a second"
    FUZZ_RUNS=$((seconds * 50)) node --test tests/package/fuzz.test.mjs
    nightly || missing fuzz "a nightly compiler" "rustup toolchain install nightly"
    have cargo-fuzz || missing fuzz "cargo-fuzz" "cargo install cargo-fuzz"
    # No sanitizer: the crate has no unsafe code, and the fuzzer is much faster without one.
    for target in $(cargo +nightly fuzz list); do
      say "== $target"
      cargo +nightly fuzz run "$target" --sanitizer none -- -max_total_time="$seconds" -max_len=4096
    done
    ;;
  miri)
    nightly || missing miri "a nightly compiler" "rustup toolchain install nightly"
    cargo +nightly miri --version >/dev/null 2>&1 || missing miri "Miri" "rustup +nightly component add miri rust-src"
    exec cargo +nightly miri test --lib store
    ;;
  *) die "usage: scripts/nightly.sh fuzz|miri" ;;
esac
