#!/bin/sh
# test.sh: builds eddy in several ways and runs the whole test suite on every backend.
#
# It installs what is missing first (setup.sh). The exit status is 0 if everything passed.
# The last lines say how many cases ran on each backend and which did not, and why.
set -eu
cd "$(dirname "$0")/.."
. cmake/stages.sh
stages_begin test

stage "tools" sh cmake/setup.sh build test peers clang || exit 1

# ctest_all PRESET [CTEST OPTION ...]
ctest_all() {
  preset=$1
  shift
  ctest --test-dir "build/$preset" -j 4 --output-on-failure --no-tests=error "$@"
}

if stage "dev: build" configure_and_build dev; then
  # Of the fault campaigns those whose time is virtual; cmake/faults.sh runs them all.
  stage "dev: all tests, every backend" ctest_all dev -E '^(native/epoll|native/uv|uv/uv)/faults' || true
  dev_log=$stage_log
  sed -n '/tests passed,.*tests failed/p' "$dev_log"
  stage "dev: every case on $(more_backends build/dev)" run_plain_more build/dev || true
  stage "dev: what tests/asyncio names ran" sh cmake/summary.sh named tests/asyncio "$dev_log" || true
fi

if stage "address and undefined sanitizers: build" configure_and_build asan; then
  # All cases in one process each backend: a process for each would take a quarter of an hour.
  stage "address and undefined sanitizers: every case" run_plain build/asan || true
  stage "address and undefined sanitizers: all but the cases" ctest_all asan -LE 'faults|case' ||
    true
  sed -n '/tests passed,.*tests failed/p' "$stage_log"
  stage "address and undefined sanitizers: every case on $(more_backends build/asan)" \
    run_plain_more build/asan || true
fi

if stage "ucontext: build" configure_and_build ucontext; then
  stage "ucontext: every case" run_plain build/ucontext || true
fi

if stage "release, hardened: build" configure_and_build release; then
  stage "release, hardened: every case" run_plain build/release || true
  stage "release, hardened: installed and used, checks of the tree" \
    ctest_all release -R '^(install|check)/' || true
  sed -n '/tests passed,.*tests failed/p' "$stage_log"
fi

if ! command -v clang >/dev/null; then
  echo "==> clang: left out, it is not installed"
elif stage "clang: build" configure_and_build clang; then
  stage "clang: every case" run_plain build/clang || true
fi

echo
if [ -n "${dev_log:-}" ]; then
  sh cmake/summary.sh backends build/dev/cases.tsv "$dev_log" "$(test_backends build/dev)"
fi
if [ -n "$stages_failed" ]; then
  echo "Stages that failed:$stages_failed"
fi
# shellcheck disable=SC2086
sh cmake/summary.sh total $stage_logs
[ -z "$stages_failed" ]
