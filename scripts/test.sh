#!/usr/bin/env bash
# Runs the named stages, or all of them, and ends with one line: N passed, N failed, N skipped. The exit status is 1 if anything failed.
# Each stage prints its seconds. In a full run the package is built while the native checks and tests run.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"
logs=$cache/logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0 broken='' times=''
escape=$(printf '\033')

# The tests need Node 22 (for miniflare), also where the Node on PATH is older. node_modules has a binary for most machines.
# Not node_modules/.bin/node, which may be the link of the Node 20 that tests/packaging uses.
tests_node=$(ls -d "$root"/node_modules/node-{linux,darwin}-{x64,arm64}/bin/node 2>/dev/null | head -n 1)
[ -x "$tests_node" ] || tests_node=$(command -v node || true)
[ -z "$tests_node" ] || PATH=$(dirname "$tests_node"):$PATH
export PATH

# run NAME COMMAND...: shows the output, and logs it for `count`.
run() {
  local name=$1; shift
  say "== $name"
  "$@" 2>&1 | tee "$logs/test-$name.log"
  return "${PIPESTATUS[0]}"
}

# count NAME STATUS: adds the runner's counts. A runner that fails without a failed test (it did not compile, or was killed)
# counts as one failure, and so does one that ran no test.
count() {
  read -r p f s < <(sed "s/$escape\[[0-9;]*m//g" "$logs/test-$1.log" | awk '
    # cargo test and wasm-pack: test result: ok. 3 passed; 0 failed; 1 ignored; ...
    /^test result: / { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i-1); if ($i ~ /^failed/) f += $(i-1); if ($i ~ /^ignored/) s += $(i-1) } }
    # node --test: one summary line each
    $2 == "pass" && NF == 3 && $1 ~ /^(ℹ|#)$/ { p += $3 }
    ($2 == "fail" || $2 == "cancelled") && NF == 3 && $1 ~ /^(ℹ|#)$/ { f += $3 }
    ($2 == "skipped" || $2 == "todo") && NF == 3 && $1 ~ /^(ℹ|#)$/ { s += $3 }
    END { print p + 0, f + 0, s + 0 }')
  if [ "$2" != 0 ] && [ "$f" = 0 ]; then f=1; say "$1: the runner failed with status $2"; fi
  if [ "$2" = 0 ] && [ "$((p + f + s))" = 0 ]; then f=1; say "$1: no test ran"; fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  [ "$f" = 0 ] || broken="$broken $1"
}

# check NAME COMMAND...: a check has no tests to count. A failure counts as one.
check() {
  if run "$@"; then say "ok"; else failed=$((failed + 1)); broken="$broken $1"; fi
}
# skip NAME REASON: a check that cannot run here counts as skipped.
skip() { say "== $1"; say "skipped: $2"; skipped=$((skipped + 1)); }
# beside NAME COMMAND...: runs stages in the background. `gather NAME` waits for them, prints their output and adds their counts.
beside_pid=
beside() {
  local name=$1; shift
  set -m # Its own process group, so that an interrupt can end it with its children.
  (
    passed=0 failed=0 skipped=0 broken='' times=''
    "$@"
    printf "passed=%d failed=%d skipped=%d broken='%s' times='%s'\n" "$passed" "$failed" "$skipped" "$broken" "$times" >"$logs/beside-$name.counts"
  ) >"$logs/beside-$name.log" 2>&1 </dev/null &
  beside_pid=$!
  set +m
}
gather() {
  counts=$logs/beside-$1.counts
  before="$passed $failed $skipped" before_broken=$broken before_times=$times
  wait "$beside_pid"
  beside_pid=
  cat "$logs/beside-$1.log"
  if [ -f "$counts" ]; then . "$counts"; else passed=0 failed=1 skipped=0 broken=" $1" times=''; fi
  rm -f "$counts"
  read -r p f s <<<"$before"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s)) broken="$before_broken$broken" times="$before_times$times"
}
trap '[ -z "$beside_pid" ] || kill -TERM -- "-$beside_pid" 2>/dev/null; exit 130' INT TERM

# stage NAME: runs a stage and notes its seconds.
stage() {
  local stage_began
  stage_began=$(now)
  "stage_$1"
  times="$times $1 $(($(now) - stage_began))"
}
in_wasm() { (. "$cache/env.sh" && "$@"); }
# Debian's compiler, from the long way of setup, has no clippy, and rustup's clippy would use its own std.
wasm_has_clippy() { in_wasm eval 'case $wasm_toolchain_key in debian*) false ;; esac'; }

