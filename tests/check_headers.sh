#!/bin/sh
# check_headers.sh INCLUDE_DIR CC CXX: every public header compiles alone, as strict C11 and
# as C++17.
set -eu
include=$1 cc=$2 cxx=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror'
failed=0

alone() { # HEADER SUFFIX COMPILER...
  header=$1 suffix=$2
  shift 2
  # Twice, so that a missing include guard shows.
  printf '#include <%s>\n#include <%s>\nextern int eddy_unit;\n' "$header" "$header" \
    >"$work/unit.$suffix"
  # shellcheck disable=SC2086
  if ! "$@" $warnings -fsyntax-only -I "$include" "$work/unit.$suffix" >"$work/log" 2>&1; then
    echo "$header does not compile alone with: $*"
    cat "$work/log"
    failed=1
  fi
}

cd "$include"
for header in $(find . -name '*.h' | LC_ALL=C sort); do
  header=${header#./}
  alone "$header" c "$cc" -std=c11 -Wstrict-prototypes
  case $cxx in
  '' | *NOTFOUND) ;;
  *) alone "$header" cpp "$cxx" -std=c++17 ;;
  esac
done
[ $failed = 0 ] || exit 1
case $cxx in
'' | *NOTFOUND)
  echo "No C++ compiler here: the headers were compiled as C only."
  exit 77
  ;;
esac
