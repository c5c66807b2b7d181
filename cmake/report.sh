#!/bin/sh
# Builds the program eddy, lets it compare two schedulers, and has a browser without a screen
# take a picture of the report, light, dark and in a narrow window: build/report/report.html,
# light.png, dark.png, narrow.png.
#
#     sh cmake/report.sh [--no-install] [options of eddy compare, but for -o]
#
# On Debian and Ubuntu it installs what is missing, Chromium with it, as root or through sudo.
set -eu
cd "$(dirname "$0")/.."

install=yes
if [ "${1:-}" = --no-install ]; then
  install=no
  shift
fi

browser() {
  command -v chromium || command -v chromium-browser || command -v google-chrome
}

if [ $install = yes ]; then
  sh cmake/setup.sh build
  if ! browser >/dev/null; then
    if ! command -v apt-get >/dev/null; then
      echo "report: install Chromium, then run this again" >&2
      exit 2
    fi
    root=
    [ "$(id -u)" -eq 0 ] || root=sudo
    $root apt-get update -qq
    $root apt-get install -y -qq --no-install-recommends chromium >/dev/null
  fi
fi

out=$PWD/build/report
mkdir -p "$out"
if ! { cmake -S . -B "$out/tree" -G Ninja -DCMAKE_BUILD_TYPE=Release -DEDDY_BUILD_TESTS=OFF \
  -DEDDY_BUILD_EXAMPLES=OFF && cmake --build "$out/tree" --target eddy_tool; } >"$out/build.log" 2>&1; then
  tail -n 30 "$out/build.log"
  exit 1
fi
"$out/tree/bin/eddy" compare "$@" -o "$out/report.html"

# A browser does not start as root unless its sandbox is left out; what it opens is our own file.
sandbox=
[ "$(id -u)" -ne 0 ] || sandbox=--no-sandbox
picture() { # NAME WINDOW OPTIONS...
  name=$1 window=$2
  shift 2
  rm -f "$out/$name.png"
  timeout 120 "$(browser)" --headless --disable-gpu --hide-scrollbars $sandbox --enable-logging=stderr "$@" \
    --user-data-dir="$out/profile" --window-size="$window" --screenshot="$out/$name.png" \
    "file://$out/report.html" >"$out/browser.log" 2>&1 || true
  if [ ! -s "$out/$name.png" ]; then
    echo "report: the browser has made no picture ($out/browser.log)" >&2
    exit 1
  fi
  if grep CONSOLE "$out/browser.log" >&2; then
    echo "report: a script of the page complains" >&2
    exit 1
  fi
  echo "$out/$name.png"
}
echo "$out/report.html"
picture light 1280,4600
picture narrow 480,6400
picture dark 1280,4600 --force-dark-mode --blink-settings=preferredColorScheme=0
