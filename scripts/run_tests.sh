#!/usr/bin/env bash
# All tests, none skipped. Arguments go to pytest; without any, two lanes run side by side: what
# waits for real calls and browsers, and what computes. Each lane alone leaves a core idle.
set -uo pipefail
cd "$(dirname "$0")/.."
export QT_QPA_PLATFORM=offscreen PYTHONDONTWRITEBYTECODE=1
pytest=(.venv/bin/python -m pytest -q -p no:cacheprovider --durations=8)
if (($#)); then exec "${pytest[@]}" "$@"; fi

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
"${pytest[@]}" --basetemp=build/tests-live "${live[@]}" >build/tests-live.log 2>&1 &
live_pid=$!
"${pytest[@]}" --basetemp=build/tests-rest "${rest[@]}" 2>&1 | tee build/tests-rest.log
rest_code=${PIPESTATUS[0]}
echo "tests: waiting for the lane with calls and browsers (build/tests-live.log)"
wait "$live_pid"
live_code=$?
cat build/tests-live.log
if grep -hE '^[0-9]+ (passed|failed).* skipped|[0-9]+ skipped' build/tests-*.log; then
  echo "tests: a test was skipped; none may be"
  exit 1
fi
((rest_code == 0 && live_code == 0))
