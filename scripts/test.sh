#!/usr/bin/env bash
# Runs the named stages (all of them without a name) and ends with one line: N passed, N failed, N skipped. Exit status 1 when anything failed.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"
logs=$cache/logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0 broken=()

# Node 22 runs the tests (miniflare needs it), whatever Node there is outside: the dev dependencies bring a binary for most machines.
tests_node=$root/node_modules/.bin/node
[ -x "$tests_node" ] || tests_node=$(command -v node)

# run NAME COMMAND...: shows the output while it comes and keeps it for counting.
run() {
  name=$1; shift
  say "== $name"
  "$@" 2>&1 | tee "$logs/test-$name.log"
  return "${PIPESTATUS[0]}"
}

# count NAME STATUS: adds up what the runner said. A runner that failed without a failed test (it did not compile, it was killed)
# or that ran no test at all is one failure.
count() {
  read -r p f s < <(sed 's/\x1b\[[0-9;]*m//g' "$logs/test-$1.log" | awk '
    # cargo test and wasm-pack: test result: ok. 3 passed; 0 failed; 1 ignored; ...
    /^test result: / { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i-1); if ($i ~ /^failed/) f += $(i-1); if ($i ~ /^ignored/) s += $(i-1) } }
    # node --test: a summary line each
    $2 == "pass" && NF == 3 && $1 ~ /^(ℹ|#)$/ { p += $3 }
    ($2 == "fail" || $2 == "cancelled") && NF == 3 && $1 ~ /^(ℹ|#)$/ { f += $3 }
    ($2 == "skipped" || $2 == "todo") && NF == 3 && $1 ~ /^(ℹ|#)$/ { s += $3 }
    END { print p + 0, f + 0, s + 0 }')
  if [ "$2" != 0 ] && [ "$f" = 0 ]; then f=1; say "$1: the runner itself failed, status $2"; fi
  if [ "$2" = 0 ] && [ "$((p + f + s))" = 0 ]; then f=1; say "$1: not one test was run"; fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  [ "$f" = 0 ] || broken+=("$1")
}

# check NAME COMMAND...: a check of lint has no tests to count; it weighs only when it fails.
check() {
  if run "$@"; then say "ok"; else failed=$((failed + 1)); broken+=("$1"); fi
}
in_wasm() { (. "$cache/env.sh" && "$@"); }

lint() {
  check fmt cargo fmt --all --check
  check clippy cargo clippy --all-targets --all-features -- -D warnings
  check clippy-plain cargo clippy --lib -- -D warnings
  # Debian's compiler, of set-up's long way, comes without clippy; rustup's would look for its own std.
  if in_wasm eval 'case $wasm_toolchain_key in debian*) false ;; esac'; then
    check clippy-wasm in_wasm cargo clippy --lib --all-features --target wasm32-unknown-unknown -- -D warnings
  else
    say "== clippy-wasm"; say "skipped: this wasm toolchain has no clippy"
    skipped=$((skipped + 1))
  fi
  check doc env RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet
  # The types of the glue are generated, so this builds the crate for wasm first.
  check types in_wasm node scripts/package.mjs --types
}
native() {
  run native cargo test --no-fail-fast; count native $?
  # The store once more, with its memory as it is in wasm.
  run pieces cargo test --no-fail-fast --features segmented --lib --test store; count pieces $?
}
wasm() { run wasm in_wasm wasm-pack test --node -- --features fetch --test 'wasm*'; count wasm $?; }
node_tests() {
  files=()
  while IFS= read -r file; do files+=("$file"); done < <(find "tests/$1" -type f \( -name '*.test.mjs' -o -name '*.test.ts' \) 2>/dev/null | sort)
  if [ "${#files[@]}" = 0 ]; then : >"$logs/test-$1.log"; say "== $1"; count "$1" 0; return; fi
  run "$1" "$tests_node" --test --test-reporter=spec "${files[@]}"
  count "$1" $?
}

[ $# -gt 0 ] || set -- lint native wasm build package shell workerd packaging interop examples
for stage; do
  case $stage in
    build) check build in_wasm node scripts/package.mjs ;;
    lint | native | wasm) "$stage" ;;
    # injected-traps.test.mjs needs a second build, which can trap on request.
    package) check build-faults in_wasm node scripts/package.mjs --features injected-traps --out .cache/pkg-faults; node_tests package ;;
    shell | workerd | examples | packaging | interop | browser) node_tests "$stage" ;;
    *) die "no such test stage: $stage" ;;
  esac
done
say ""
[ "$failed" = 0 ] || say "failed in: ${broken[*]} (logs in .cache/logs/)"
say "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
