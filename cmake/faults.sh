#!/bin/sh
# faults.sh [--short] [memory|libuv|cancel ...]: the fault campaigns, on every backend.
#
#   memory   fails each allocation of eddy's of each test case in turn, once and for good, over
#            several layouts of descriptor numbers
#   libuv    the same for libuv's own allocations; what libuv does not survive is expected only
#            where tests/faults/expected_libuv.txt names it
#   cancel   cancels the task at each suspension of each test case in turn
#
# Without a name all three. No crash, leak, hang or descriptor left open may follow. The whole
# takes about a quarter of an hour on two cores; --short a sample of it.
set -eu
cd "$(dirname "$0")/.."
. cmake/stages.sh
stages_begin faults

length=
if [ "${1:-}" = --short ]; then
  length=--short
  shift
fi
[ $# -gt 0 ] || set -- memory libuv cancel

stage "tools" sh cmake/setup.sh build test || exit 1
stage "build" configure_and_build dev || exit 1

campaign() { # BACKEND CAMPAIGN
  # shellcheck disable=SC2086
  EDDY_BACKEND=$1 build/dev/tests/faults/eddy_tests_faults $length --jobs "$(jobs)" \
    --expected tests/faults/expected_libuv.txt "$2"
}
for name in "$@"; do
  for backend in $(test_backends build/dev); do
    stage "$name: $backend" campaign "$backend" "$name" || true
    tail -n 1 "$stage_log"
  done
done
if [ -n "$stages_failed" ]; then
  echo "Stages that failed:$stages_failed"
  exit 1
fi
echo "faults: ok"
