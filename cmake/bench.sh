#!/bin/sh
# Builds the benchmarks of eddy and of every peer that can be had, runs them in turns on one
# core, prints the table against the goals, and writes build/bench/bench.json and bench.svg.
#
#     sh cmake/bench.sh [--no-install] [--against OLD.json] [options of tests/bench/run.py]
#     sh cmake/bench.sh [--no-install] --check      that wrong results are found out
#     sh cmake/bench.sh [--no-install] --only workers [options of tests/bench/workers.py]
set -eu
cd "$(dirname "$0")/.."

install=yes
if [ "${1:-}" = --no-install ]; then
  install=no
  shift
fi

if [ $install = yes ]; then
  sh cmake/setup.sh build bench
  # Unpacked and not installed: the package would start a web server on this machine.
  if ! PATH=$PATH:/usr/sbin:build/bench/nginx/usr/sbin command -v nginx >/dev/null; then
    mkdir -p build/bench/nginx
    (cd build/bench/nginx && apt-get download -qq nginx && dpkg-deb -x nginx_*.deb . &&
      rm nginx_*.deb) ||
      echo "nginx: cannot be had here, left out"
  fi
fi

mkdir -p build/bench
if ! { cmake -S tests/bench -B build/bench -G Ninja && cmake --build build/bench; } \
  >build/bench/build.log 2>&1; then
  tail -n 30 build/bench/build.log
  exit 1
fi
export PYTHONDONTWRITEBYTECODE=1
if [ "${1:-}" = --check ]; then
  exec python3 tests/bench/broken.py build/bench
fi
echo "not packaged, so not measured: libdill, Photon, neco, libaco, minicoro"
if [ "${1:-} ${2:-}" = "--only workers" ]; then
  exec python3 tests/bench/workers.py build/bench --json build/bench/workers.json "$@"
fi
exec python3 tests/bench/run.py build/bench --json build/bench/bench.json "$@"
