#!/bin/sh
# A std built for size, which the package alone is made with: 5 KB less of gzipped wasm. After wasm-toolchain.sh; writes .cache/size-std.env.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wasm-std.sh"
. "$cache/wasm-toolchain.env"

out=$cache/size-std.env
# A panic traps where it happens: nothing of what words it and walks the stack is left. Crates and std must agree on it.
# RUSTC_BOOTSTRAP, which lets a stable compiler take these flags, would also turn to v0 names, twice as long in the glue.
flags="-Zunstable-options -Cpanic=immediate-abort -Csymbol-mangling-version=legacy"

home=$cache/size-std-$({ say "$wasm_toolchain_key"; cat "$root/scripts/size-std.sh" "$root/scripts/wasm-std.sh"; } | cksum | cut -d ' ' -f 1)

# Without it the package is built with the std that came with the compiler, and says so.
go_without() {
  say "unset PACKAGE_RUSTC PACKAGE_RUSTFLAGS" >"$out"
  say "  std for size: $1, so the package is made with the prebuilt std, 5 KB more of gzipped wasm"
  exit 0
}

add_source() { bounded "$rustup_seconds" rustup component add rust-src && has_std_source "$wasm_compiler"; }
[ -d "$home" ] || has_std_source "$wasm_compiler" || { have rustup && step rustup-source "std's source: rustup component add rust-src" add_source 2>/dev/null; } ||
  go_without "std's source cannot be had (rustup component add rust-src)"
# Optimised for speed as std always is: opt-level "z" made the package larger by 1 KB, since less of it folds away.
[ -d "$home" ] || step size-std "std for size, by $("$wasm_compiler" --version)" build_std "$home" "$wasm_compiler" "$flags" \
  -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size || go_without "this compiler cannot build it (once it can: rm .cache/setup.stamp)"
{
  say "PACKAGE_RUSTC='$home/bin/rustc'; export PACKAGE_RUSTC"
  say "PACKAGE_RUSTFLAGS='$flags'; export PACKAGE_RUSTFLAGS"
} >"$out.new"
mv "$out.new" "$out"
