#!/bin/sh
# Builds std for size, only for the package, whose wasm gets smaller. Runs after wasm-toolchain.sh. Writes .cache/size-std.env.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wasm-std.sh"
. "$cache/wasm-toolchain.env"

cd "$root" # for rust-toolchain.toml
out=$cache/size-std.env
# A panic traps at once, without code for its message or for unwinding. All crates and std must be built so.
# RUSTC_BOOTSTRAP lets a stable compiler accept these flags, but also switches to v0 symbol names, which make the glue larger.
flags="-Zunstable-options -Cpanic=immediate-abort -Csymbol-mangling-version=legacy"

home=$cache/size-std-$({ say "$wasm_toolchain_key"; cat "$root/scripts/size-std.sh" "$root/scripts/wasm-std.sh"; } | cksum | cut -d ' ' -f 1)

# Without it the package is built with the compiler's own std, and says so.
use_prebuilt() {
  say "unset PACKAGE_RUSTC PACKAGE_RUSTFLAGS" >"$out"
  say "  std for size: $1, so the package is built with the prebuilt std, which makes it larger"
  exit 0
}

add_source() { bounded "$rustup_seconds" rustup component add rust-src && has_std_source "$wasm_compiler"; }
[ -d "$home" ] || has_std_source "$wasm_compiler" || { have rustup && step rustup-source "std's source: rustup component add rust-src" add_source 2>/dev/null; } ||
  use_prebuilt "std's source is missing (rustup component add rust-src)"
# With opt-level 3, std's default: opt-level "z" makes the package larger, since less code folds away.
[ -d "$home" ] || step size-std "std for size, by $("$wasm_compiler" --version)" build_std "$home" "$wasm_compiler" "$flags" \
  -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size || use_prebuilt "this compiler cannot build it (to try again: rm .cache/setup.stamp)"
{
  say "PACKAGE_RUSTC='$home/bin/rustc'; export PACKAGE_RUSTC"
  say "PACKAGE_RUSTFLAGS='$flags'; export PACKAGE_RUSTFLAGS"
} >"$out.new"
mv "$out.new" "$out"
