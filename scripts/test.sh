#!/usr/bin/env bash
# Runs the test suite in .venv, made if missing; arguments go to pytest (-m slow: the tests that take minutes).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
SCRIPT=scripts/test.sh bash scripts/install.sh dev
export OMP_NUM_THREADS=1 # several tests run at once, one a core
exec .venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile "$@"
