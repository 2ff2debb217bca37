#!/usr/bin/env bash
# Tries a wheel in a fresh environment of one Python, away from the checkout; scripts/release.sh calls it.
#   bash scripts/release_try.sh PYTHON WHEEL FOLDER
set -euo pipefail
python=$1 wheel=$(realpath "$2") folder=$3 checkout=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
echo "== $("$python" --version)"

"$python" -m venv "$folder/venv"
bin=$folder/venv/bin
torch=$(grep '^torch==' "$checkout/scripts/constraints.txt")
"$bin/python" -m pip install --quiet "$torch" # alone and first: where pip offers a CPU build, it is taken
"$bin/python" -m pip install --quiet -c "$checkout/scripts/constraints.txt" "$wheel" pytest pytest-xdist pillow
"$bin/python" -m pip check
cd "$folder"
unset PYTHONPATH
"$bin/python" -c 'import lepton; print(lepton.__file__)' | grep -q "$folder/venv/" # none of a checkout

"$bin/lepton" list model >/dev/null
"$bin/lepton" train -m dataset=wine model=linear,mlp_small seed=0,1 trainer.max_epochs=2 study=released 2>/dev/null | grep "4 finished"
"$bin/python" - <<'CODE'
import lepton
from sklearn.datasets import load_wine
frame = load_wine(as_frame=True).frame
result = lepton.fit(frame, "model=linear", "trainer.max_epochs=2", "study=memory", target="target")
assert len(lepton.load_model(result.folder).predict(frame[:5])) == 5
CODE
"$bin/lepton" new project released >/dev/null
(cd released && "$bin/python" -m pytest -q -p no:cacheprovider 2>&1 | tail -n 1)

# tests of the checkout on the installed package, in a folder without lepton/
mkdir away
cp -r "$checkout/tests" "$checkout/scripts" "$checkout/pyproject.toml" away/
(cd away && "$bin/python" -m pytest -q -p no:cacheprovider -o 'addopts=--import-mode=importlib -m "not slow and not campaign"' \
    tests/stats tests/storage tests/regularization tests/test_predict.py | tail -n 3)
