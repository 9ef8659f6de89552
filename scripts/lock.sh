#!/usr/bin/env bash
# Renews the lock files: exact versions with hashes, and no address of any package index.
set -euo pipefail
cd "$(dirname "$0")/../requirements"
compile() {
  ../.venv/bin/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host \
    --no-emit-find-links --strip-extras --allow-unsafe --no-header "$@"
}
echo "lock: all.txt (some minutes)"
compile --output-file all.txt "${LOCK_ARGS[@]:---upgrade}" all.in
for part in run server server-postgresql bench; do
  echo "lock: $part.txt"
  # Constrained by all.txt, so that what is deployed is what was tested.
  sed 's/ --hash=.*//; /^    --hash/d; s/ \\$//' all.txt >.constraints.txt
  compile --constraint .constraints.txt --output-file "$part.txt" "$part.in"
done
rm -f .constraints.txt
if grep -nE '://|^--(index|extra|find)' ./*.txt; then
  echo "lock: an address slipped into a lock file" >&2
  exit 1
fi
