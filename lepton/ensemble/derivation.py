"""Ensemble: finished runs as one, from their stored predictions or from their weights."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lepton.derived.derivation import Derivation, MadeRun
from lepton.ensemble.machinery.own_files import MEMBERS_FILE, POOL_KEY
from lepton.errors import ConfigError, LeptonError, explain_read_errors
from lepton.metric.direction import LARGER_IS_BETTER, is_of_test
from lepton.storage.derived_record import DerivedRecord
from lepton.storage.run_folder import CONFIG_FILE, read_config
from lepton.values.bounds import AtLeast0, AtLeast1

if TYPE_CHECKING:
    from lepton.derived.inputs import InputSearch
    from lepton.ensemble.machinery.summary import EnsembleSummary
    from lepton.prediction.predictor import Predictor
    from lepton.report.blocks import Block

MIN_VALUES = {"max_members": 2, "max_size": 1, "folds": 2, "seed": 0}
ENSEMBLE_FORMAT = 1  # raised when the same words would mean another ensemble
NAMED_KEYS = ("method", "max_members", "max_size", "folds", "seed")  # that the name depends on


class Ensemble(Derivation):
    """`lepton ensemble`; its method is a Combiner of predictions or a Soup of weights."""

    fewest = 2
    unstored: ClassVar = {"select": "val", "keep": True}
    tables = (MEMBERS_FILE,)
    compared = "every member's weight"
    step = "combining the members"
    study_name = "ensembles"

    def __init__(
        self,
        *,
        method: dict[str, Any],
        select: str,
        metric: str | None,
        max_members: AtLeast1 | None,
        max_size: AtLeast1 | None,
        folds: AtLeast1,
        keep: bool,
        seed: AtLeast0,
    ):
        """Raises: ConfigError for what cannot be chosen by, and for limits that are too small."""
        limits = {"max_members": max_members, "max_size": max_size, "folds": folds, "seed": seed}
        problems = [*_select_problems(select), *_metric_problems(metric)]
        problems += [
            f"{key}: {value} is too small; {MIN_VALUES[key]} at least"
            for key, value in limits.items()
            if value is not None and value < MIN_VALUES[key]
        ]
        if problems:
            raise ConfigError(*problems)
        self.method, self.metric, self.keep = method, metric, keep
        self.max_members, self.max_size, self.folds, self.seed = max_members, max_size, folds, seed
        self.summary: EnsembleSummary | None = None  # once made

    def accept(self, search: "InputSearch") -> None:
        from lepton import build
        from lepton.ensemble.combiner import Combiner
        from lepton.ensemble.machinery.make_ensemble import refuse_impossible
        from lepton.ensemble.machinery.pool import make_pool

        task = search.inputs[0].spec.task
        self.combining = build.instantiate(self.method, "ensemble", task=task)
        self.pool = make_pool(
            search.inputs,
            self.metric,
            across_folds=self.combining.across_folds,
            joins=isinstance(self.combining, Combiner),
        )
        search.skipped += self.pool.left_out
        refuse_impossible(self.combining, self.pool, self.max_size, name=self.request.label)

    def identity(self, search: "InputSearch") -> dict[str, Any]:
        return {
            **{key: value for key, value in self.named_settings.items() if key in NAMED_KEYS},
            "metric": self.pool.scorer.metric,
            "format": ENSEMBLE_FORMAT,
            "members": sorted((member.run, member.digest) for member in self.pool.members),
        }

    def plan(self, search: "InputSearch") -> str:
        count, metric = len(self.pool.members), self.pool.scorer.metric
        return f"{count} runs may become members, chosen by {metric}"

    def make(self, search: "InputSearch", unfinished: Path, folder: Path) -> MadeRun:
        from lepton.ensemble.machinery.make_ensemble import make_ensemble

        return make_ensemble(self, search, unfinished, folder)

    def show(self, folder: Path | None) -> None:
        from lepton.ensemble.machinery.summary import read_summary
        from lepton.ensemble.machinery.summary_printing import print_summary

        summary = self.summary if folder is None else read_summary(folder)
        assert summary is not None  # what is not kept was made now
        print_summary(summary)

    @classmethod
    def load(
        cls, folder: Path, record: DerivedRecord, load_model: "Callable[[Path], Predictor]"
    ) -> "Predictor | None":
        from lepton.ensemble.machinery.predictor import EnsemblePredictor

        with explain_read_errors(folder):
            settings = read_config(folder / CONFIG_FILE)["ensemble"]
            settings = settings | {"method": record.settings["method"]}
            if settings["kind"] != "predictions":
                return None
            return EnsemblePredictor(folder, settings, load_model)

    @classmethod
    def references(cls, folder: Path, record: DerivedRecord) -> list[dict[str, Any]]:
        """All runs that could have become members."""
        from lepton.ensemble.machinery.summary import read_summary

        references = read_summary(folder).facts.get(POOL_KEY)
        if references is None:
            raise LeptonError(f"{folder}: does not say who could have become a member")
        return references

    @classmethod
    def differences(cls, folder: Path, again: Path) -> list[str]:
        from lepton.ensemble.machinery.summary import differing_facts

        return differing_facts(folder, again)

    @classmethod
    def report_blocks(cls, folder: Path, name: str) -> "list[Block]":
        from lepton.ensemble.machinery.report_blocks import ensemble_blocks

        return ensemble_blocks(folder, name)


def _select_problems(split: str) -> list[str]:
    """A line for a split on which members must not be chosen."""
    if split == "val":
        return []
    if split == "test":
        return ["select: test: what is chosen on the test split has no honest test score; use val"]
    return [f"select: no such split {split!r}; members are chosen on val"]


def _metric_problems(name: str | None) -> list[str]:
    """A line for a metric by which members cannot be chosen."""
    if name is None or name in LARGER_IS_BETTER:
        return []
    split, _, metric = name.rpartition("/")
    if is_of_test(name):
        return [f"metric: {name}: what is chosen on the test split has no honest test score"]
    if split and metric in LARGER_IS_BETTER:
        return [f"metric: {name}: it is validation's anyway; metric={metric}"]
    return []  # one that the members add, or none; which is known when they are read
