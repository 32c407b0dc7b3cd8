#!/usr/bin/env bash
# Brings in what building and testing needs and is not here yet, into .cache/ and node_modules/; a second run passes in a moment.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wasm-std.sh"
cd "$root"
tools=$cache/tools-$wasm_pack_version-$wasm_bindgen_version
stamp=$cache/setup.stamp

case $root in *[[:space:]]*) die "this clone's path, $root, holds a space, which wasm-pack's test runner cannot take. Move the clone to a path without one." ;; esac
need() { have "$1" || die "$1 is missing. $2"; }
need node "Install Node.js 20 or newer, from nodejs.org or your system's packages."
need npm "It comes with Node.js."
need cargo "Install stable Rust with rustup, see https://rustup.rs"
need rustc "Install stable Rust with rustup, see https://rustup.rs"
need git "Install it from your system's packages."
need cc "Install a C compiler (Debian: apt-get install gcc libc6-dev)."
node_major=$(node -p 'process.versions.node.split(".")[0]')
[ "$node_major" -ge 20 ] || die "Node.js $(node --version) is too old, 20 or newer is needed."

# Everything that decides what has to be there. When none of it changed since the last full run, there is nothing to do.
fingerprint() {
  {
    cat scripts/lib.sh scripts/setup.sh scripts/wasm-toolchain.sh scripts/wasm-std.sh scripts/size-std.sh package-lock.json
    rustc --version; node --version; say "$root" "${WASM_TOOLCHAIN:-}"
    # Once std's source has come, what went without it is built again.
    if has_std_source rustc; then say "std's source"; fi
  } | cksum
}
all_there() {
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ] && [ -x "$tools/bin/wasm-pack" ] && [ -f node_modules/.installed ] || return 1
  (. "$cache/env.sh" && [ -d "$(rustc --print sysroot)/lib/rustlib/$triple/lib" ] && [ -x "${PACKAGE_RUSTC:-/bin/sh}" ])
}
if all_there; then
  say "setup: everything is there"
  exit 0
fi

# Both share most of what they are built from; their own speed matters little, so the optimiser mostly rests.
# The build folder outlives an interruption, so that the next run goes on where this one stopped.
# (Steps end in && because the shell's errexit sleeps inside a condition.)
install_tools() {
  rm -rf "$tools.new"
  env -u RUSTFLAGS -u CARGO_BUILD_TARGET CARGO_TARGET_DIR="$cache/tools-build" CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_STRIP=symbols \
    cargo install --locked --root "$tools.new" "wasm-pack@$wasm_pack_version" "wasm-bindgen-cli@$wasm_bindgen_version" &&
    mv "$tools.new" "$tools" && rm -rf "$cache/tools-build"
}
# No package here needs its install script: binaries come as packages of their own.
install_npm() {
  rm -f node_modules/.installed
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && cksum <package-lock.json >node_modules/.installed
}

# The tests of a page want a browser. Without one they say so and are skipped, so this may fail.
install_chromium() {
  set -- apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq
  "$@" update && env DEBIAN_FRONTEND=noninteractive "$@" install -y --no-install-recommends --no-remove chromium
}
browser() { step chromium "Debian package chromium" install_chromium || say "  without chromium the tests in a browser are skipped"; }

began=$(now)
mkdir -p "$cache"
rm -f "$stamp"
say "setup: bringing in what is missing, into .cache/ and node_modules/"

# The three parts wait on different things (network, compiler), so they run side by side; set -m lets Ctrl-C end each with its children.
set -m
jobs=()
end_jobs() { for job in "${jobs[@]}"; do kill -TERM -- "-$job" 2>/dev/null || true; done; }
trap 'end_jobs; exit 130' INT TERM
start() { "$@" & jobs+=("$!"); }
compilers() { scripts/wasm-toolchain.sh && scripts/size-std.sh; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300 "$@"; }
install_go() {
  apt_get install --no-install-recommends golang-go golang-github-golang-groupcache-dev ||
    { apt_get update && apt_get install --no-install-recommends golang-go golang-github-golang-groupcache-dev; }
}
go_or_not() { step go "Go and groupcache from Debian" install_go || say "  tests beside Go peers will be skipped"; }
start compilers
has_go || ! have apt-get || ! { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; } || start go_or_not
[ -x "$tools/bin/wasm-pack" ] || start step tools "wasm-pack $wasm_pack_version, wasm-bindgen $wasm_bindgen_version from crates.io" install_tools
[ -f node_modules/.installed ] && [ "$(cat node_modules/.installed)" = "$(cksum <package-lock.json)" ] ||
  start step npm "runtimes and compilers from npm" install_npm
have chromium || ! have apt-get || [ "$(id -u)" != 0 ] || start browser
failed=0
for job in "${jobs[@]}"; do wait "$job" || failed=1; done
[ "$failed" = 0 ] || die "not complete, see above. What was finished is kept: run it again once the cause is gone."

done_with=$(fingerprint)
. "$cache/wasm-toolchain.env"
. "$cache/size-std.env"
# One folder never holds what two compilers, or two builds of std, made.
target=$root/target/wasm
key="$wasm_toolchain_key ${PACKAGE_RUSTC:-prebuilt}"
if [ "$(cat "$target/.toolchain" 2>/dev/null)" != "$key" ]; then
  rm -rf "$target"
  mkdir -p "$target"
  say "$key" >"$target/.toolchain"
fi
{
  say "# Written by scripts/setup.sh. Source it for wasm builds; native builds go without it."
  cat "$cache/wasm-toolchain.env" "$cache/size-std.env"
  say "PATH='$tools/bin':'$root/node_modules/.bin':\$PATH; export PATH"
  say "CARGO_TARGET_DIR='$target'; export CARGO_TARGET_DIR"
  # Messages of panics in the wasm would name the builder's home folder.
  say "CARGO_ENCODED_RUSTFLAGS='--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=crates'; export CARGO_ENCODED_RUSTFLAGS"
} >"$cache/env.sh.new"
mv "$cache/env.sh.new" "$cache/env.sh"
say "$done_with" >"$stamp.new"
mv "$stamp.new" "$stamp"
say "setup: done in $(($(now) - began)) s, wasm32 by the $wasm_toolchain_way"
