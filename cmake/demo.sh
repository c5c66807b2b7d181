#!/bin/sh
# demo.sh [ARGUMENT ...]: builds eddy and shows its main job: one echo service on two
# schedulers, under real connections. Arguments go to the demo program (examples/demo.c).
#
# It installs what is missing first (setup.sh).
set -eu
cd "$(dirname "$0")/.."
. cmake/stages.sh
stages_begin demo

build_demo() {
  cmake -S . -B build/demo -G Ninja -DCMAKE_BUILD_TYPE=Release -DEDDY_BUILD_TESTS=OFF &&
    cmake --build build/demo -j "$(jobs)"
}

stage "tools" sh cmake/setup.sh build || exit 1
stage "build" build_demo || exit 1
exec build/demo/examples/eddy_demo "$@"
