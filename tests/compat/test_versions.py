"""The canaries and a small sweep on the oldest version of each library that pyproject.toml allows,
and on the next one of Hydra."""

import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
SMALL = ("dataset=wine", "trainer=smoke")
SWEEP = ("-m", *SMALL, "model=mlp_small,gradient_boosting", "seed=1,2")
STACK = ("-m", *SMALL, "model=mlp_small", "seed=3,4", "hydra/launcher=vectorized")
STOPPED = (*SMALL, "model=mlp_small", "regularization=[early_stopping,ema]", "study=stopped")
PROCESSES = (*SMALL, "model=mlp_small", "trainer.accelerator=cpu", "trainer.devices=2")
SEARCH = (
    *("-m", *SMALL, "model=mlp_small", "hydra/sweeper=search", "hydra.sweeper.n_trials=2"),
    "optimizer.lr=interval(0.001,0.1)",
)


@dataclass(frozen=True)
class Trial:
    """A library on a version of its own: its canaries, and commands after `lepton train`."""

    requirement: str  # the version is the oldest that pyproject.toml allows, where none is given
    canaries: str
    commands: tuple[tuple[str, ...], ...] = ()
    runs: int = 0
    dependencies: bool = False  # it needs others in other versions than are there

    def __str__(self) -> str:
        return self.requirement


TRIALS = (
    Trial("hydra-core", "hydra", (SWEEP, STACK), 6),
    Trial("hydra-core>=1.4.0.dev0,<1.5", "hydra", (SWEEP, STACK), 6, dependencies=True),
    Trial(
        "pytorch-lightning",
        "lightning",
        (
            *(SWEEP, STACK, STOPPED),
            (*PROCESSES, "trainer.strategy=ddp", "study=ddp"),
            (*PROCESSES, "trainer.strategy=fsdp", "optimizer.fused=false", "study=fsdp"),
        ),
        9,
    ),
    Trial("torchmetrics", "torchmetrics", (SWEEP,), 4),
    Trial("scikit-learn", "sklearn", (SWEEP,), 4),
    Trial("optuna", "optuna", (SEARCH,), 2),
    Trial("transformers", "transformers", dependencies=True),
    Trial("imbalanced-learn", "imblearn"),
)


def pinned(requirement: str) -> str:
    """The requirement, or the oldest version of it that pyproject.toml allows."""
    if Requirement(requirement).specifier:
        return requirement
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for text in (text for group in groups for text in group):
        allowed = Requirement(text)
        if allowed.name == requirement:
            return f"{requirement}=={lower_bound(allowed)}"
    raise LookupError(f"{requirement}: not in pyproject.toml")


def lower_bound(requirement: Requirement) -> str:
    [bound] = [s.version for s in requirement.specifier if s.operator == ">="]
    return bound


@pytest.fixture(params=TRIALS, ids=str)
def trial(request, tmp_path):
    """A trial, and a way to run Python on its versions."""
    trial, folder = request.param, tmp_path / "versions"
    requirement = pinned(trial.requirement)
    no_dependencies, pre = (
        [] if trial.dependencies else ["--no-deps"],
        ["--pre"] * ("dev" in requirement),
    )
    pip = [sys.executable, "-m", "pip", "install", "-q", "--retries=1", "--target", str(folder)]
    process = subprocess.run(
        [*pip, *no_dependencies, *pre, requirement], cwd="/", capture_output=True, text=True
    )
    if process.returncode:
        pytest.skip(
            f"{requirement} cannot be installed here: {process.stderr.strip().splitlines()[-1]}"
        )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "OMP_NUM_THREADS": "1",
    }

    def python(*arguments, cwd):
        process = subprocess.run(
            [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True
        )
        assert process.returncode == 0, (
            f"{requirement}: {process.stdout[-3000:]}{process.stderr[-3000:]}"
        )
        return process.stdout

    name = Requirement(requirement).name
    code = f"from importlib.metadata import version; print(version({name!r}))"
    version = Version(python("-c", code, cwd="/").strip())
    assert Requirement(requirement).specifier.contains(version, prereleases=True), version
    return trial, python


def test_canaries_and_a_small_sweep_pass(trial, tmp_path):
    chosen, python = trial
    options = ("-q", "-p", "no:cacheprovider", "-m", "slow or not slow")
    python("-m", "pytest", *options, f"tests/compat/test_{chosen.canaries}.py", cwd=ROOT)
    for arguments in chosen.commands:
        python("-m", "lepton", "train", *arguments, cwd=tmp_path)
    assert len(list(tmp_path.glob("runs/*/*/result.json"))) == chosen.runs


def test_every_library_with_canaries_is_tried():
    canaries = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    others = {
        "versions",
        "ipython",
        "torch",
        "multiprocessing",
        "quiet_fork_server",
        "optional",
        "reaches",
        "rich",
        "mlflow",
        "pandas",
        "skops",
    }  # of one version here; scripts/check_versions.sh has the oldest of pandas and skops
    assert canaries - others == {trial.canaries for trial in TRIALS}
