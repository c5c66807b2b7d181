#!/bin/sh
# setup.sh [SET ...]: sees to it that the tools of each set are there.
#
#   build     C compiler, CMake, ninja, pkg-config, libuv; OpenSSL for TLS (the default)
#   test      the above, criterion and a C++ compiler (for the check of the headers)
#   peers     programs and libraries that the tests talk to: curl, wrk, redis and others
#   clang     clang
#   valgrind  valgrind
#   coverage  gcovr
#   bench     what the benchmarks hold eddy against: event loops, coroutines, Go, tokio, Node.js
#
# On Debian and Ubuntu it installs what is missing, as root or through sudo; with nothing
# missing it does nothing. Elsewhere it says what to install. What the tests can do without
# (criterion, a second compiler, OpenSSL, the peers) is only mentioned. Nothing that it installs starts
# a service on this machine: the peers' servers come in packages that only carry the program.
set -eu

say() { echo "setup: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
have_library() { have pkg-config && pkg-config --exists "$1" 2>/dev/null; }

cmake_is() { # MINOR: 3.MINOR or newer
  have cmake || return 1
  cmake --version | awk -v minor="$1" '
    NR == 1 { split($3, v, "."); exit !(v[1] > 3 || (v[1] == 3 && v[2] >= minor)) }'
}
have_libc_headers() {
  have cc && echo '#include <stdlib.h>' | cc -E - >/dev/null 2>&1
}

have_package() {
  dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

have_openbsd_nc() {
  have nc && nc -h 2>&1 | grep -q OpenBSD
}

missing='' packages='' optional=''
need() { # WHAT PACKAGES: a part that is missing
  missing="$missing
  $1"
  packages="$packages $2"
}
want() { # as need, for what can be done without
  optional="$optional
  $1"
  packages="$packages $2"
}

look() { # SET ...: fills in what is missing
  missing='' packages='' optional=''
  for set in "$@"; do
    case $set in
    build)
      have_libc_headers || need "a C11 compiler (gcc or clang) and the C library's headers" "gcc libc6-dev"
      cmake_is 20 || need "CMake 3.20 or newer" cmake
      have ninja || need "ninja" ninja-build
      have pkg-config || need "pkg-config" pkg-config
      have_library 'libuv >= 1.44' || need "libuv 1.44 or newer, with its headers" libuv1-dev
      have_library 'libssl >= 3.0' || want "OpenSSL 3 with its headers (for eddy-tls)" libssl-dev
      ;;
    test)
      cmake_is 25 || need "CMake 3.25 or newer (the scripts use its presets)" cmake
      have_library criterion || want "criterion (the test framework)" libcriterion-dev
      have c++ || want "a C++ compiler" "g++ libc6-dev"
      ;;
    peers)
      have curl || want "curl" curl
      have openssl || want "openssl" openssl
      have_openbsd_nc || want "nc, OpenBSD's" netcat-openbsd
      have wrk || want "wrk" wrk
      have python3 || want "python3" python3
      have redis-server || have redis-check-rdb || want "redis" redis-tools
      have_library libcurl || want "libcurl with its headers" libcurl4-openssl-dev
      have_library hiredis || want "hiredis with its headers" libhiredis-dev
      [ -f /usr/share/llhttp/llhttp.c ] || want "llhttp as C sources" node-llhttp
      ;;
    clang) have clang || want "clang" clang ;;
    valgrind) have valgrind || need "valgrind" "valgrind libc6-dbg" ;;
    coverage) have gcovr || need "gcovr" gcovr ;;
    bench)
      have c++ || want "a C++ compiler" "g++ libc6-dev"
      have python3 || need "python3 (it runs the benchmarks)" python3
      have openssl || want "openssl" openssl
      have wrk || want "wrk" wrk
      have go || want "Go" golang-go
      have node || want "Node.js" nodejs
      [ -x /usr/bin/rustc ] || want "rustc" rustc
      [ -x /usr/bin/cargo ] || want "cargo" cargo
      [ -f /usr/share/llhttp/llhttp.c ] || want "llhttp as C sources" node-llhttp
      for package in libev-dev libevent-dev libst-dev libpth-dev libasio-dev libboost-context-dev \
        libboost-fiber-dev librust-tokio-dev python3-uvloop; do
        have_package $package || want "the peer in $package" $package
      done
      ;;
    *)
      say "there is no set '$set': build, test, peers, clang, valgrind, coverage, bench"
      exit 2
      ;;
    esac
  done
}

sets=${*:-build}
case " $sets " in
*" test "*) case " $sets " in *" build "*) ;; *) sets="build $sets" ;; esac ;;
esac

# shellcheck disable=SC2086
look $sets
[ -n "$packages" ] || exit 0

if ! have apt-get; then
  if [ -n "$missing" ]; then
    say "please install these with your system's package manager, then start again:$missing$optional"
    exit 1
  fi
  say "not found, and done without:$optional"
  exit 0
fi

if [ "$(id -u)" = 0 ]; then
  as_root=
elif have sudo; then
  as_root=sudo
elif [ -n "$missing" ]; then
  say "missing:$missing$optional"
  say "there is no sudo; as root, run: apt-get install --no-install-recommends$packages"
  exit 1
else
  say "not found, and done without:$optional"
  exit 0
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1 </dev/null
}
# sudo may have to ask for the password, which the log would swallow.
[ -z "$as_root" ] || $as_root -v

say "installing:$packages"
apt update || say "apt-get update failed, trying with the lists there are"
# shellcheck disable=SC2086
if ! apt install -y --no-install-recommends $packages; then
  # One package that does not exist here must not keep the others away.
  for package in $packages; do
    apt install -y --no-install-recommends "$package" || true
  done
fi

# shellcheck disable=SC2086
look $sets
if [ -n "$missing" ]; then
  tail -20 "$log" >&2
  say "still missing:$missing"
  exit 1
fi
[ -z "$optional" ] || say "not found, and done without:$optional"
