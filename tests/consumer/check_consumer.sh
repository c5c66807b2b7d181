#!/bin/sh
# Uses the installed library as a stranger would.
#
#   check_consumer.sh install STAGE CMAKE BUILD_DIR
#       installs into STAGE/first and moves that to STAGE/second
#   check_consumer.sh pkgconfig|cmake STAGE shared|static SOURCE LIBDIR CC CMAKE GENERATOR VERSION TLS
#       builds and runs the program in SOURCE against STAGE/second
set -eu
way=$1 stage=$2
shift 2

if [ "$way" = install ]; then
  rm -rf "$stage"
  mkdir -p "$stage"
  "$1" --install "$2" --prefix "$stage/first"
  mv "$stage/first" "$stage/second"
  # Nothing installed may remember where it was built or first installed.
  for place in "$stage" "$2"; do
    if grep -rlF --include='*.cmake' --include='*.pc' --include='*.h' "$place" "$stage/second"; then
      echo "The files above name $place."
      exit 1
    fi
  done
  exit 0
fi

kind=$1 source=$2 libdir=$3 cc=$4 cmake=$5 generator=$6 version=$7 tls=$8
prefix=$stage/second
work=$stage/$way-$kind
rm -rf "$work"
mkdir -p "$work"

case $way in
pkgconfig)
  PKG_CONFIG_PATH=$prefix/$libdir/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
  export PKG_CONFIG_PATH
  [ "$(pkg-config --modversion eddy)" = "$version" ]
  module=eddy
  case $tls in
  ON | TRUE | 1) module=eddy-tls definition=-DCONSUMER_TLS ;;
  *) definition= ;;
  esac
  if [ "$kind" = shared ]; then
    flags=$(pkg-config --cflags --libs $module)
  else
    # With both kinds installed the linker would take the shared one.
    flags=$(pkg-config --static --cflags --libs $module |
      sed 's/-leddy-tls/-l:libeddy-tls.a/; s/-leddy/-l:libeddy.a/')
  fi
  # shellcheck disable=SC2086
  "$cc" -std=c11 -Wall -Werror "$source/consumer.c" -o "$work/consumer" $definition $flags
  ;;
cmake)
  "$cmake" -S "$source" -B "$work" -G "$generator" -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_PREFIX_PATH="$prefix" -DCONSUMER_KIND="$kind" -DCONSUMER_VERSION="$version" -DCONSUMER_TLS="$tls"
  "$cmake" --build "$work"
  ;;
esac

if [ "$kind" = shared ]; then
  LD_LIBRARY_PATH=$prefix/$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export LD_LIBRARY_PATH
fi
output=$("$work/consumer")
echo "$output"
[ "$output" = "eddy $version: 42" ]
