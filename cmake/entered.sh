#!/bin/sh
# entered.sh BUILD: with a build that counts (coverage), runs each case that a row of
# tests/asyncio/*surface.tsv names by itself, and looks at the counts. Each function of a row
# has to be entered by a case of the row, and each case has to enter a function of the row.
# Macros, types and constants have no counts.
set -eu
build=$1
programs="$build/tests/eddy_tests_plain $build/tests/tls/eddy_tls_tests_plain"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Counts of an older build would be in the way.
find "$build" -name '*.gcda' -exec rm -f {} +

# The functions of the libraries, and what holds their counts.
find "$build/CMakeFiles/eddy_objects.dir" "$build/CMakeFiles/eddy_tls_objects.dir" -name '*.o' |
  xargs nm -A --defined-only | sed -n 's/^\(.*\)\.o:[0-9a-f]* T \(eddy_[a-z0-9_]*\)$/\2 \1.gcda/p' \
  >"$work/functions"
grep -ho '^#define eddy_[a-z0-9_]*(' include/eddy/*.h | sed 's/#define //; s/($//' >"$work/macros"

# ROW, CASE, FUNCTION and the file with its counts: what may be seen.
cat tests/asyncio/*surface.tsv | awk -F '\t' '
  FILENAME == ARGV[1] { split($0, part, " "); file[part[1]] = part[2]; next }
  FILENAME == ARGV[2] { macro[$1] = 1; next }
  /^#/ || $3 == "-" || $4 == "-" { next }
  {
    names = split($3, name, " ")
    cases = split($4, one, " ")
    for (i = 1; i <= names; i++) {
      if (!(name[i] in file) || name[i] in macro) continue
      for (j = 1; j <= cases; j++)
        printf "%s %s\t%s\t%s\t%s\n", $1, $2, one[j], name[i], file[name[i]]
    }
  }
' "$work/functions" "$work/macros" - >"$work/wanted"

backend_of() { # WHERE
  case $1 in
  any | unit | virtual) echo native/virtual ;;
  kernel) echo native/uv ;;
  *) echo "$1" ;;
  esac
}

failed=0
# CASE, where it makes sense, and the program that has it.
for program in $programs; do
  "$program" --list | cut -f 1,2 | sed "s|\$|	$program|"
done >"$work/cases"
cut -f 2 "$work/wanted" | sort -u >"$work/names"
while read -r case; do
  where=$(awk -F '\t' -v name="$case" '$1 == name { print $2 }' "$work/cases")
  program=$(awk -F '\t' -v name="$case" '$1 == name { print $3 }' "$work/cases")
  if [ -z "$program" ]; then
    echo "$case: there is no such case"
    failed=1
    continue
  fi
  find "$build" -name '*.gcda' -exec rm -f {} +
  if ! EDDY_BACKEND=$(backend_of "$where") "$program" --run "$case" >"$work/log" 2>&1 </dev/null; then
    echo "$case failed:"
    cat "$work/log"
    failed=1
  fi
  files=$(awk -F '\t' -v name="$case" '$2 == name { print $4 }' "$work/wanted" | sort -u)
  # shellcheck disable=SC2086
  gcov -n -f $files 2>/dev/null | awk -v name="$case" '
    /^Function / { split($0, part, "\x27"); function_name = part[2] }
    /^Lines executed:/ && function_name != "" {
      split($0, part, "[:%]")
      if (part[2] + 0 > 0) print name "\t" function_name
      function_name = ""
    }
  ' >>"$work/entered"
done <"$work/names"

awk -F '\t' '
  FILENAME == ARGV[1] { entered[$1, $2] = 1; next }
  {
    row_function[$1 "\t" $3] += (($2, $3) in entered)
    row_case[$1 "\t" $2] += (($2, $3) in entered)
    cases[$2] = 1
  }
  END {
    for (key in row_function) {
      split(key, part, "\t")
      if (row_function[key]) { functions[part[2]] = 1; continue }
      print part[1] ": no case of the row enters " part[2]
      bad = 1
    }
    for (key in row_case) {
      if (row_case[key]) continue
      split(key, part, "\t")
      print part[1] ": " part[2] " enters none of its functions"
      bad = 1
    }
    for (name in cases) number++
    for (name in functions) total++
    printf "%d cases, run one by one, enter the %d functions that they show\n", number, total
    exit bad
  }
' "$work/entered" "$work/wanted" || failed=1
exit $failed
