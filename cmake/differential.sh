#!/bin/sh
# differential.sh [COUNT [SEED [KIND,...]]]: random scenarios on CPython's asyncio and on eddy,
# whose traces must be equal line by line; tests/differential/README.md says how. 20000 scenarios of
# all kinds of objects, from a seed of the second, if nothing is said. Needs a Python 3.13 or
# newer, found on the PATH or with pyenv.
set -eu
cd "$(dirname "$0")/.."
. cmake/stages.sh
count=${1:-20000}
seed=${2:-$(date +%s)}
stages_begin differential

is_new() { # PYTHON
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 13))' 2>/dev/null
}

find_python() {
  for python in python3.13 python3.14 python3.15 python3 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[3-9]*/bin/python; do
    if is_new "$python"; then
      echo "$python"
      return
    fi
  done
}

python=$(find_python)
if [ -z "$python" ]; then
  echo "There is no Python 3.13 or newer here; with pyenv: pyenv install 3.13"
  exit 1
fi

build_it() {
  cmake -S . -B build/differential -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DEDDY_TEST_RUNNER=plain -DEDDY_BUILD_EXAMPLES=OFF &&
    cmake --build build/differential -j "$(jobs)" --target eddy_differential
}

stage "tools" sh cmake/setup.sh build || exit 1
stage "build" build_it || exit 1
echo "$("$python" --version), seed $seed"
exec "$python" tests/differential/fresh.py \
  build/differential/tests/differential/eddy_differential "$count" "$seed" "$(jobs)" ${3:+"$3"}
