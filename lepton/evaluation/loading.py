"""Loads finished runs to evaluate them on their test split, each part when it is asked for."""

from functools import partial
from pathlib import Path

from lepton import build
from lepton.dataset.data import Rows
from lepton.dataset.inputs.kind import InputKind
from lepton.dataset.inputs.presence import load_inputs
from lepton.errors import explain_read_errors
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.kept_rule import read_rule
from lepton.evaluation.sample_inputs import read_sample_inputs, trained_run, unchanged_config
from lepton.pretrained.weight_files import own_model_files
from lepton.spec import DataSpec
from lepton.storage.derived_record import read_record
from lepton.storage.evaluations import EVALUATED_SPLIT
from lepton.storage.predictions import (
    CHOOSING_SPLIT,
    SplitPredictions,
    predictions_file,
    read_predictions,
)
from lepton.storage.results import require_test_split
from lepton.storage.run_folder import CONFIG_FILE, SPEC_FILE, read_config
from lepton.training.learner import Learner, load_learner


def load_evaluated_run(folder: Path) -> EvaluatedModel:
    """The model of a finished run, trained or made of others, with the rows of its test split.

    Raises: LeptonError for a damaged folder.
    """
    with explain_read_errors(folder / SPEC_FILE) as path:
        spec = DataSpec.load(path)
    return EvaluatedModel(
        run=folder.name,
        spec=spec,
        task=build.task(read_config(trained_run(folder) / CONFIG_FILE), spec),
        read_predictions=partial(_stored_predictions, folder, EVALUATED_SPLIT),
        read_validation=partial(_stored_predictions, folder, CHOOSING_SPLIT),
        read_inputs=partial(read_sample_inputs, folder),
        read_validation_inputs=partial(read_sample_inputs, folder),
        read_learner=partial(_learner, folder) if _has_own_model(folder) else None,
        read_rows=partial(_test_rows, folder),
        read_kinds=partial(_kinds, folder, spec),
        read_config=partial(read_config, trained_run(folder) / CONFIG_FILE),
        read_rule=partial(read_rule, folder),
    )


def _has_own_model(folder: Path) -> bool:
    """False for a run that predicts through the runs that it was made of."""
    record = read_record(read_config(folder / CONFIG_FILE))
    return record is None or bool(own_model_files(folder))


def _stored_predictions(folder: Path, split: str) -> SplitPredictions:
    if split == EVALUATED_SPLIT:
        require_test_split(folder, "an evaluation")
    with explain_read_errors(predictions_file(folder, split)):
        return read_predictions(folder, split)


def _learner(folder: Path) -> Learner:
    learner, _ = load_learner(folder)
    return learner


def _kinds(folder: Path, spec: DataSpec) -> list[InputKind]:
    return load_inputs(trained_run(folder), spec)


def _test_rows(folder: Path) -> Rows:
    return build.data(unchanged_config(folder)).splits[EVALUATED_SPLIT]
