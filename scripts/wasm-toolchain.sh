#!/bin/sh
# Finds a Rust compiler with a wasm32 target: rustup's if rustup can add the target, else Debian's with a std that this script builds.
# Writes .cache/wasm-toolchain.env.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wasm-std.sh"

cd "$root" # for rust-toolchain.toml
out=$cache/wasm-toolchain.env

write_env() { # PATH-PREFIX LINKER KEY WAY COMPILER
  {
    say "wasm_toolchain_key='$3'"
    say "wasm_toolchain_way='$4'"
    say "wasm_compiler='$5'"
    [ -z "$1" ] || say "PATH='$1':\$PATH; export PATH"
    [ -z "$2" ] || say "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER='$2'; export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER"
  } >"$out.new"
  mv "$out.new" "$out"
}

# The compiler itself, not rustup's proxy.
real_rustc() { real=$(rustc --print sysroot)/bin/rustc; if [ -x "$real" ]; then say "$real"; else command -v rustc; fi; }
has_target() { [ -d "$(rustc --print sysroot)/lib/rustlib/$triple/lib" ]; }
add_target() { bounded "$rustup_seconds" rustup target add "$triple" && has_target; }

# Only tests/library needs this target, for a program without JavaScript. Without it that test is skipped.
wasip2=wasm32-wasip2
add_wasip2() {
  [ ! -d "$(rustc --print sysroot)/lib/rustlib/$wasip2/lib" ] && have rustup || return 0
  step rustup-wasip2 "$wasip2 target: rustup target add" bounded "$rustup_seconds" rustup target add "$wasip2" 2>/dev/null ||
    say "  $wasip2 target: rustup could not add it, so the test that needs it is skipped"
}

# Short way. WASM_TOOLCHAIN=debian skips it, to try the long way on a machine that does not need it.
if [ "${WASM_TOOLCHAIN:-}" = debian ]; then
  say "  wasm32 target: WASM_TOOLCHAIN asks for the long way: Debian's compiler, and a std built for wasm32"
elif has_target; then
  write_env '' '' "$(rustc --version)" "short way (the target was installed)" "$(real_rustc)"
  say "  wasm32 target: short way, rustup's compiler has it"
  add_wasip2
  exit 0
elif have rustup && step rustup-target "wasm32 target: short way, rustup target add" add_target 2>/dev/null; then
  write_env '' '' "$(rustc --version)" "short way (rustup target add)" "$(real_rustc)"
  add_wasip2
  exit 0
else
  say "  wasm32 target: rustup cannot add it, so the long way: Debian's compiler, and a std built for wasm32"
fi

# Long way.
have apt-get || die "rustup could not add $triple (see $cache/logs/rustup-target.log) and there is no apt-get for the long way. Connect to the network and run: rustup target add $triple"
as_root=
if [ "$(id -u)" != 0 ]; then
  have sudo && sudo -n true 2>/dev/null || die "the long way installs Debian packages, which needs root. Run once: sudo scripts/wasm-toolchain.sh   or, where rustup can download: rustup target add $triple"
  as_root="sudo -n"
fi
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq "$@"; }
installed() { for package; do [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || return 1; done; }
# --no-remove: never removes a compiler that the user has installed.
install() { apt update && apt install -y --no-install-recommends --no-remove "$@"; }

compiler="rustc-web cargo-web rust-web-src"
installed $compiler || step apt-rust "Debian packages $compiler" install $compiler \
  || die "apt-get could not install $compiler. If Debian's own rustc is installed, remove it (apt-get remove rustc) and run this again."
rustc=/usr/bin/rustc cargo=/usr/bin/cargo
version=$($rustc --version --verbose)
llvm=$(say "$version" | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
# The linker must read the output of this rustc's LLVM, so it needs the same version.
have "wasm-ld-$llvm" || step apt-lld "Debian package lld-$llvm" install "lld-$llvm" || die "apt-get could not install lld-$llvm, the linker for this compiler's LLVM."

key=$(dpkg-query -W -f '${Version}' rustc-web)
home=$cache/wasm-toolchain-$(say "$key" | tr -c 'A-Za-z0-9.\n' '-')
# The std for tests, with the crate `test`.
build_toolchain() { build_std "$home" $rustc '' -Zbuild-std=std,panic_abort,test && ln -s $cargo "$home/bin/cargo"; }
[ -x "$home/bin/cargo" ] || step build-std "std for wasm32, by Debian's $($rustc --version)" build_toolchain || die "std could not be built for $triple."
write_env "$home/bin" "wasm-ld-$llvm" "debian $key" "long way (rustc $key from Debian)" $rustc
