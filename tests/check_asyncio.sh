#!/bin/sh
# check_asyncio.sh DIRECTORY NM LIBRARY INCLUDE_DIR CASES: the tables of tests/asyncio name
# what there is. Every C name is exported by the shared library, or a macro, type or constant
# of the public headers; every test is a registered case (CASES: name, tab, where); a row
# without a test, or without anything, says why; no rule of the contract is missing.
set -eu
directory=$1 nm=$2 library=$3 include=$4 cases=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$nm" -D --defined-only "$library" | awk '{ sub(/@.*/, "", $NF); print $NF }' >"$work/names"
# Everything else that is a word in a header, comments left out; and the codes of error.h.
find "$include" -name '*.h' -exec cat {} + | sed -e 's|/\*.*\*/||' -e '/^ *\/\*/,/\*\//d' |
  tr -cs 'A-Za-z0-9_' '\n' | grep -E '^(EDDY|eddy)_' >>"$work/names"
sed -n 's/^  X(\(E[A-Z0-9]*\),.*/EDDY_\1/p' "$include/eddy/error.h" >>"$work/names"

set -- "$directory"/*surface.tsv "$directory"/*behaviours.tsv "$directory"/*rules.tsv
awk -F '\t' '
  function complain(text) {
    print FILENAME ":" FNR ": " text
    bad = 1
  }
  function check_tests(text, count, test, i) {
    count = split(text, test, " ")
    for (i = 1; i <= count; i++)
      if (!(test[i] in where)) complain("there is no case " test[i])
  }
  # Returns the where of the case that runs on the most backends.
  function widest(text, count, test, i, best) {
    count = split(text, test, " ")
    best = "none"
    for (i = 1; i <= count; i++)
      if (best == "none" || where[test[i]] == "any") best = where[test[i]]
    return best
  }
  FILENAME == ARGV[1] { exists[$1] = 1; next }
  FILENAME == ARGV[2] { where[$1] = $2; next }
  /^#/ || /^$/ { next }
  FILENAME ~ /surface\.tsv$/ {
    rows["surface"]++
    if (NF != 5) { complain("not five columns: area, asyncio, C names, tests, note"); next }
    if (seen[FILENAME, $1, $2]++) complain($2 " is there twice")
    if ($3 != "-") {
      count = split($3, name, " ")
      for (i = 1; i <= count; i++)
        if (!(name[i] in exists)) complain("neither exported nor in a public header: " name[i])
    }
    if ($4 != "-") check_tests($4)
    if ($3 != "-" && $4 == "-" && $5 == "") complain($2 " has no test and no reason")
    if ($3 == "-" && $4 == "-" && $5 == "") complain($2 " has neither names nor a reason")
    next
  }
  FILENAME ~ /behaviours\.tsv$/ {
    rows["behaviours"]++
    if (NF != 4) { complain("not four columns: file, behaviour, tests, note"); next }
    if ($3 != "-") check_tests($3)
    else if ($4 == "") complain($2 " has no test and no reason")
    next
  }
  {
    if (NF != 3) { complain("not three columns: rule, tests, note"); next }
    if (rule[$1 + 0]++) complain("rule " $1 " is there twice")
    if ($2 != "-") {
      check_tests($2)
      if (widest($2) == "virtual" && $3 !~ /time/)
        complain("only on virtual time, and the note does not say why: " $2)
      if (widest($2) == "kernel" && $3 !~ /kernel/)
        complain("only on the kernel, and the note does not say why: " $2)
    } else complain("rule " $1 " has no test")
  }
  END {
    for (i = 1; i <= 98; i++) {
      if (!(i in rule)) { print "rules.tsv: rule " i " is missing"; bad = 1 }
    }
    if (rows["surface"] == 0 || rows["behaviours"] == 0) { print "empty tables"; bad = 1 }
    exit bad
  }
' "$work/names" "$cases" "$@"
