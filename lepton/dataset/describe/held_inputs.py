"""Refuses data that hold nothing of what a model reads, once they are read."""

from typing import Any

from lepton.config.inner_options import inner_keys
from lepton.config.input_kinds import describe_kinds, read_kinds
from lepton.dataset.data import Data
from lepton.dataset.inputs.find import kinds_in
from lepton.errors import DataError


def refuse_lack_of_inputs(config: dict[str, Any], data: Data) -> None:
    """Raises: DataError where a data set that finds its kinds has found none that the model reads.

    A model with an encoder for each kind needs one of them, any other all that it reads.
    """
    if not inner_keys(config["dataset"]):
        return
    held, read = {kind.name for kind in kinds_in(data.spec)}, read_kinds(config)
    is_enough = any if inner_keys(config["model"]) else all
    if not is_enough(kind.name in held for kind in read):
        kinds = [*data.inputs, *data.unread_inputs]
        found = " and ".join(kind.plural for kind in kinds if kind.own_columns or kind.takes_rest)
        raise DataError(
            f"{data.file_names()[0]}: holds {found}, and the model reads {describe_kinds(read)}; "
            "dataset.columns.NAME=KIND says what a column holds"
        )
