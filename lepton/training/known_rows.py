"""Says which rows that a run is scored on its start was trained on."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lepton.config.data_identity import IDENTITY_KEY
from lepton.config.validation import is_inside
from lepton.dataset.data import Data
from lepton.dataset.split.split_rows import held_out
from lepton.pretrained.weight_files import is_network_run
from lepton.storage.predictions import predictions_file, read_predictions
from lepton.storage.run_folder import CONFIG_FILE, read_config


def known_rows_line(config: dict[str, Any], data: Data) -> str | None:
    """A line where the run of `init_from` has learned rows that are held out here; else None.

    Nothing is said where it drew an unknown part of its training rows.
    """
    if not (start := config["init_from"]) or not is_network_run(folder := Path(start)):
        return None
    its = read_config(folder / CONFIG_FILE)
    content = (its.get(IDENTITY_KEY) or {}).get("content")
    if content is None or content != config[IDENTITY_KEY]["content"]:
        return None
    counts = {}
    for split in held_out(data.splits):
        ids = data.splits[split]["id"].cpu()
        if count := int(_learned(its, folder, ids).sum()):
            counts[split] = f"{count} of the {len(ids)} {split} rows"
    if not counts:
        return None
    return (
        f"init_from={start}: it was trained on {' and '.join(counts.values())} of this run, whose "
        "scores say too much therefore; start from a run of other rows"
    )


def _learned(config: dict[str, Any], folder: Path, ids: Tensor) -> Tensor:
    """Which of these rows the run of a folder was trained on. Shapes: ids (rows,) -> (rows,)."""
    held = {
        split: torch.isin(ids, read_predictions(folder, split).ids)
        for split in ("val", "test")
        if predictions_file(folder, split).is_file()
    }
    if is_inside(config):
        return held["val"]
    dataset = config["dataset"]
    if dataset.get("shots") is not None or dataset.get("fraction", 1.0) != 1:
        return torch.zeros(len(ids), dtype=torch.bool)
    none = torch.zeros(len(ids), dtype=torch.bool)
    return ~(held.get("val", none) | held.get("test", none))
