"""Joins the runs of one setting over all folds of a data set into one set of predictions."""

import json
from collections import defaultdict

import torch

from lepton.config.data_identity import comparable_data
from lepton.config.identity import COSMETIC_DATASET_KEYS, COSMETIC_KEYS
from lepton.derived.inputs import InputRun
from lepton.errors import ConfigError
from lepton.storage.predictions import PREDICTED_SPLITS, SplitPredictions


def group_by_setting(members: list[InputRun]) -> list[list[InputRun]]:
    """The runs of each setting, in the order of their folds.

    Raises: ConfigError when a run has no fold, or a setting lacks one.
    """
    settings: dict[str, dict[int, InputRun]] = defaultdict(dict)
    for member in members:
        dataset = member.config["dataset"]
        if dataset.get("fold") is None:
            raise ConfigError(
                f"runs: {member.run} has no fold to join; train with -m dataset.folds=5 "
                "dataset.fold='range(5)'"
            )
        setting = {k: v for k, v in member.config.items() if k not in COSMETIC_KEYS}
        ignored, data = ("fold", *COSMETIC_DATASET_KEYS), comparable_data(member.config)
        setting["dataset"] = {k: v for k, v in data.items() if k not in ignored}
        settings[json.dumps(setting, sort_keys=True)][dataset["fold"]] = member
    for run_by_fold in settings.values():
        first = next(iter(run_by_fold.values()))
        count = first.config["dataset"]["folds"]
        if missing := sorted(set(range(count)) - set(run_by_fold)):
            raise ConfigError(
                f"runs: {first.run}: of its {count} folds these are missing: "
                f"{', '.join(map(str, missing))}; train -m dataset.fold='range({count})'"
            )
    return [[runs[fold] for fold in sorted(runs)] for runs in settings.values()]


def join_folds(members: list[InputRun]) -> dict[str, SplitPredictions]:
    """The predictions of all folds, by split."""
    return {name: _join([m.splits[name] for m in members]) for name in PREDICTED_SPLITS}


def _join(splits: list[SplitPredictions]) -> SplitPredictions:
    """The rows of several splits, each once; of a row predicted several times the mean."""
    ids = torch.cat([split.ids for split in splits])
    targets = torch.cat([split.target for split in splits])
    predictions = torch.cat([split.prediction for split in splits])
    rows, row_of, counts = ids.unique(return_inverse=True, return_counts=True)
    sums = predictions.new_zeros(len(rows), *predictions.shape[1:])
    sums.index_add_(0, row_of, predictions)
    first = torch.full((len(rows),), len(ids)).scatter_reduce(
        0, row_of, torch.arange(len(ids)), "amin"
    )
    mean = sums / counts.reshape(-1, *[1] * (sums.ndim - 1))
    return SplitPredictions(rows, targets[first], mean)
