#!/usr/bin/env bash
# Pins requirements/dev.txt, each function's requirements.txt to the same versions, and the scanners apart from them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
compile="${UV:-.venv/bin/uv} pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11"
$compile requirements/dev.in -o requirements/dev.txt "$@"
$compile requirements/scan.in -o requirements/scan.txt "$@"
for folder in functions/*/; do
  $compile "${folder}requirements.in" -c requirements/dev.txt -o "${folder}requirements.txt"
done
