#!/bin/sh
# check_rooms.sh SOURCE_DIR: each room of lib/ includes only downhill, a file's own header
# comes first, and public headers need nothing but each other and standard C.
set -eu
cd "$1"
status=0

find lib -name '*.[chS]' | LC_ALL=C sort | xargs awk '
  BEGIN {
    below["base"] = ""
    below["ctx"] = "base"
    below["coro"] = "base ctx"
    below["loop"] = "base"
    below["backend"] = "base"
    below["task"] = "base ctx coro loop"
    below["sync"] = below["task"] " task"
    below["io"] = below["sync"] " sync"
    below["inspect"] = below["io"] " io"
    below["run"] = below["inspect"] " inspect"
    below["tools"] = ""
    below["tls"] = "" # a library of its own, on the public headers
    extra["lib/backend/registry.c"] = "loop/loop.h" # the look-up is declared there
    backend_header = " loop backend task sync io inspect run "
  }
  function complain(text) {
    print FILENAME ":" FNR ": " text
    bad = 1
  }
  FNR == 1 {
    split(FILENAME, part, "/")
    room = part[2]
    included = 0
    own = FILENAME
    sub(/^lib\//, "", own)
    if (!sub(/\.c$/, ".h", own) || (getline line < ("lib/" own)) < 0) own = ""
    else close("lib/" own)
    if (!(room in below)) complain("there is no room " room)
  }
  /^[ \t]*#[ \t]*include/ {
    name = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
    quote = substr(name, 1, 1)
    sub(/^./, "", name)
    sub(/[">].*/, "", name)
    if (!included++ && own != "" && name != own)
      complain("the first include is not \"" own "\"")
    if (quote == "<") {
      if (name == "eddy/backend.h" && index(backend_header, " " room " ") == 0)
        complain("room " room " may not include <eddy/backend.h>")
      next
    }
    if (split(name, target, "/") != 2) {
      complain("\"" name "\" is not written as \"room/file.h\"")
      next
    }
    if (target[1] == room || extra[FILENAME] == name) next
    if (index(" " below[room] " ", " " target[1] " ") == 0)
      complain("room " room " may not include \"" name "\"")
  }
  END { exit bad }
' || status=1

find include -name '*.h' | LC_ALL=C sort | xargs awk '
  BEGIN {
    split("errno stdarg stdatomic stdbool stddef stdint stdio", names, " ")
    for (i in names) standard[names[i] ".h"] = 1
  }
  /^[ \t]*#[ \t]*include/ {
    if ($0 ~ /<eddy\/[a-z_]+\.h>/) next
    name = $0
    sub(/.*[<"]/, "", name)
    sub(/[">].*/, "", name)
    if (name in standard) next
    print FILENAME ":" FNR ": a public header may not include " name
    bad = 1
  }
  END { exit bad }
' || status=1
exit $status
