#!/bin/sh
# coverage.sh: which lines of lib/ the tests run; details in build/coverage/report/index.html.
# coverage.sh --entered: instead, whether each case that tests/asyncio names for a function
# enters it (entered.sh).
set -eu
cd "$(dirname "$0")/.."
. cmake/stages.sh
stages_begin coverage

stage "tools" sh cmake/setup.sh build test coverage || exit 1
stage "build" configure_and_build coverage || exit 1
if [ "${1:-}" = --entered ]; then
  stage "cases of tests/asyncio, one by one" sh cmake/entered.sh build/coverage || exit 1
  cat "$stage_log"
  exit 0
fi
find build/coverage -name '*.gcda' -exec rm -f {} +
# The plain runner writes its counts when it ends; a worker of criterion's may not.
stage "every case" run_plain build/coverage || true
mkdir -p build/coverage/report
report() {
  gcovr --root . --filter lib/ --html-details build/coverage/report/index.html \
    --txt build/coverage/report/summary.txt build/coverage
}
stage "report" report || exit 1
cat build/coverage/report/summary.txt
[ -z "$stages_failed" ]
