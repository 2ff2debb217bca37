"""The groups of options: all that lepton knows of each, beside the YAML files in its folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Group:
    """What code has to know of a group of options, to check, build, stack and compare them."""

    targets: tuple[str, ...]  # packages that the `_target_` of its options may come from
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # packages of the objects
    # that an option holds under a key, as a model's tokenizer
    made_inside: tuple[str, ...] = ()  # keys of parts that the option's class makes itself, with
    # what code gives to an option of the group
    supplied: tuple[str, ...] = ()  # what code gives a target beside YAML and what inputs need
    inner: tuple[str, ...] = ()  # keys under which options may hold others of the same group
    keys: Mapping[str, str] = field(default_factory=dict)  # types of an option without `_target_`
    own_keys: Mapping[str, str] = field(default_factory=dict)  # of lepton's, beside the target's
    positional: int = 0  # of the arguments of a function, the first that code gives it
    several: bool = False  # several options may be chosen at once, each under its name
    one_before: bool = False  # of earlier versions one could be, whose keys stand in runs unnamed
    is_method: bool = False  # its options are Methods of training
    networks_only: bool = False  # models that lepton does not train do not heed it
    modules_too: bool = False  # of these, a user's LightningModule does
    by_kind: bool = False  # heeded only where a kind of inputs that is read says so in `groups`
    needed: bool = False  # an option must be chosen, where the group is heeded
    earlier: str | None = None  # the option that runs older than the group had; None: none is
    tuned: bool = False  # fine-tuning strategies set it, so it differs with them
    command: str | None = None  # the command that it belongs to; None: a training
    trains: bool = True  # its options change what is trained, so they are part of the run's id


GROUPS = {  # methods in the order in which they are prepared
    "dataset": Group(
        targets=("lepton.dataset.",),
        supplied=("batch_size", "seed", "limit_batches", "overfit_batches"),
        own_keys={"name": "None | str"},  # where its class has no such key itself
        needed=True,
    ),
    "preprocessing": Group(
        targets=("lepton.preprocessing.", "sklearn.preprocessing."),
        supplied=("seed",),
        by_kind=True,
        needed=True,
    ),
    "task": Group(
        targets=("lepton.task.",),
        supplied=("spec", "loss", "added_metrics"),
        keys={
            "class_weights": "None | str | list[float]",
            "monitor": "None | str",
            "calibration_bins": "int",
        },
        needed=True,
        earlier="supervised",
    ),
    "model": Group(
        targets=("lepton.model.", "torch.nn."),
        parts={
            "tokenizer": ("lepton.tokenizer.",),
            "spectrum": ("lepton.audio.",),
            "backbone": ("lepton.model.", "torch.nn."),
        },
        made_inside=("backbone",),
        supplied=("spec", "seed"),
        inner=("encoders",),
        needed=True,
    ),
    "loss": Group(
        targets=("lepton.loss.", "torch.nn."),
        supplied=("task", "reduction"),
        positional=2,
        networks_only=True,
        earlier="none",
    ),
    "metric": Group(
        targets=("lepton.metric.", "torchmetrics."),
        supplied=("task", "num_classes", "num_labels", "sample_weight"),
        own_keys={"larger_is_better": "bool"},
        positional=2,
        several=True,
        earlier="none",
    ),
    "optimizer": Group(
        targets=("lepton.optimizer.", "torch.optim.", "lion_pytorch.", "schedulefree."),
        supplied=("params",),
        networks_only=True,
        needed=True,
        tuned=True,
    ),
    "scheduler": Group(
        targets=("lepton.scheduler.", "torch.optim.lr_scheduler."),
        supplied=("optimizer", "total_steps"),
        networks_only=True,
        tuned=True,
    ),
    "finetune": Group(
        targets=("lepton.finetune.",),
        is_method=True,
        networks_only=True,
        earlier="none",
    ),
    "regularization": Group(
        targets=("lepton.regularization.",),
        several=True,
        is_method=True,
        networks_only=True,
        tuned=True,
    ),
    "augmentation": Group(
        targets=("lepton.augmentation.",),
        parts={"generator": ("lepton.generator.",)},
        several=True,
        is_method=True,
        networks_only=True,
        earlier="none",
    ),
    "adversarial": Group(
        targets=("lepton.adversarial.",),
        several=True,
        is_method=True,
        networks_only=True,
        earlier="none",
    ),
    "trainer": Group(
        targets=("lepton.trainer.",),
        supplied=("callbacks", "logger"),
        networks_only=True,
        modules_too=True,
        needed=True,
    ),
    "callbacks": Group(
        targets=("lepton.callbacks.", "pytorch_lightning.callbacks."),
        several=True,
        networks_only=True,
        modules_too=True,
        earlier="none",
    ),
    "evaluation": Group(
        targets=("lepton.evaluation.",), several=True, earlier="none", trains=False
    ),
    "logger": Group(
        targets=("lepton.logger.", "pytorch_lightning.loggers."),
        supplied=("save_dir", "run"),
        several=True,
        one_before=True,
        trains=False,
    ),
    "ensemble": Group(
        targets=("lepton.ensemble.",),
        supplied=("task",),
        needed=True,
        command="ensemble",
    ),
    "generator": Group(targets=("lepton.generator.",), needed=True, command="synthesize"),
}
YOUNGER_KEYS: dict[str, dict[str, Any]] = {
    # What runs older than a key had, whatever YAML says now: by group, or by class for this class
    # and those that derive from it; "" is the root. A key with that value is no part of a run's id.
    "": {
        **{"init_from": None, "forgetting": False, "min_steps_per_epoch": None, "suggested": {}},
        "revisions": {},
        "data_identity": {},
        "linear_probe": {"strengths": [1e-3, 1e-2, 1e-1, 1.0, 10.0], "iterations": 500},
    },
    "task": {"calibration_bins": 15},
    "trainer": {"extra": {}, "patience": None},
    "lepton.model.multimodal.Multimodal": {"tokens": 1},
    "lepton.model.tabm.TabM": {"max_embedded": None},
    "lepton.model.transformer.Transformer": {
        "default_pooling": {"encoder": "mean", "decoder": "last"},
    },
    "dataset": {
        **{"weight": None, "shots": None, "fraction": 1.0, "val_folds": None, "val_fold": None},
        **{"memory_gb": None, "cache_gb": None, "decoding_threads": 2, "missing_target": "ask"},
        **{"max_numeric_classes": 20, "min_identifier_values": 20, "weighted_metrics": True},
        "validation": "outside",
    },
    "lepton.dataset.file_folder.FileFolder": {"encoding": "utf-8"},
    "lepton.dataset.tabular.TabularData": {
        **{"duplicates": "keep", "where": None, "keep": None, "drop": None},
    },
    "lepton.finetune.head.Head": {"start": None},
    "lepton.finetune.lp_ft.ProbeThenFull": {"start": None},
    "lepton.finetune.lora.LoRA": {"start": None, "rank_stabilized": False, "rate_ratio": 1.0},
}
REVISIONS: dict[str, tuple[str, ...]] = {
    # What changed in the results of an option whose config is as it was, oldest change first: by
    # group or class, as above. Their number is the option's revision, a part of its runs' ids.
    # Those that touch some of its runs alone stand in lepton.config.partial_revisions too.
    "task": (
        *("1 counts in the last bin of ece", "batches of a step count by their class weights"),
        "metrics count rows by dataset.weight",
    ),
    "finetune": (
        "a block is a layer, with what follows it; all before the blocks is one",
        "the linear head before tuning may take features as they are",
        "a start that has learned may stay the best",
        "inside, the best linear head is not probed on",
    ),
    "preprocessing": ("columns of the run that training starts from keep its preprocessing",),
    "lepton.model.tfidf_linear.TfidfLinear": ("all folds are predicted with one strength",),
}
HEEDED_WITH = {"linear_probe": "finetune"}  # keys of the root that only runs with the group heed
METHOD_CLASS = "lepton.method.Method"  # that every method derives from
SETTING_GROUPS = ("experiment", "search")  # whose options are values of other groups
ROOT_VALUES = {  # the other keys of the root, each with its type
    "seed": "int",
    "batch_size": "int",
    "min_steps_per_epoch": "int | None",
    "study": "str",
    "runs": "str",
    "rerun": "bool",
    "init_from": "None | str",
    "forgetting": "bool",
    "linear_probe": "dict",
    "suggested": "dict",
    "revisions": "dict",
    "data_identity": "dict",
    "choices": "dict",
    "overrides": "list",
}
TRAINING_GROUPS = {name: group for name, group in GROUPS.items() if group.command is None}
NETWORK_GROUPS = tuple(name for name, group in TRAINING_GROUPS.items() if group.networks_only)
MODULE_GROUPS = tuple(name for name, group in TRAINING_GROUPS.items() if group.modules_too)
COSMETIC_GROUPS = tuple(name for name, group in TRAINING_GROUPS.items() if not group.trains)
METHOD_GROUPS = tuple(name for name, group in TRAINING_GROUPS.items() if group.is_method)


def command_of(name: str) -> str | None:
    """The command that a group belongs to, where that is no training."""
    return GROUPS[name].command if name in GROUPS else None


def trusted_packages(group: str, *, inside: bool = False) -> tuple[str, ...]:
    """The packages that targets of a group's options come from; `inside`: also those in an option.

    The options of a group of the user's own are methods, which may be some of lepton's.
    """
    if group not in GROUPS:
        return tuple(package for name in METHOD_GROUPS for package in GROUPS[name].targets)
    row = GROUPS[group]
    parts = [package for packages in row.parts.values() for package in packages]
    return tuple(dict.fromkeys([*row.targets, *parts])) if inside else row.targets


def package_of(name: str) -> str | None:
    """The package in the table of groups that a dotted name lies in, the innermost; None: in none.

    So torch.optim.lr_scheduler. is no part of torch.optim., which is another group's.
    """
    return max((p for p in _packages() if name.startswith(p)), key=len, default=None)


@cache
def _packages() -> tuple[str, ...]:
    return tuple(p for group in GROUPS for p in trusted_packages(group, inside=True))


def owners_of(name: str) -> list[str]:
    """The groups that a dotted name may be a target of, in an option or inside of one."""
    package = package_of(name)
    return [group for group in GROUPS if package in trusted_packages(group, inside=True)]


def group_of(name: str) -> str:
    """The group that a name in YOUNGER_KEYS or REVISIONS is about: itself, or that of a class."""
    return name if name in GROUPS else next(iter(owners_of(name)), name)


def is_own_node(name: str, node: Any) -> bool:
    """True for the node of the root that only a group of the user's own can have put there."""
    if name in GROUPS or name in ROOT_VALUES or not isinstance(node, dict) or not node:
        return False
    return "_target_" in node or all(
        isinstance(option, dict) and "_target_" in option for option in node.values()
    )


def takes_several(name: str, node: Any = None) -> bool:
    """True for a group of which several options may be chosen at once, each under its name.

    Of the user's own it is one whose node says so.
    """
    if name in GROUPS:
        return GROUPS[name].several
    return is_own_node(name, node) and "_target_" not in node


def earlier_choices(config: Mapping[str, Any]) -> dict[str, str]:
    """The options that a run had of the groups that are younger than it, where it heeds them."""
    return {
        name: group.earlier
        for name, group in TRAINING_GROUPS.items()
        if group.earlier and config.get(name, {}) is not None
    }
