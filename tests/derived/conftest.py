"""Two commands that come from a project of the user's: lepton average and lepton sharpen."""

import re
import sys
from pathlib import Path

import pytest
from sklearn.datasets import load_breast_cancer

DOCS = (Path(__file__).parents[2] / "docs" / "own_options.md").read_text()
DOCUMENTED = dict(re.findall(r"```\w+ ([\w/.]+)\n(.*?)```", DOCS, flags=re.DOTALL))
FILES = {
    "conf/average.yaml": DOCUMENTED["conf/average.yaml"],
    "averaging.py": DOCUMENTED["averaging.py"],
    "conf/sharpen.yaml": """\
# lepton sharpen: a run whose probabilities are surer.
defaults:
  - _self_
  - sharpen@curve: power   # how they become surer
_target_: sharpening.Sharpen
tries: 5       # powers that are tried
seed: 0        # draws nothing yet
trap: null     # the try at which the process dies
runs: ???      # the run
study: null    # where it goes
rerun: false   # true: make it again
""",
    "conf/sharpen/power.yaml": """\
# Odds raised to a power.
_target_: sharpening.Power
largest: 3.0   # the largest power that is tried
""",
    "sharpening.py": (Path(__file__).parent / "sharpening.py").read_text(),
}


def breast_cancer_rows(numbers):
    """Rows of dataset=breast_cancer as it reads them."""
    frame = load_breast_cancer(as_frame=True).data
    return frame.rename(columns=lambda name: name.replace(" ", "_")).iloc[numbers]


@pytest.fixture
def project(here, monkeypatch):
    """A working directory with the files of both commands, which nothing has been allowed yet."""
    for name, text in FILES.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text)
    for name in ("averaging", "sharpening"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(here))
    return here
