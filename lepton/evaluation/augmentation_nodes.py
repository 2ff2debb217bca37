"""Augmentations for rows of a finished run: those that it was trained with, or named ones."""

from collections.abc import Mapping
from typing import Any

import torch
import yaml
from torch import nn

from lepton import build
from lepton.config.chosen_options import chosen_nodes
from lepton.config.node_checks import target_problems
from lepton.config.options import find_options
from lepton.errors import LeptonError, did_you_mean
from lepton.evaluation.evaluator import batch_draw
from lepton.example import make_batch
from lepton.method import Method, overrides, requested
from lepton.spec import DataSpec

GROUP = "augmentation"
Nodes = dict[str, dict[str, Any]]


def augmentation_nodes(
    named: Mapping[str, Mapping[str, Any]] | None, config: Mapping[str, Any]
) -> Nodes:
    """The nodes of the named augmentations, or where none is named of those of a run's config that
    change rows: what only draws or adds rows of train has no copies of others to make.

    Raises: LeptonError for a name or a key that there is not, and where there is none at all.
    """
    if named is None:
        chosen = chosen_nodes(config, GROUP)
        own = {
            path.rpartition(".")[2]: node
            for path, node in chosen.items()
            if _changes_batches(build.instantiate(node, GROUP))
        }
        if not own:
            any_ = f"any that changes rows ({', '.join(chosen)})" if chosen else "any"
            raise LeptonError(
                f"augmentation: null, and the run was trained without {any_}; name one, as "
                "{gaussian_noise: {}}"
            )
        return own
    if not named:
        raise LeptonError("augmentation: {} names none; name one, as {gaussian_noise: {}}")
    files, nodes = find_options()[GROUP], {}
    for name, values in named.items():
        if name not in files or name == "none":
            raise LeptonError(f"augmentation: there is no {name!r}{did_you_mean(name, files)}")
        if not isinstance(values, Mapping):
            raise LeptonError(f"augmentation.{name}: {values!r} are no values; {{}} has the file's")
        node = yaml.safe_load(files[name].read_text())[name] | dict(values)
        if problems := target_problems(f"augmentation.{name}", node, (), name, group=GROUP):
            raise LeptonError(problems[0])
        nodes[name] = node
    return nodes


def build_augmentations(nodes: Nodes, model: nn.Module, spec: DataSpec) -> list[Method]:
    """The augmentations, by name, prepared for a model.

    Raises: LeptonError for one that changes no inputs of these data, and one that mixes rows or
        targets, which are not known of a row that is to be predicted.
    """
    methods = []
    for name, node in sorted(nodes.items()):
        method: Method = build.instantiate(node, GROUP)
        method.stream_name = f"{GROUP}.{name}"
        kinds = method.changes_inputs
        if not _changes_batches(method) or (kinds and not {*kinds} & {*spec.kinds}):
            held = " and ".join(spec.kinds)
            raise LeptonError(f"augmentation: {name} changes no inputs of the kind {held}")
        method.prepare(model, spec)
        if _changes_targets(method, spec):
            raise LeptonError(f"augmentation: {name} changes targets, which are not known here")
        methods.append(method)
    return methods


def _changes_batches(method: Method) -> bool:
    return overrides(type(method), "on_batch")


def _changes_targets(method: Method, spec: DataSpec) -> bool:
    """True for a method that mixes the targets of made-up rows; one that needs the model mixes
    none."""
    batch, hook = make_batch(spec, rows=4), type(method).on_batch
    if requested(hook, model=None):
        return False
    given = requested(hook, draw=batch_draw(0, 0), progress=torch.ones(()))
    changed = method.on_batch({**batch}, **given)
    return not torch.equal(changed["target"], batch["target"])
