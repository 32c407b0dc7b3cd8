#!/usr/bin/env bash
# Installs the missing tools for building and testing, into .cache/ and node_modules/. A second run takes a moment.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wasm-std.sh"
cd "$root"
tools=$cache/tools-$wasm_pack_version-$wasm_bindgen_version
stamp=$cache/setup.stamp

case $root in *[[:space:]]*) die "this clone's path, $root, contains a space, which breaks wasm-pack's test runner. Move the clone to a path without one." ;; esac
need() { have "$1" || die "$1 is missing. $2"; }
need node "Install Node.js 20 or newer, from nodejs.org or your system's packages."
need npm "It comes with Node.js."
need cargo "Install stable Rust with rustup, see https://rustup.rs"
need rustc "Install stable Rust with rustup, see https://rustup.rs"
need git "Install it from your system's packages."
need cc "Install a C compiler (Debian: apt-get install gcc libc6-dev)."
node_major=$(node -p 'process.versions.node.split(".")[0]')
[ "$node_major" -ge 20 ] || die "Node.js $(node --version) is too old, 20 or newer is needed."

# The inputs of setup. If none has changed since the last complete run, there is nothing to do.
fingerprint() {
  {
    say "$wasm_bindgen_version"
    cat scripts/lib.sh scripts/setup.sh scripts/wasm-toolchain.sh scripts/wasm-std.sh scripts/size-std.sh package-lock.json
    rustc --version; node --version; say "$root" "${WASM_TOOLCHAIN:-}"
    # When std's source appears, the std for size can be built.
    if has_std_source rustc; then say "std's source"; fi
  } | cksum
}
all_there() {
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ] && [ -x "$tools/bin/wasm-pack" ] && [ -f node_modules/.installed ] || return 1
  (. "$cache/env.sh" && [ -d "$(rustc --print sysroot)/lib/rustlib/$triple/lib" ] && [ -x "${PACKAGE_RUSTC:-/bin/sh}" ])
}
if all_there; then
  say "setup: nothing to install"
  exit 0
fi

# Both tools share most of their dependencies. Their speed matters little, so most optimisations are off.
# The build folder survives an interruption, and the next run continues from it.
# (Steps end in && because errexit is off inside a condition.)
install_tools() {
  rm -rf "$tools.new"
  env -u RUSTFLAGS -u CARGO_BUILD_TARGET CARGO_TARGET_DIR="$cache/tools-build" CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_STRIP=symbols \
    cargo install --locked --root "$tools.new" "wasm-pack@$wasm_pack_version" "wasm-bindgen-cli@$wasm_bindgen_version" &&
    mv "$tools.new" "$tools" && rm -rf "$cache/tools-build"
}
# No package needs its install script: the binaries are packages too.
install_npm() {
  rm -f node_modules/.installed
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && cksum <package-lock.json >node_modules/.installed
}

# A spell checker, for `make lint`. Without it the check is skipped, so this may fail.
install_typos() {
  rm -rf "$typos_home" && python3 -m venv "$typos_home.new" &&
    "$typos_home.new/bin/pip" install --quiet --disable-pip-version-check "typos==$typos_version" && mv "$typos_home.new" "$typos_home"
}
spell_checker() { step typos "typos $typos_version from PyPI" install_typos 2>/dev/null || say "  typos: pip could not install it, so the spelling check is skipped"; }

# The browser tests need one. Without it they are skipped, so this may fail.
install_chromium() {
  set -- apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq
  "$@" update && env DEBIAN_FRONTEND=noninteractive "$@" install -y --no-install-recommends --no-remove chromium
}
browser() { step chromium "Debian package chromium" install_chromium || say "  chromium: not installed, so the browser tests are skipped"; }

began=$(now)
mkdir -p "$cache"
rm -f "$stamp"
say "setup: installing missing tools into .cache/ and node_modules/"

# The parts wait for different things (network, compiler), so they run in parallel. With set -m, Ctrl-C ends each with its children.
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
go_or_not() { step go "Go and groupcache from Debian" install_go || say "  go: not installed, so the tests with Go peers are skipped"; }
start compilers
has_go || ! have apt-get || ! { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; } || start go_or_not
[ -x "$tools/bin/wasm-pack" ] || start step tools "wasm-pack $wasm_pack_version, wasm-bindgen $wasm_bindgen_version from crates.io" install_tools
[ -f node_modules/.installed ] && [ "$(cat node_modules/.installed)" = "$(cksum <package-lock.json)" ] ||
  start step npm "runtimes and compilers from npm" install_npm
[ -x "$typos_home/bin/typos" ] || have typos || ! have python3 || start spell_checker
have chromium || ! have apt-get || [ "$(id -u)" != 0 ] || start browser
failed=0
for job in "${jobs[@]}"; do wait "$job" || failed=1; done
[ "$failed" = 0 ] || die "incomplete, see above. Fix the cause and run it again: finished parts are not repeated."

done_with=$(fingerprint)
. "$cache/wasm-toolchain.env"
. "$cache/size-std.env"
# Never mixes the output of two compilers, or of two builds of std, in one folder.
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
  # Otherwise panic messages in the wasm contain the builder's home folder.
  say "CARGO_ENCODED_RUSTFLAGS='--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=crates'; export CARGO_ENCODED_RUSTFLAGS"
} >"$cache/env.sh.new"
mv "$cache/env.sh.new" "$cache/env.sh"
say "$done_with" >"$stamp.new"
mv "$stamp.new" "$stamp"
say "setup: done in $(($(now) - began)) s, wasm32 by the $wasm_toolchain_way"
