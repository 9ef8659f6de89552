#!/usr/bin/env bash
# All tests, none skipped. Arguments go to pytest; without any, two lanes run side by side: what
# waits for real calls and browsers, and what computes. Each lane alone leaves a core idle.
set -uo pipefail
cd "$(dirname "$0")/.."
export QT_QPA_PLATFORM=offscreen PYTHONDONTWRITEBYTECODE=1
pytest=(.venv/bin/python -m pytest -q --durations=8)
if (($#)); then exec "${pytest[@]}" -p no:cacheprovider "$@"; fi

live=(tests/end_to_end tests/page tests/media/calls tests/media/process tests/devices)
rest=()
for place in tests/* tests/media/*; do
  [[ -d $place || $place == tests/test_*.py ]] || continue
  case $place in
    tests/media | tests/vectors | */__pycache__) continue ;;
  esac
  [[ " ${live[*]} " == *" $place "* ]] || rest+=("$place")
done
mkdir -p build
rm -rf build/failed-live build/failed-rest
lane() { # name, places
  "${pytest[@]}" -o cache_dir="build/failed-$1" --basetemp="build/tests-$1" "${@:2}"
}
lane live "${live[@]}" >build/tests-live.log 2>&1 &
live_pid=$!
lane rest "${rest[@]}" 2>&1 | tee build/tests-rest.log
rest_code=${PIPESTATUS[0]}
echo "tests: waiting for the lane with calls and browsers (build/tests-live.log)"
wait "$live_pid"
live_code=$?
cat build/tests-live.log
if grep -hE '^[0-9]+ (passed|failed).* skipped|[0-9]+ skipped' build/tests-*.log; then
  echo "tests: a test was skipped; none may be"
  exit 1
fi

# Many tests hold real calls, which two lanes on a small shared machine disturb. A few that failed are
# run once more with nothing beside them, said aloud; more than a few are no chance.
MOST_AGAIN=6
again() { # lane, its exit code
  (($2 == 0)) && return 0
  (($2 == 1)) || return "$2"
  local failed
  failed=$(.venv/bin/python -c 'import json, sys; print(len(json.load(open(sys.argv[1]))))' \
    "build/failed-$1/v/cache/lastfailed") || return 1
  echo "tests: $failed failed in the lane \"$1\""
  ((failed <= MOST_AGAIN)) || return 1
  echo "tests: the same once more, alone"
  "${pytest[@]}" -o cache_dir="build/failed-$1" --basetemp="build/tests-$1" --last-failed
}
again live "$live_code" && again rest "$rest_code"
