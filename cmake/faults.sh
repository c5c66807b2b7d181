#!/bin/sh
# faults.sh [--asan] [memory|libuv|cancel|all] [CASE | SUITE ...]: campaigns of injected faults
# on every backend; tests/faults/README.md says what they do.
#
#   memory  each allocation of eddy's fails in turn, alone and with all later ones
#   libuv   each allocation of libuv's; and memory that is just too little for something
#   cancel  each suspension of a task is cancelled
#
# First all of it without sanitizers, then a sample with AddressSanitizer and
# UndefinedBehaviorSanitizer; --asan: all of it with them, which takes hours.
set -eu
cd "$(dirname "$0")/.."
. cmake/stages.sh

asan_amount=--short
if [ "${1:-}" = --asan ]; then
  asan_amount=
  shift
fi
campaigns="memory libuv cancel"
case ${1:-all} in
memory | libuv | cancel)
  campaigns=$1
  shift
  ;;
all) if [ $# -gt 0 ]; then shift; fi ;;
esac
stages_begin faults

stage "tools" sh cmake/setup.sh build || exit 1

build_it() { # BUILD [CMAKE OPTION ...]
  build=$1
  shift
  cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 \
    -DEDDY_TEST_RUNNER=plain -DEDDY_BUILD_EXAMPLES=OFF -DEDDY_WERROR=ON "$@" &&
    cmake --build "$build" -j "$(jobs)" --target eddy_tests_faults
}

campaign() { # BUILD BACKEND ARGUMENT ...
  program=$1/tests/faults/eddy_tests_faults
  EDDY_BACKEND=$2
  export EDDY_BACKEND
  shift 2
  echo "--- $EDDY_BACKEND"
  "$program" --jobs "$(jobs)" --expected tests/faults/expected_libuv.txt "$@"
}

run_all() { # NAME BUILD AMOUNT [CASE ...]
  name=$1 in=$2 amount=$3
  shift 3
  for what in $campaigns; do
    for backend in $(test_backends "$in") $(more_backends "$in"); do
      # shellcheck disable=SC2086
      stage "$name: $what, $backend" campaign "$in" "$backend" $amount "$what" "$@" || true
      grep ' runs with a fault, [0-9]* problems$' "$stage_log" || true
    done
  done
}

ASAN_OPTIONS=abort_on_error=0
UBSAN_OPTIONS=print_stacktrace=1
export ASAN_OPTIONS UBSAN_OPTIONS
if [ -n "$asan_amount" ]; then
  stage "build" build_it build/faults || exit 1
  run_all "every place" build/faults "" "$@"
fi
stage "sanitizers: build" build_it build/faults-asan -DEDDY_SANITIZE=address,undefined || exit 1
run_all "sanitizers" build/faults-asan "$asan_amount" "$@"

if [ -n "$stages_failed" ]; then
  echo "Stages that failed:$stages_failed"
fi
# shellcheck disable=SC2086
sed -n 's/^\([0-9]*\) runs with a fault, \([0-9]*\) problems$/\1 \2/p' $stage_logs |
  awk '{ runs += $1; problems += $2 } END { printf "%d runs with a fault, %d problems\n", runs, problems }'
[ -z "$stages_failed" ]
