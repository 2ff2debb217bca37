"""What is told of a user's network that cannot be trained: what `forward` is given and gives."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lepton.config.chosen_options import option_label
from lepton.config.signature import read_signature
from lepton.dataset.data import Rows
from lepton.dataset.load.batch_cutter import NOT_INPUTS
from lepton.dataset.load.prediction_batches import prediction_batches
from lepton.errors import ConfigError, LeptonError, TrainingError
from lepton.groups import package_of
from lepton.task.base import Task

if TYPE_CHECKING:
    from lepton.training.network import Network

ROWS = 4  # of the batch on which a network that failed is tried


def refuse_lack_of_spec(config: dict[str, Any]) -> None:
    """Raises: ConfigError for a network of the user's whose constructor takes no `spec`."""
    name = config["model"]["_target_"]
    if package_of(name) is None:
        signature = read_signature(name)
        if "spec" not in signature.parameters and not signature.takes_any_key:
            raise ConfigError(
                f"{_label(config)}: {name} takes no spec, which tells a network what the data are; "
                "def __init__(self, *, spec, ...)"
            )


def refuse_row_weights(config: dict[str, Any], task: Task) -> None:
    """Raises: ConfigError for weights of rows where the task's own loss takes none."""
    if (column := (config["dataset"] or {}).get("weight")) and not task.weighs_rows:
        raise ConfigError(
            f"dataset.weight={column}: the loss of task {task.name} takes no weights of rows; null "
            "is right"
        )


def refuse_other_objects(config: dict[str, Any], model: Any) -> None:
    """Raises: ConfigError for what is no network."""
    if not isinstance(model, nn.Module):
        raise ConfigError(
            f"{_label(config)}: gave an object of type {type(model).__name__}, which is no "
            "torch.nn.Module and has no `fit`"
        )


@contextmanager
def explained_model(network: "Network", rows: Rows) -> Iterator[None]:
    """Looks, once training has failed, for the reason in what a user's network makes of a batch.

    Raises: ConfigError that says what is wrong with `forward`; else what is raised.
    """
    try:
        yield
    except (LeptonError, TrainingError):
        raise
    except Exception as e:
        is_own = package_of(network.config["model"]["_target_"]) is None
        if is_own and (problem := _forward_problem(network, rows)):
            raise ConfigError(f"{_label(network.config)}: {problem}") from e
        raise


def _label(config: dict[str, Any]) -> str:
    return option_label(config, "model")


def _forward_problem(network: "Network", rows: Rows) -> str | None:
    """What is wrong with a network's `forward`, by a batch of few rows; None where it is fine."""
    model, task = network.trained_module.cpu().eval(), network.task
    if type(task).forward is not Task.forward or "features" in rows:
        return None
    inputs = {name: values.cpu() for name, values in rows.items() if name not in NOT_INPUTS}
    few = {name: values[:ROWS] for name, values in inputs.items()}
    numbers, batch = next(iter(prediction_batches(few, network.input_kinds)))
    forward = f"{type(network.model).__name__}.forward"
    try:
        with torch.no_grad():
            logits = model({name: _as_the_weights(values, model) for name, values in batch.items()})
    except Exception as e:
        return _call_problem(e, forward, inspect.signature(network.model.forward), batch)
    if not isinstance(logits, Tensor):
        return f"{forward} gave {type(logits).__name__}; it returns logits, a tensor"
    shape, wanted = tuple(logits.shape), (len(numbers), network.task.model_spec.outputs)
    if len(shape) not in (2, 3) or (shape[0], shape[-1]) != wanted:
        return (
            f"{forward} gave the shape {shape} for {len(numbers)} rows; logits are {wanted}, a "
            "column for each of spec.outputs"
        )
    return None


def _as_the_weights(values: Tensor, model: nn.Module) -> Tensor:
    """Numbers in the float type of a network's weights."""
    dtype = next((p.dtype for p in model.parameters()), torch.float32)
    return values.to(dtype) if values.is_floating_point() else values


def _call_problem(
    error: Exception, forward: str, signature: inspect.Signature, batch: Rows
) -> str | None:
    """What an error says of how `forward` takes its batch; None where it says nothing."""
    fields = ", ".join(f"{name} {tuple(values.shape)}" for name, values in batch.items())
    is_called_wrongly = len(signature.parameters) != 1
    reads_other = isinstance(error, KeyError) and error.args[0] not in batch
    if not (is_called_wrongly or reads_other or "dict" in str(error)):
        return None
    message = " ".join(str(error).split())
    return (
        f"{forward}{signature} is given the batch alone, a dict of tensors by name ({fields}); "
        f"it takes what it reads from it, as batch[{next(iter(batch))!r}] "
        f"({type(error).__name__}: {message})"
    )
