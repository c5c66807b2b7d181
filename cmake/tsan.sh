#!/bin/sh
# tsan.sh: every case and the stress programs under ThreadSanitizer, on every backend. The few
# cases that it cannot run are named, with the reasons, in tests/left_out/tsan.txt; the races that
# it sees and that are none, in tests/left_out/tsan_races.txt.
set -eu
cd "$(dirname "$0")/.."
. cmake/stages.sh
stages_begin tsan

stage "tools" sh cmake/setup.sh build test || exit 1
stage "build" configure_and_build tsan || exit 1

# Where the system spreads addresses widely, older ThreadSanitizers do not start.
steady=
if ! build/tsan/tests/eddy_tests_plain --list >/dev/null 2>&1; then
  steady="setarch -R"
fi
TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/tests/left_out/tsan_races.txt"
EDDY_TEST_TIMEOUT=300
export TSAN_OPTIONS EDDY_TEST_TIMEOUT

stress() { # PROGRAM
  for backend in $(test_backends build/tsan); do
    echo "$1 on $backend"
    # shellcheck disable=SC2086
    EDDY_BACKEND=$backend $steady "$1" || return
  done
}
plain_options="--without tests/left_out/tsan.txt"
# shellcheck disable=SC2086
stage "ThreadSanitizer: every case" run_plain build/tsan $steady || true
sed -n 's/^# left out: /    &/p' "$stage_log" | sort -u
for program in build/tsan/tests/stress_*; do
  [ -x "$program" ] || continue
  stage "ThreadSanitizer: ${program##*/}" stress "$program" || true
done
# shellcheck disable=SC2086
sh cmake/summary.sh total $stage_logs
[ -z "$stages_failed" ]
