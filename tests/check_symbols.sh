#!/bin/sh
# check_symbols.sh NM LIBRARY INCLUDE_DIR [HEADER]: the shared library exports exactly what the
# public headers declare with EDDY_API: HEADER, or those that are no library's of their own.
set -eu
nm=$1 library=$2 include=$3 header=${4:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$nm" -D --defined-only "$library" | awk '{ sub(/@.*/, "", $NF); print $NF }' |
  grep -vx 'EDDY_[0-9.]*' | LC_ALL=C sort -u >"$work/exported"

# The word before the first parenthesis behind EDDY_API.
headers() {
  if [ -n "$header" ]; then
    cat "$include/eddy/$header"
  else
    find "$include" -name '*.h' ! -name api.h ! -name tls.h -exec cat {} +
  fi
}
headers | tr '\n' ' ' | tr ';{}' '\n\n\n' |
  sed -n 's/.*EDDY_API[^(]*[ *]\(eddy_[a-z0-9_]*\)(.*/\1/p' | LC_ALL=C sort -u >"$work/declared"

failed=0
LC_ALL=C comm -23 "$work/exported" "$work/declared" >"$work/extra"
LC_ALL=C comm -13 "$work/exported" "$work/declared" >"$work/missing"
if [ -s "$work/extra" ]; then
  echo "Exported, but no public header declares it with EDDY_API:"
  sed 's/^/  /' "$work/extra"
  failed=1
fi
if [ -s "$work/missing" ]; then
  echo "Declared with EDDY_API, but not exported:"
  sed 's/^/  /' "$work/missing"
  failed=1
fi
if grep '^eddy__' "$work/exported"; then
  echo "The names above are the library's own and must not be exported."
  failed=1
fi
[ -s "$work/declared" ] || { echo "no declarations found in $include"; failed=1; }
exit $failed