rust_format() { check fmt cargo fmt --all --check; }
rust_lints() { check clippy cargo clippy --all-targets --all-features -- -D warnings; }
biome() { check biome node_modules/.bin/biome check --error-on-warnings --max-diagnostics=none --reporter=github .; }
checkjs() { "$tests_node" node_modules/typescript-7/bin/tsc --pretty false -p "$1"; }
# Prints the path of typos, if it is installed.
find_typos() { command -v typos || { [ -x "$typos_home/bin/typos" ] && say "$typos_home/bin/typos"; }; }
spelling() {
  if typos=$(find_typos); then check typos "$typos" --format brief; else skip typos "typos is not installed. pip install typos==$typos_version"; fi
}
dependencies() {
  if cargo deny --version >/dev/null 2>&1; then check deny cargo deny --offline check bans licenses sources; else skip deny "cargo-deny is not installed. cargo install --locked cargo-deny"; fi
}
# The types of the package's sources need the glue, and those of the tests need the package, so both are built first.
package_types() {
  check types in_wasm node scripts/package.mjs --types
  check tests-types checkjs tsconfig.tests.json
}

stage_lint() { stage_lint_rust; stage_build; stage_lint_js; }
stage_lint_rust() {
  rust_format
  rust_lints
  check clippy-plain cargo clippy --lib -- -D warnings
  check rustdoc env RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet
  dependencies
  spelling
}
# After the build, which uses the same target folder.
stage_lint_js() {
  if wasm_has_clippy; then
    check clippy-wasm in_wasm cargo clippy --lib --all-features --target wasm32-unknown-unknown -- -D warnings
  else
    skip clippy-wasm "this wasm toolchain has no clippy"
  fi
  biome
  check checkjs checkjs tsconfig.checkjs.json
  package_types
  check typedoc in_wasm node scripts/package.mjs --docs target/doc-js
}
# The package, and a second build that can trap on request, for injected-traps.test.mjs.
stage_build() {
  check build in_wasm node scripts/package.mjs
  check build-injected-traps in_wasm node scripts/package.mjs --features injected-traps --out .cache/pkg-traps
}
stage_native() {
  run native cargo test --no-fail-fast; count native $?
  # The store again, with the segmented memory that it has in wasm.
  run segmented cargo test --no-fail-fast --features segmented --lib --test store; count segmented $?
}
stage_wasm() { run wasm in_wasm wasm-pack test --node; count wasm $?; }
# node_tests NAME FOLDER
node_tests() {
  files=()
  while IFS= read -r file; do files+=("$file"); done < <(find "$2" -type f \( -name '*.test.mjs' -o -name '*.test.ts' \) | sort)
  if [ "${#files[@]}" = 0 ]; then : >"$logs/test-$1.log"; say "== $1"; count "$1" 0; return; fi
  run "$1" "$tests_node" --test --test-reporter=spec "${files[@]}"
  count "$1" $?
}
stage_package() { node_tests package tests/package; }
stage_shell() { node_tests shell tests/shell; }
# Builds programs for wasm32.
stage_library() { run library in_wasm "$tests_node" --test --test-reporter=spec tests/library/library.test.mjs; count library $?; }
stage_workerd() { node_tests workerd tests/workerd; }
stage_packaging() { node_tests packaging tests/packaging; }
stage_interop() { node_tests interop tests/interop; }
stage_examples() { node_tests examples tests/examples; }
stage_docs() { node_tests docs tests/docs; }

# The checks of `make check`, which installs nothing: a missing tool is skipped, with the command that brings it.
check_js() {
  if [ -x node_modules/.bin/biome ]; then
    biome
    check checkjs checkjs tsconfig.checkjs.json
  else
    skip biome "no node_modules. make setup"; skip checkjs "no node_modules. make setup"
  fi
  if [ -f "$cache/env.sh" ] && [ -x node_modules/.bin/tsc ]; then
    check types in_wasm node scripts/package.mjs --types
  else
    skip types "they need the wasm tools. make setup"
  fi
  if [ -d pkg ] && [ -d .cache/pkg-traps ] && [ -d node_modules ]; then check tests-types checkjs tsconfig.tests.json; else skip tests-types "they need the package. make package"; fi
  spelling
}
stage_check() {
  beside check-js check_js
  rust_format
  rust_lints
  run native cargo test --no-fail-fast; count native $?
  gather check-js
}

started=$(now)
if [ $# -gt 0 ]; then
  for name; do
    case $name in
      check | lint | build | native | wasm | package | shell | library | workerd | packaging | interop | examples | docs) stage "$name" ;;
      *) die "no such test stage: $name" ;;
    esac
  done
else
  beside build stage build
  stage lint_rust
  stage native
  gather build
  stage lint_js
  for name in wasm package shell library workerd packaging interop examples docs; do stage "$name"; done
fi
say ""
say "seconds:$times, in all $(($(now) - started))"
[ "$failed" = 0 ] || say "failed in:$broken (logs in .cache/logs/)"
say "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
