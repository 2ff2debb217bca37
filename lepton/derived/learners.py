"""Runs that hold a model of their own, as trained ones do: scored and saved in the same way."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from omegaconf import OmegaConf

from lepton.config.check import check
from lepton.config.validation import is_inside
from lepton.dataset.data import Data
from lepton.dataset.inputs.find import kinds_in
from lepton.derived.derivation import MadeRun
from lepton.derived.inputs import InputRun
from lepton.errors import LeptonError
from lepton.run import read_data, save_data_description
from lepton.spec import DataSpec
from lepton.storage.predictions import same_target
from lepton.training.evaluation import evaluate
from lepton.training.learner import Learner


def input_data(run: InputRun) -> Data:
    """The data that a run was trained on, read again, of which its network knows no held out row.

    Raises: LeptonError when they are no longer what they were, or validation was inside of them.
    """
    refuse_validation_inside(run)
    data = read_data(check(OmegaConf.create(run.config)))
    refuse_changed_data(run, data)
    return data


def refuse_validation_inside(run: InputRun) -> None:
    """Raises: LeptonError for a run whose network was trained on its validation rows."""
    if is_inside(run.config):
        raise LeptonError(
            f"{run.folder}: dataset.validation=inside leaves no validation rows that its network "
            "was not trained on; take runs with dataset.validation=outside"
        )


def made_of_learner(
    learner: Learner, data: Data, inputs: Sequence[InputRun], unfinished: Path
) -> MadeRun:
    """A run that holds this model: saves it, and scores it on the splits of the data."""
    learner.save(unfinished)
    save_data_description(data, unfinished)
    predictions, metrics = evaluate(learner, data)
    return MadeRun(
        inputs=inputs,
        config=inputs[0].config,
        task=learner.task,
        predictions=predictions,
        metrics=metrics,
        sizes=learner.sizes(),
    )


def refuse_changed_data(run: InputRun, data: Data) -> None:
    """Raises: LeptonError when the data, read again, are not those that a run was trained on."""
    with TemporaryDirectory() as saved:
        data.save(Path(saved))
        files = input_files(data.spec)
        same = all(have_same_file(Path(saved), run.folder, file) for file in files)
    for name, split in run.splits.items():
        rows = data.splits[name]
        order = rows["id"].argsort()
        same &= rows["id"][order].equal(split.ids) and same_target(
            rows["target"][order], split.target
        )
    if not same:
        raise LeptonError(f"{run.folder}: its data are no longer what it was trained on")


def input_files(spec: DataSpec) -> dict[str, str]:
    """The files of a run that say what inputs mean to its weights, and a word for each."""
    return {file: content for kind in kinds_in(spec) for file, content in kind.run_files.items()}


def have_same_file(first: Path, second: Path, name: str) -> bool:
    """True when two folders have a file of this content, or neither has it."""
    contents = [
        path.read_bytes() if path.is_file() else None for path in (first / name, second / name)
    ]
    return contents[0] == contents[1]
