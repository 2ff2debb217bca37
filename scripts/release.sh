#!/usr/bin/env bash
# Builds the wheel and the sdist of a release in dist/, looks into them, and tries the wheel in a fresh environment of each Python
# at hand: a sweep, a frame in memory, a new project's tests, and tests of the checkout. Says which Pythons were not there. Uploads nothing.
#   bash scripts/release.sh          PYTHONS="python3.12 /opt/python3.13/bin/python" bash scripts/release.sh    # these alone
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore OMP_NUM_THREADS=1
python=${PYTHON:-.venv/bin/python}

[[ -z $(git status --porcelain) ]] || { echo "release: uncommitted changes" >&2; exit 1; }
version=$("$python" -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')
grep -qE "^## ($version|Unreleased)" CHANGELOG.md || { echo "release: CHANGELOG.md has no $version" >&2; exit 1; }

rm -rf dist
"$python" -m build --no-isolation --outdir dist . >/dev/null
"$python" scripts/release_contents.py dist "$version"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/twine"
"$work/twine/bin/python" -m pip install --quiet twine
"$work/twine/bin/python" -m twine check --strict dist/*

tried=() untried=()
for minor in 11 12 13; do
    found=
    for candidate in ${PYTHONS:-"python3.$minor" "$HOME"/.pyenv/versions/3."$minor".*/bin/python}; do
        if "$candidate" -c "import ensurepip, sys; sys.exit(sys.version_info[:2] != (3, $minor))" 2>/dev/null; then
            found=$candidate
            break
        fi
    done
    if [[ $found ]]; then
        bash scripts/release_try.sh "$found" dist/*.whl "$work/3.$minor"
        tried+=("$("$found" --version)")
        rm -rf "${work:?}/3.$minor"
    else
        untried+=("3.$minor")
    fi
done
echo "tried: ${tried[*]:-none}"
echo "untried: ${untried[*]:-none}"
