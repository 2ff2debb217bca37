#!/usr/bin/env bash
# Runs the test suite in .venv, made if missing; arguments go to pytest (-m slow: those that the default suite has no time for).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
SCRIPT=scripts/test.sh bash scripts/install.sh dev
export OMP_NUM_THREADS=1         # several tests run at once, one a core
unset PYTHONDONTWRITEBYTECODE    # commands in processes of their own start from what is compiled
exec .venv/bin/python -m pytest -n auto --maxprocesses 4 --dist worksteal "$@"
