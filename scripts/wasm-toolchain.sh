#!/bin/sh
# A Rust compiler with a wasm32 target: rustup's own when it can be had, else Debian's with a std built here. Writes .cache/wasm-toolchain.env.
set -eu
. "$(dirname "$0")/lib.sh"

triple=wasm32-unknown-unknown
out=$cache/wasm-toolchain.env

write_env() { # PATH-PREFIX LINKER KEY WAY
  {
    say "wasm_toolchain_key='$3'"
    say "wasm_toolchain_way='$4'"
    [ -z "$1" ] || say "PATH='$1':\$PATH; export PATH"
    [ -z "$2" ] || say "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER='$2'; export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER"
  } >"$out.new"
  mv "$out.new" "$out"
}

has_target() { [ -d "$(rustc --print sysroot)/lib/rustlib/$triple/lib" ]; }
add_target() { bounded "$rustup_seconds" rustup target add "$triple" && has_target; }

# Short way. WASM_TOOLCHAIN=debian passes it over, to try the long one on a machine that does not need it.
if [ "${WASM_TOOLCHAIN:-}" = debian ]; then
  say "  wasm32 target: the long way was asked for: Debian's compiler, and std built for wasm32"
elif has_target; then
  write_env '' '' "$(rustc --version)" "short way (the target was there)"
  say "  wasm32 target: short way, rustup's own compiler has it"
  exit 0
elif have rustup && step rustup-target "wasm32 target: short way, rustup target add" add_target 2>/dev/null; then
  write_env '' '' "$(rustc --version)" "short way (rustup target add)"
  exit 0
else
  say "  wasm32 target: rustup cannot bring it here, so the long way: Debian's compiler, and std built for wasm32"
fi

# Long way.
have apt-get || die "rustup could not add $triple (see $cache/logs/rustup-target.log) and there is no apt-get for the other way. Give rustup a network and run: rustup target add $triple"
as_root=
if [ "$(id -u)" != 0 ]; then
  have sudo && sudo -n true 2>/dev/null || die "the long way installs Debian packages, which needs root. Run once: sudo scripts/wasm-toolchain.sh   or, on a machine that rustup serves: rustup target add $triple"
  as_root="sudo -n"
fi
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq "$@"; }
installed() { for package; do [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || return 1; done; }
# --no-remove: a compiler that somebody installed on purpose is not taken away behind their back.
install() { apt update && apt install -y --no-install-recommends --no-remove "$@"; }

compiler="rustc-web cargo-web rust-web-src"
installed $compiler || step apt-rust "Debian packages $compiler" install $compiler \
  || die "apt-get could not install $compiler. If Debian's own rustc is installed, remove it (apt-get remove rustc) and run this again."
rustc=/usr/bin/rustc cargo=/usr/bin/cargo
sysroot=$($rustc --print sysroot)
version=$($rustc --version --verbose)
host=$(say "$version" | sed -n 's/^host: //p')
llvm=$(say "$version" | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
# The linker must read what this rustc's LLVM writes, so its version follows the compiler's.
have "wasm-ld-$llvm" || step apt-lld "Debian package lld-$llvm" install "lld-$llvm" || die "apt-get could not install lld-$llvm, the linker for this compiler's LLVM."

key=$(dpkg-query -W -f '${Version}' rustc-web)
home=$cache/wasm-toolchain-$(say "$key" | tr -c 'A-Za-z0-9.\n' '-')
source=$sysroot/lib/rustlib/src/rust
# Built beside its place and renamed when whole, so that an interruption leaves nothing half made.
# (Steps end in && because the shell's errexit sleeps inside a condition.)
build_std() {
  work=$cache/std-build
  rm -rf "$work" "$home.new"
  mkdir -p "$work/src" && : >"$work/src/lib.rs" &&
    printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$work/Cargo.toml" &&
    compile_std && lay_out_toolchain && rm -rf "$work" "$home" && mv "$home.new" "$home"
}
compile_std() {
  # Bitcode has to be embedded, or a later lto = true fails with "failed to get bitcode". The source package brings the crates that std needs,
  # but cargo only looks there when told to.
  cd "$work" && env -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_TARGET RUSTC_BOOTSTRAP=1 RUSTC=$rustc CARGO_TARGET_DIR="$work/target" \
    RUSTFLAGS="-Cembed-bitcode=yes --remap-path-prefix=$source=/rust" \
    $cargo --config 'source.crates-io.replace-with = "std"' --config "source.std.directory = \"$source/library/vendor\"" \
    build --offline --release --target $triple -Zbuild-std=std,panic_abort,test
}
lay_out_toolchain() {
  lib=$home.new/lib/rustlib
  mkdir -p "$lib/$triple/lib" "$home.new/bin" && cp "$work/target/$triple/release/deps"/*.rlib "$lib/$triple/lib/" &&
    rm "$lib/$triple/lib"/libempty-*.rlib && ln -s "$sysroot/lib/rustlib/$host" "$lib/$host" && ln -s "$sysroot/lib/rustlib/etc" "$lib/etc" &&
    ln -s $cargo "$home.new/bin/cargo" || return 1
  for tool in rustc rustdoc; do
    printf '#!/bin/sh\nexec /usr/bin/%s --sysroot "${0%%/bin/*}" "$@"\n' "$tool" >"$home.new/bin/$tool" && chmod +x "$home.new/bin/$tool" || return 1
  done
}
[ -d "$home" ] || step build-std "std for wasm32, by Debian's $($rustc --version)" build_std || die "std could not be built for $triple."
write_env "$home/bin" "wasm-ld-$llvm" "debian $key" "long way (rustc $key from Debian)"
