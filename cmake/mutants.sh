#!/bin/sh
# mutants.sh [MUTANT ...]: does the differential test notice when eddy is broken? Each patch in
# tests/mutants breaks the library in one way, which its first line tells. It is applied to a copy
# of the sources, and the kept scenarios are run: one that still leaves CPython's trace proves
# nothing, but of all of them together at least one has to differ.
#
# A patch that no longer applies is an error: the code has changed, so write it anew.
set -eu
cd "$(dirname "$0")/.."
. cmake/stages.sh
stages_begin mutants
copy=build/mutants/source
build=build/mutants/build

stage "tools" sh cmake/setup.sh build || exit 1
command -v patch >/dev/null || { echo "patch is missing"; exit 1; }

copy_sources() {
  rm -rf "$copy"
  mkdir -p "$copy"
  cp -R CMakeLists.txt cmake include lib tests "$copy"
  cmake -S "$copy" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DEDDY_TEST_RUNNER=plain \
    -DEDDY_BUILD_EXAMPLES=OFF
}

build_it() {
  cmake --build "$build" -j "$(jobs)" --target eddy_differential
}

# Runs the kept scenarios, those written by hand first; says what was noticed, nothing if nothing
# was. A scenario that does not end or ends the program hides the rest of its file.
run_kept() {
  : >"$log_dir/seen"
  for scenarios in tests/differential/kept/written.scenarios tests/differential/kept/*.scenarios; do
    status=0
    timeout 20 "$build/tests/differential/eddy_differential" \
      --expected "${scenarios%.scenarios}.traces" "$scenarios" >"$log_dir/run" 2>&1 || status=$?
    sed -n 's/^--- \([^ ]*\) (\(.*\) tasks).*/\1 (\2)/p' "$log_dir/run" >>"$log_dir/seen"
    kept=$(basename "$scenarios" .scenarios)
    case $status in
    0 | 1) ;;
    124) echo "$kept: does not end" >>"$log_dir/seen" ;;
    *) echo "$kept: ends the program" >>"$log_dir/seen" ;;
    esac
  done
  count=$(sed 's/ (.*//' "$log_dir/seen" | sort -u | wc -l)
  [ "$count" = 0 ] || echo "$(head -1 "$log_dir/seen"), $((count)) in all"
}

stage "copy" copy_sources || exit 1
stage "build" build_it || exit 1
noticed=$(run_kept)
[ -z "$noticed" ] || { echo "eddy differs already, unbroken: $noticed"; exit 1; }

total=0 caught=0 broken=0
patches=
for name in ${*:-$(cd tests/mutants && ls ./*.patch)}; do
  patches="$patches $(basename "$name" .patch)"
done
printf '%-40s | %s\n' "mutant" "caught by"
for mutant in $patches; do
  total=$((total + 1))
  file=$PWD/tests/mutants/$mutant.patch
  if ! (cd "$copy" && patch -p1 -s -N -F0 --dry-run <"$file") >"$log_dir/patch" 2>&1; then
    printf '%-40s | THE PATCH DOES NOT APPLY\n' "$mutant"
    broken=1
    continue
  fi
  (cd "$copy" && patch -p1 -s -F0 <"$file")
  noticed="(it does not compile)"
  if build_it >"$log_dir/$mutant.log" 2>&1; then
    noticed=$(run_kept)
    if [ -n "$noticed" ]; then caught=$((caught + 1)); fi
  else
    broken=1
  fi
  printf '%-40s | %s\n' "$mutant" "${noticed:-NOTHING: $(head -1 "$file")}"
  (cd "$copy" && patch -p1 -s -R -F0 <"$file")
done
echo "mutants: $caught of $total caught"
[ "$broken" = 0 ] && [ "$caught" = "$total" ]
