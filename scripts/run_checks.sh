#!/usr/bin/env bash
# Lint, types, layers, licences, secrets: every one of them, then the verdict.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=()
step() {
  local name=$1
  shift
  printf 'check: %-10s ' "$name"
  if output=$("$@" 2>&1); then echo ok; else
    echo FAILED
    echo "$output"
    failed+=("$name")
  fi
}
step format .venv/bin/ruff format --check --no-cache src tests benchmarks scripts
step lint .venv/bin/ruff check --no-cache src tests benchmarks scripts
step types .venv/bin/mypy --no-error-summary
step layers .venv/bin/lint-imports --no-cache
step licences .venv/bin/python scripts/check_licences.py
step secrets .venv/bin/python scripts/check_repository.py
if ((${#failed[@]})); then
  echo "check: failed: ${failed[*]}"
  exit 1
fi
