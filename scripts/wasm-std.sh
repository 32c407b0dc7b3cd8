# Builds std for wasm32 from source, and makes a compiler folder with it. Sourced after lib.sh, never run.

triple=wasm32-unknown-unknown

std_source() { say "$("$1" --print sysroot)/lib/rustlib/src/rust"; } # COMPILER
has_std_source() { [ -f "$(std_source "$1")/library/Cargo.lock" ]; } # COMPILER

# build_std HOME COMPILER FLAGS ARGUMENTS...: makes HOME/bin/rustc, which is COMPILER with that std. It still has the host's std.
# Builds in a temporary folder and renames it at the end, so that an interruption leaves nothing half done.
# (Steps end in && because errexit is off inside a condition.)
build_std() {
  home=$1 compiler=$2 flags=$3; shift 3
  source=$(std_source "$compiler")
  rm -rf "$home" "$home.build" "$home.new"
  mkdir -p "$home.build/src" && : >"$home.build/src/lib.rs" &&
    printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$home.build/Cargo.toml" &&
    compile_std "$@" && lay_out_compiler && rm -rf "$home.build" && mv "$home.new" "$home"
}
compile_std() {
  # Without embedded bitcode, `lto = true` fails with "failed to get bitcode".
  encoded=$(printf '%s' -Cembed-bitcode=yes; printf '\037%s' "--remap-path-prefix=$source=std" "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=crates" $flags)
  # Debian's source vendors the dependencies of std. cargo must be pointed at them.
  [ ! -d "$source/library/vendor" ] ||
    set -- --offline --config 'source.crates-io.replace-with = "std"' --config "source.std.directory = \"$source/library/vendor\"" "$@"
  cargo=${compiler%rustc}cargo
  [ -x "$cargo" ] || cargo=cargo
  (cd "$home.build" && env -u RUSTFLAGS -u CARGO_BUILD_TARGET RUSTC_BOOTSTRAP=1 RUSTC="$compiler" CARGO_TARGET_DIR="$home.build/target" CARGO_ENCODED_RUSTFLAGS="$encoded" \
    "$cargo" build --release --target $triple "$@")
}
lay_out_compiler() {
  sysroot=$("$compiler" --print sysroot)
  host=$("$compiler" --version --verbose | sed -n 's/^host: //p')
  lib=$home.new/lib/rustlib
  mkdir -p "$lib/$triple/lib" "$home.new/bin" && cp "$home.build/target/$triple/release/deps"/*.rlib "$lib/$triple/lib/" &&
    rm "$lib/$triple/lib"/libempty-*.rlib && ln -s "$sysroot/lib/rustlib/$host" "$lib/$host" && ln -s "$sysroot/lib/rustlib/etc" "$lib/etc" || return 1
  for tool in rustc rustdoc; do
    printf '#!/bin/sh\nexec "%s" --sysroot "${0%%/bin/*}" "$@"\n' "${compiler%rustc}$tool" >"$home.new/bin/$tool" && chmod +x "$home.new/bin/$tool" || return 1
  done
}
