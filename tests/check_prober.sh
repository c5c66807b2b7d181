#!/bin/sh
# check_prober.sh PROBER PYTHON: the port prober of the examples against ports of this check.
set -u
. "$(dirname "$0")/service.sh"
program=$1
python=$2
services=$(dirname "$0")/services

mkfifo "$scratch/end" # never written to: the ports stay while this script has it open
exec 3<>"$scratch/end"
start ports sh -c "exec '$python' '$services/ports.py' 40 <'$scratch/end'"
await_text ports '^ready'
ports() { # KIND
  sed -n "s/^$1 //p" "$scratch/ports"
}

prove() { # CODE OPTION ...: runs the prober
  expected=$1
  shift
  "$program" "$@" >"$scratch/found" 2>"$scratch/found.err"
  code=$?
  [ $code -eq "$expected" ] || fail "prober $*: exit code $code"
}

says() { # PATTERN
  grep -q -e "$1" "$scratch/found" || fail "the prober does not say '$1'"
}

# ---- what is found, and how many at a time -------------------------------------------------

prove 0 --timeout 20000 $(ports open) $(ports closed)
says '^10 of 10 ports in .*: 5 open, 5 closed, 0 silent, 0 failed; '
for port in $(ports open); do
  says "^open $port\$"
done
[ ! -s "$scratch/found.err" ] || fail "progress is shown where no terminal is"

before=$(date +%s)
prove 0 --host localhost --at-a-time 8 --timeout 1000 $(ports silent) $(ports open)
says ': 5 open, 0 closed, 40 silent, 0 failed; at most 8 at a time$'
[ $(($(date +%s) - before)) -ge 4 ] || fail "40 waits of 1 s, 8 at a time, take longer than that"

# A range that has them all; there may be other open ports in it.
first=$(for port in $(ports open); do echo "$port"; done | sort -n | head -n 1)
last=$(for port in $(ports open); do echo "$port"; done | sort -n | tail -n 1)
prove 0 --timeout 1000 --at-a-time 300 "$first-$last" "$first"
for port in $(ports open); do
  says "^open $port\$"
done
for port in $(ports closed); do
  ! grep -q "^open $port\$" "$scratch/found" || fail "port $port is not open"
done
says "^$((last - first + 1)) of $((last - first + 1)) ports"

# Fewer descriptors than it would like: it takes what there is.
(
  ulimit -n 64
  prove 0 --timeout 1000 --at-a-time 1000 $(ports silent) $(ports open)
) || exit 1
says ': 5 open, 0 closed, 40 silent, 0 failed; at most 32 at a time$'

# ---- the line of progress ------------------------------------------------------------------

prove 0 --progress --timeout 1500 $(ports silent)
tr '\r' '\n' <"$scratch/found.err" | grep -q '^0 of 40 ports, 0 open, 0 at the moment' ||
  fail "there is no line of progress"
tr '\r' '\n' <"$scratch/found.err" | grep -q ' 40 at the moment' || fail "nor does it go on"

"$python" -c 'import os, pty, sys
pty.spawn(sys.argv[1:], lambda fd: os.read(fd, 1024))' "$program" --timeout 300 $(ports silent) \
  </dev/null >"$scratch/terminal" || fail "in a terminal"
grep -q 'of 40 ports, 0 open' "$scratch/terminal" || fail "no progress is shown on a terminal"

# ---- the end of one under way --------------------------------------------------------------

for signal in INT TERM; do
  start stopped "$program" --timeout 600000 $(ports open) $(ports silent)
  for port in $(ports open); do
    await_text stopped "^open $port\$"
  done
  stop $started 1 $signal
  grep -q '^stopped: 5 of 45 ports' "$scratch/stopped" || fail "no summary after SIG$signal"
done

# ---- hosts that are none, and bad options --------------------------------------------------

refuse 1 'prober: .*no-such-host.invalid' "$program" --host no-such-host.invalid 1
refuse 1 'prober: ' "$program" --host "$(printf '%0300d' 0)" 1
refuse 2 'no ports' "$program"
for bad in 0 65536 1-65536 9-8 1- -1 x 1x 1-2-3; do
  refuse 2 'not ports' "$program" "$bad"
done
refuse 2 'not a number of ports' "$program" --at-a-time 0 1
refuse 2 'unknown option' "$program" --colour red 1

echo "prober: ok on ${EDDY_BACKEND:-the default backend}"
