#!/bin/sh
# check_pool.sh POOL PYTHON: the pool of child processes of the examples, and children of all
# kinds.
set -u
. "$(dirname "$0")/service.sh"
program=$1
python=$2
services=$(cd "$(dirname "$0")/services" && pwd)

run() { # CODE OPTION ...: the commands are in $scratch/commands
  expected=$1
  shift
  "$program" "$@" <"$scratch/commands" >"$scratch/output" 2>"$scratch/errors"
  code=$?
  [ $code -eq "$expected" ] || fail "pool $*: exit code $code"
}

says() { # TEXT
  grep -q -e "$1" "$scratch/errors" || fail "the pool does not say '$1'"
}

prints() { # TEXT ...: those lines and no others
  printf '%s\n' "$@" | cmp - "$scratch/output" || fail "the output is another one"
}

ended() { # FILE: the processes whose numbers stand there have ended
  for pid in $(cat "$scratch/$1"); do
    tries=0
    while kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$pid/status"; do
      tries=$((tries + 1))
      [ $tries -lt 100 ] || fail "process $pid is left of $1"
      sleep 0.1
    done
  done
}

# ---- many: all run, never more than allowed, in order --------------------------------------

mkdir "$scratch/now"
i=0
while [ $i -lt 200 ]; do
  i=$((i + 1))
  echo "touch $scratch/now/$i; ls $scratch/now | wc -l >>$scratch/together
    " | tr -d '\n'
  echo "; echo $i; echo $i >&2; rm $scratch/now/$i"
done >"$scratch/commands"
run 0 --jobs 5
i=0
while [ $i -lt 200 ]; do
  i=$((i + 1))
  echo $i
  echo $i
done | cmp - "$scratch/output" || fail "the output is not in order"
says '^pool: 200 commands: 200 well, 0 failed, 0 killed, 0 too slow, 0 not run$'
most=$(sort -n "$scratch/together" | tail -n 1)
[ "$most" -le 5 ] && [ "$most" -ge 2 ] || fail "$most ran at a time, not 5"

# ---- those that fail, are killed, or do not end --------------------------------------------

cat >"$scratch/commands" <<END
sleep 0.5; echo slow but well
echo "to stderr" >&2; exit 7

kill -USR1 \$\$
no-such-command-here
trap '' TERM; echo \$\$ >>$scratch/deaf; sleep 1000 & echo \$! >>$scratch/deaf; while :; do wait; done
trap 'echo good; exit 3' TERM; echo \$\$ >>$scratch/polite; while :; do sleep 0.1; done
cat
END
run 1 --timeout 5
grep -v 'no-such\|^Terminated' "$scratch/output" >"$scratch/rest"
mv "$scratch/rest" "$scratch/output"
prints 'slow but well' 'to stderr' good
says '^pool: 2: exit code 7: echo "to stderr"'
says '^pool: 3: signal [0-9]*: kill'
says '^pool: 4: exit code 127: no-such'
says '^pool: 5: took longer than 5 s: trap'
says '^pool: 6: took longer than 5 s: trap'
says '^pool: 7 commands: 2 well, 2 failed, 1 killed, 2 too slow, 0 not run$'
ended deaf
ended polite

# ---- floods: little of them is kept --------------------------------------------------------

cat >"$scratch/commands" <<END
head -c 100000000 /dev/zero | tr '\\0' x
sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/\$PPID/status >$scratch/peak; echo short
END
run 0 --jobs 1 --output 1000
prints "$(head -c 1000 /dev/zero | tr '\0' x)short"
says '^pool: 1: 99999000 bytes of output dropped'
[ ! -s "$scratch/peak" ] || [ "$(cat "$scratch/peak")" -lt 60000 ] || fail "floods take memory"
echo 'yes; echo never' >"$scratch/commands"
run 1 --timeout 3 --output 1000
[ "$(uniq "$scratch/output")" = y ] || fail "the flood is another one"
[ "$(wc -c <"$scratch/output")" -eq 1000 ] || fail "more was kept than the bound"
says '^pool: 1: [0-9]* bytes of output dropped: yes'
says '^pool: 1 commands: 0 well, 0 failed, 0 killed, 1 too slow, 0 not run$'

# ---- what children leave behind ------------------------------------------------------------

cat >"$scratch/commands" <<END
sleep 1000 & echo \$! >>$scratch/left; echo one
(trap '' TERM HUP; sleep 1000 & echo \$! >>$scratch/left; wait) & echo two
$python $services/escape.py $scratch/escaped & until [ -s $scratch/escaped ]; do sleep 0.1; done; echo three
END
run 0 --timeout 30
prints one two three
ended left
kill "$(cat "$scratch/escaped")" || fail "one that had left its session was waited for"

# ---- the end of one under way --------------------------------------------------------------

for signal in INT TERM; do
  cat >"$scratch/commands" <<END
echo first
trap '' INT TERM; echo \$\$ >>$scratch/busy.$signal; sleep 1000 & echo \$! >>$scratch/busy.$signal; wait; sleep 1000
echo \$\$ >>$scratch/busy.$signal; yes
END
  start pool sh -c "exec '$program' --jobs 2 <'$scratch/commands'"
  await_text pool first
  tries=0
  until [ "$(cat "$scratch/busy.$signal" 2>/dev/null | wc -l)" -eq 3 ]; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || fail "the commands do not run"
    sleep 0.1
  done
  stop $started 1 $signal
  grep -q '^pool: 3 commands: 1 well, .* 2 not run$' "$scratch/pool.err" || fail "no summary"
  ended busy.$signal
done

# ---- nothing to do, and bad options --------------------------------------------------------

: >"$scratch/commands"
run 0
says '^pool: 0 commands: 0 well'
refuse 2 'not a value' "$program" --jobs 0
refuse 2 'not a value' "$program" --timeout soon
refuse 2 'missing' "$program" --output
refuse 2 'unknown option' "$program" --colour red

echo "pool: ok on ${EDDY_BACKEND:-the default backend}"
