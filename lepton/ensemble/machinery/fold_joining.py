"""Joins the runs of one setting over all folds of a data set into one set of predictions."""

import json
from collections import defaultdict
from itertools import product
from pathlib import Path

import torch

from lepton.config.data_identity import comparable_data
from lepton.config.identity import COSMETIC_DATASET_KEYS, COSMETIC_KEYS
from lepton.config.words import shell_word
from lepton.derived.inputs import InputRun
from lepton.errors import ConfigError
from lepton.storage.predictions import PREDICTED_SPLITS, SplitPredictions

OF_TEST, OF_VALIDATION = "fold", "val_fold"  # keys of a data set that name the fold of a run
Fold = tuple[int, ...]  # a value for each key that is joined


def joined_keys(members: list[InputRun], *, across_folds: bool) -> list[str]:
    """The keys over which runs are joined: folds of the test split where a method asks for it,
    those of validation wherever there are some."""
    has_parts = any(member.config["dataset"].get("val_folds") for member in members)
    return [OF_TEST] * across_folds + [OF_VALIDATION] * has_parts


def group_by_setting(
    members: list[InputRun], keys: list[str]
) -> tuple[list[list[InputRun]], list[tuple[Path, str]]]:
    """The runs of each setting, in the order of their folds; and those of settings that lack one,
    each with the reason.

    Raises: ConfigError when a run has no fold, or no setting has all of them.
    """
    settings: dict[str, dict[Fold, InputRun]] = defaultdict(dict)
    for member in members:
        dataset = member.config["dataset"]
        for key in keys:
            if dataset.get(key) is None:
                raise ConfigError(
                    f"runs: {member.run} has no fold to join; train with -m dataset.{key}s=5 "
                    f"dataset.{key}='range(5)'"
                )
        setting = {k: v for k, v in member.config.items() if k not in COSMETIC_KEYS}
        ignored, data = (*keys, *COSMETIC_DATASET_KEYS), comparable_data(member.config)
        setting["dataset"] = {k: v for k, v in data.items() if k not in ignored}
        fold = tuple(dataset[key] for key in keys)
        settings[json.dumps(setting, sort_keys=True)][fold] = member
    complete, left_out = [], list[tuple[Path, str]]()
    for run_by_fold in settings.values():
        runs = [run_by_fold[fold] for fold in sorted(run_by_fold)]
        if reason := _missing_folds(run_by_fold, runs[0], keys):
            left_out += [(run.folder, reason) for run in runs]
        else:
            complete.append(runs)
    if not complete:
        raise ConfigError(f"runs: {left_out[0][0].name}: {left_out[0][1]}")
    return complete, left_out


def _missing_folds(run_by_fold: dict[Fold, InputRun], first: InputRun, keys: list[str]) -> str:
    """The folds that a setting lacks, and what trains them; empty where it has all."""
    counts = [first.config["dataset"][f"{key}s"] for key in keys]
    missing = sorted({*product(*map(range, counts))} - run_by_fold.keys())
    if not missing:
        return ""
    named = ", ".join("/".join(map(str, fold)) for fold in missing)
    pairs = zip(keys, counts, strict=True)
    ranges = [shell_word(f"dataset.{key}=range({count})") for key, count in pairs]
    total = "x".join(map(str, counts))
    return f"of its {total} folds these are missing: {named}; train -m {' '.join(ranges)}"


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
    weights = [split.weight for split in splits if split.weight is not None]
    weight = torch.cat(weights)[first] if len(weights) == len(splits) else None
    return SplitPredictions(rows, targets[first], mean, weight)
