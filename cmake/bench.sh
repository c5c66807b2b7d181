#!/bin/sh
# Builds the benchmarks of eddy and of every peer that can be had, runs them in turns on one
# core, prints the table and writes build/bench/bench.json.
#
#     sh cmake/bench.sh [--no-install] [options of tests/bench/run.py]
set -eu
cd "$(dirname "$0")/.."

install=yes
if [ "${1:-}" = --no-install ]; then
  install=no
  shift
fi

needed="cmake ninja-build gcc g++ pkg-config libuv1-dev python3"
peers="libev-dev libevent-dev libst-dev libboost-context-dev libboost-fiber-dev libasio-dev
golang-go python3-uvloop wrk node-llhttp"

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

missing() {
  for package in "$@"; do
    if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
      echo "$package"
    fi
  done
}

if [ $install = yes ]; then
  if command -v apt-get >/dev/null; then
    # shellcheck disable=SC2086 # the lists are words
    absent=$(missing $needed $peers)
    if [ -n "$absent" ]; then
      as_root apt-get update -qq
      for package in $absent; do
        as_root env DEBIAN_FRONTEND=noninteractive \
          apt-get install -y -qq --no-install-recommends "$package" >/dev/null ||
          echo "$package: cannot be installed here, left out"
      done
    fi
    # Unpacked and not installed: the package would start a web server on this machine.
    if ! PATH=$PATH:/usr/sbin:build/bench/nginx/usr/sbin command -v nginx >/dev/null; then
      mkdir -p build/bench/nginx
      (cd build/bench/nginx && apt-get download -qq nginx && dpkg-deb -x nginx_*.deb . &&
        rm nginx_*.deb) ||
        echo "nginx: cannot be had here, left out"
    fi
  else
    echo "This system's package manager is not known to this script. Needed: cmake, ninja,"
    echo "gcc, g++, pkg-config, libuv 1.44 or newer, python3. For the peers: libev, libevent,"
    echo "State Threads, Boost.Context, Boost.Fiber, Asio, Go, uvloop; llhttp, nginx and wrk."
    echo "What is missing is left out."
  fi
fi
echo "not packaged, so not measured: libdill, Photon, neco, libaco, minicoro, tokio"

cmake -S tests/bench -B build/bench -G Ninja >/dev/null
cmake --build build/bench
exec python3 tests/bench/run.py build/bench --json build/bench/bench.json "$@"
