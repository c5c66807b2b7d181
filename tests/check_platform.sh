#!/bin/sh
# check_platform.sh SOURCE_DIR: the code asks for the platform in a few places only.
set -eu
cd "$1"

names='_WIN32|_WIN64|__MINGW|__CYGWIN__|_MSC_VER|__linux|__ANDROID__|__APPLE__|__MACH__'
names="$names|__FreeBSD|__OpenBSD|__NetBSD|__DragonFly|__unix|__sun|__GLIBC__|__BIONIC__"
names="$names|__x86_64|__i386|__aarch64|__arm|__riscv|__powerpc|__s390"

found=$(grep -rnE "^[[:space:]]*#[[:space:]]*(el)?if.*($names)" --include='*.[chS]' lib include |
  grep -vE '^(lib/ctx/|lib/backend/|lib/base/clock\.c:|include/eddy/(api|error)\.h:)' || true)
if [ -n "$found" ]; then
  echo "The platform decides only in lib/ctx, lib/backend, lib/base/clock.c, eddy/api.h and"
  echo "eddy/error.h; elsewhere choose a file, not a branch:"
  echo "$found"
  exit 1
fi
