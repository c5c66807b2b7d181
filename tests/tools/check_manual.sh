#!/bin/sh
# check_manual.sh EDDY MANUAL: the manual page names every command, every option that the commands
# tell of and every variable that the library reads, and can be set without a complaint.
set -eu
eddy=$1 manual=$2 source=$(dirname "$2")/..
failed=0

missing() {
  echo "$manual does not tell of $1"
  failed=1
}

has() {
  # Options of one letter may stand together: Fl aq.
  awk -v want="$1" '$0 ~ want { found = 1 } END { exit !found }' "$manual"
}

commands=$("$eddy" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
[ -n "$commands" ] || { echo "eddy --help names no commands"; exit 1; }
for command in $commands; do
  has "^[.]It Cm $command\$" || missing "eddy $command"
  for option in $("$eddy" "$command" --help 2>&1 | sed -n 's/^  -\([a-zA-Z]\)[ ,].*/\1/p'); do
    awk -v section="$command" -v want="^[.]It Fl $option( |\$)" '
      /^[.]It Cm / { inside = $3 == section }
      /^[.]Sh / { inside = 0 }
      inside && $0 ~ want { found = 1 }
      END { exit !found }' "$manual" || missing "eddy $command -$option"
  done
done
variables=$(grep -rhoE 'getenv\("EDDY_[A-Z_]+"\)' --include='*.c' "$source" |
  grep -oE 'EDDY_[A-Z_]+' | sort -u)
[ -n "$variables" ] || { echo "no variables found in $source"; exit 1; }
for variable in $variables; do
  has "^[.]It Ev $variable\$" || missing "$variable"
done
if command -v groff >/dev/null && groff -mdoc -Tascii /dev/null >/dev/null 2>&1; then
  complaints=$(groff -mdoc -ww -Tascii "$manual" 2>&1 >/dev/null)
  [ -z "$complaints" ] || { echo "$complaints"; failed=1; }
fi
exit $failed
