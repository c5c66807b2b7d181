# For the other scripts here (sourced, not run): stages that are quiet unless they fail.
#
# The log of stage N is build/log/SCRIPT/N-NAME.log.

stage_number=0
stages_failed=
stage_logs=

stages_begin() { # NAME
  log_dir=build/log/$1
  rm -rf "$log_dir"
  mkdir -p "$log_dir"
}

# stage NAME COMMAND ...: runs the command; one line says how it went, with the cases that failed
# and the log's end when it failed. Returns the command's status.
stage() {
  stage_number=$((stage_number + 1))
  stage_log=$log_dir/$stage_number-$(echo "$1" | tr -c 'a-z0-9\n' '-').log
  stage_logs="$stage_logs $stage_log"
  stage_begun=$(date +%s)
  stage_name=$1
  shift
  printf '==> %s ... ' "$stage_name"
  stage_status=0
  "$@" >"$stage_log" 2>&1 </dev/null || stage_status=$?
  stage_took=$(($(date +%s) - stage_begun))
  if [ "$stage_status" = 0 ]; then
    echo "ok (${stage_took} s)"
    return 0
  fi
  echo "FAILED with $stage_status (${stage_took} s); the end of $stage_log:"
  grep -a -B 15 '^not ok ' "$stage_log" | head -80
  grep -vE '^ *Start +[0-9]+: |^ *[0-9]+/[0-9]+ Test .* Passed ' "$stage_log" | tail -100
  echo "=== stage failed" >>"$stage_log"
  stages_failed="$stages_failed
  $stage_name"
  return "$stage_status"
}

# The number of jobs for building.
jobs() {
  getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2
}

# configure_and_build PRESET [CMAKE OPTION ...]: a preset's settings, into build/PRESET.
configure_and_build() {
  build_preset=$1
  shift
  cmake --preset "$build_preset" "$@" && cmake --build "build/$build_preset" -j "$(jobs)"
}

# run_plain BUILD [COMMAND ...]: all cases under the project's own runner, on every backend (on
# $plain_backends, if that is set), through the command if there is one. $plain_options are the
# runner's.
run_plain() {
  plain_build=$1
  shift
  plain_status=0
  for backend in ${plain_backends:-$(test_backends "$plain_build")}; do
    for plain in eddy_tests_plain tls/eddy_tls_tests_plain; do
      [ -x "$plain_build/tests/$plain" ] || continue
      echo "--- $backend: $plain"
      # shellcheck disable=SC2086
      EDDY_BACKEND=$backend "$@" "$plain_build/tests/$plain" ${plain_options:-} --all ||
        plain_status=$?
    done
  done
  return $plain_status
}

# run_plain_more BUILD: all cases on the backends that have no ctest entries.
run_plain_more() (
  plain_backends=$(more_backends "$1")
  run_plain "$1"
)

# The backends that a build tree tests, and those that it tests without ctest entries.
test_backends() {
  sed -n 's/^EDDY_TEST_BACKENDS:[A-Z]*=//p' "$1/CMakeCache.txt" | tr ';' ' '
}

more_backends() {
  sed -n 's/^EDDY_TEST_MORE_BACKENDS:[A-Z]*=//p' "$1/CMakeCache.txt" | tr ';' ' '
}
