#!/bin/sh
# valgrind.sh [CASE ...]: every case (or those named) under valgrind, on every backend. What it
# cannot run is named, with the reason, in tests/left_out/valgrind.txt.
set -eu
cd "$(dirname "$0")/.."
. cmake/stages.sh
stages_begin valgrind

stage "tools" sh cmake/setup.sh build valgrind || exit 1
build_it() {
  cmake -S . -B build/valgrind -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 \
    -DEDDY_TEST_RUNNER=plain -DEDDY_BUILD_EXAMPLES=OFF &&
    cmake --build build/valgrind -j "$(jobs)"
}
stage "build" build_it || exit 1

under_valgrind() { # BACKEND [CASE ...]
  echo "--- $1"
  EDDY_BACKEND=$1 EDDY_TEST_TIMEOUT=600
  export EDDY_BACKEND EDDY_TEST_TIMEOUT
  shift
  if [ $# = 0 ]; then set -- --all; else set -- --run "$@"; fi
  valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
    --errors-for-leak-kinds=definite,indirect --num-callers=30 \
    build/valgrind/tests/eddy_tests_plain --without tests/left_out/valgrind.txt "$@"
}
for backend in $(test_backends build/valgrind); do
  stage "valgrind: $backend" under_valgrind "$backend" "$@" || true
done
sed -n 's/^# left out: /    &/p' "$stage_log"
# shellcheck disable=SC2086
sh cmake/summary.sh total $stage_logs
[ -z "$stages_failed" ]
