#!/bin/sh
# summary.sh backends CASES LOG "BACKEND ...": from ctest's output, how many cases ran on each
#     backend, and which did not, with the reason. CASES: name, tab, where it makes sense.
# summary.sh named DIRECTORY LOG: fails, and says which, if a case that a table in DIRECTORY
#     (tests/asyncio) names passed on no backend, by ctest's or the plain runner's output.
# summary.sh total LOG ...: `N passed, N failed`, over ctest's and the plain runner's logs.
#     A stage that failed in another way counts as one failure.
set -eu
what=$1
shift

case $what in
backends)
  cases=$1 log=$2 backends=$3
  awk -v backends="$backends" '
    function wrap(text, words, count, i, row) {
      count = split(text, words, " ")
      row = "     "
      for (i = 1; i <= count; i++) {
        if (length(row) + length(words[i]) > 88) {
          print row
          row = "     "
        }
        row = row " " words[i]
      }
      print row
    }
    # Every case, and where it makes sense.
    FILENAME == ARGV[1] {
      split($0, field, "\t")
      cases++
      name[cases] = field[1]
      where[cases] = field[2]
      next
    }
    # 12/300 Test  #7: native/uv/queue.get_waits ....   Passed    0.03 sec
    match($0, /Test +#[0-9]+: /) {
      test = substr($0, RSTART + RLENGTH)
      split(test, field, " ")
      test = field[1]
      group = test
      if (!sub(/\/[^\/]*$/, "", group)) group = (test ~ /^bench\./) ? "bench" : "other"
      groups[group] = 1
      ran[group]++
      if (test ~ /\/example\./) examples[group]++
      if ($0 ~ /\*\*\*Skipped/) { ran[group]--; skipped[group] = skipped[group] " " test }
      else if ($0 ~ /\*\*\*/) { failed[group]++; bad[group] = bad[group] " " test }
    }
    function count_of(group, text) {
      text = sprintf("  %-15s %4d ran, %d passed, %d failed", group, ran[group],
        ran[group] - failed[group], failed[group])
      if (examples[group]) text = text ", " examples[group] " of them examples"
      return text
    }
    END {
      print "Tests by backend:"
      count = split(backends, backend, " ")
      for (b = 1; b <= count; b++) {
        group = backend[b]
        is_backend[group] = 1
        print count_of(group)
        if (failed[group]) { print "    failed:"; wrap(bad[group]) }
        if (skipped[group]) { print "    skipped:"; wrap(skipped[group]) }
        split("", reasons)
        split("", number)
        for (i = 1; i <= cases; i++) {
          w = where[i]
          virtual = group ~ /\/virtual$/
          if (w == "any" || w == "unit" || w == group) continue
          if (w == "virtual" && virtual || w == "kernel" && !virtual) continue
          reason = "they are about " w
          if (w == "virtual") reason = "they need virtual time"
          if (w == "kernel") reason = "they need the kernel"
          reasons[reason] = reasons[reason] " " name[i]
          number[reason]++
        }
        for (reason in reasons) {
          print "    not run here: " number[reason] ", " reason
          wrap(reasons[reason])
        }
      }
      print "Tests without a backend:"
      n = split("unit none check install selftest", order, " ")
      for (group in groups) if (!(group in is_backend)) {
        known = 0
        for (i = 1; i <= n; i++) known = known || order[i] == group
        if (!known) order[++n] = group
      }
      for (i = 1; i <= n; i++) {
        group = order[i]
        if (!(group in groups)) continue
        print count_of(group)
        if (failed[group]) { print "    failed:"; wrap(bad[group]) }
        if (skipped[group]) { print "    skipped:"; wrap(skipped[group]) }
      }
    }
  ' "$cases" "$log"
  ;;
total)
  awk '
    FNR == 1 { before = failed; plain = 0 }
    match($0, /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: /) {
      if ($0 ~ /\*\*\*Skipped/) next
      if ($0 ~ /\*\*\*/) failed++
      else passed++
      next
    }
    # The plain runner, behind a line that names the backend; ctest entries that run it
    # repeat its last line, which counts once, as an entry.
    /^--- / { plain = 1; next }
    plain && /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3; plain = 0 }
    # A stage that failed without a test that failed counts as one.
    /^=== stage failed$/ && failed == before { failed++ }
    END { printf "%d passed, %d failed\n", passed, failed }
  ' "$@"
  ;;
named)
  directory=$1 log=$2
  set -- "$directory"/*surface.tsv "$directory"/*behaviours.tsv "$directory"/*rules.tsv
  awk -F '\t' '
    FILENAME == ARGV[1] {
      # 12/300 Test  #7: native/uv/queue.get_waits ....   Passed    0.03 sec
      if (match($0, /Test +#[0-9]+: /) && $0 ~ / Passed /) {
        split(substr($0, RSTART + RLENGTH), field, " ")
        sub(/.*\//, "", field[1])
        ran[field[1]] = 1
      } else if ($0 ~ /^ok [0-9]+ - [^ ]+$/) {
        sub(/^ok [0-9]+ - /, "")
        ran[$0] = 1
      }
      next
    }
    /^#/ { next }
    {
      column = FILENAME ~ /surface/ ? 4 : FILENAME ~ /rules/ ? 2 : 3
      count = split($column, name, " ")
      for (i = 1; i <= count; i++) {
        if (name[i] == "-" || seen[name[i]]++) continue
        if (name[i] in ran) { good++; continue }
        print "named in " FILENAME ", but passed nowhere: " name[i]
        bad = 1
      }
    }
    END {
      printf "%d cases that the tables of asyncio name ran\n", good
      exit bad || good == 0
    }
  ' "$log" "$@"
  ;;
*)
  echo "summary.sh: backends, named or total" >&2
  exit 2
  ;;
esac
