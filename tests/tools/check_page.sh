#!/bin/sh
# check_page.sh EDDY BROWSER PAGE_TEST: the report in a browser without a screen: no script fails,
# every panel has something in it, keys and buttons do what they say (PAGE_TEST, a script that is
# run in the page and says so), and the browser can make a picture of it.
set -eu
eddy=$1 browser=$2 script=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
  echo "$1"
  cat ./*.txt 2>/dev/null | tail -n 40
  exit 1
}

# As root a browser does not start with its sandbox; what it opens is our own file.
sandbox=
[ "$(id -u)" -ne 0 ] || sandbox=--no-sandbox
look() { # FILE OPTIONS...: what the browser says of it goes to seen.txt and log.txt
  file=$1
  shift
  timeout 100 "$browser" --headless --disable-gpu --hide-scrollbars $sandbox --enable-logging=stderr \
    --user-data-dir="$work/profile" --window-size=1280,2000 "$@" "file://$work/$file" >seen.txt 2>log.txt ||
    fail "the browser has failed"
  if grep CONSOLE log.txt; then
    rm seen.txt log.txt
    fail "a script of the page complains"
  fi
}
in_page() { # FILE: the report with the script behind it
  { sed '/^<\/body>/,$d' "$1"
    echo '<script>'
    cat "$script"
    echo '</script></body></html>'; } >tested.html
  look tested.html --dump-dom
  if ! grep -q 'id="tested">all is as it should be<' seen.txt; then
    sed -n 's/.*id="tested">\([^<]*\)<.*/\1/p' seen.txt >why.txt
    rm seen.txt log.txt
    fail "$1 is not as it should be"
  fi
}

"$eddy" compare -b native/virtual,native/uv -r 2 -s 1 -o report.html >compare.txt 2>&1 || fail "eddy compare has failed"
in_page report.html

# One that is thinned, of two traces that differ; and one of next to nothing.
EDDY_BACKEND=native/virtual EDDY_TRACE=a.trace "$eddy" workload sleep 9000 >/dev/null || fail "a trace"
EDDY_BACKEND=uv/uv EDDY_TRACE=b.trace "$eddy" workload sleep 9000 >/dev/null || fail "a trace"
"$eddy" diff -q -o long.html a.trace b.trace >diff.txt || [ $? = 1 ] || fail "eddy diff has failed"
in_page long.html
EDDY_BACKEND=native/uv EDDY_TRACE=c.trace "$eddy" workload ties 1 >/dev/null || fail "a trace"
"$eddy" diff -q -o short.html c.trace c.trace >diff.txt || fail "a trace is not the same as itself"
in_page short.html

for theme in 1 0; do
  rm -f picture.png
  look report.html --screenshot="$work/picture.png" --blink-settings=preferredColorScheme=$theme
  [ "$(wc -c <picture.png)" -gt 50000 ] || fail "there is next to nothing in the picture"
done
