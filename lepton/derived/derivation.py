"""Derivation: the base of commands that read finished runs and make one run of them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lepton.config.commands import option_groups
from lepton.config.younger_keys import Changes, changes_of_settings, without_younger_settings
from lepton.errors import LeptonError
from lepton.storage.derived_record import DerivedRecord

if TYPE_CHECKING:
    from lepton.derived.inputs import InputRun, InputSearch
    from lepton.prediction.predictor import Predictor
    from lepton.report.blocks import Block
    from lepton.storage.predictions import SplitPredictions
    from lepton.task.base import Task


class NotKept(LeptonError):
    """What was made is not worth a folder; `make` raises it, and `show` tells why."""


@dataclass(frozen=True, kw_only=True)
class DerivationRequest:
    """What a command was asked for: its settings with their `_target_`, and where the run goes.

    `label` names the options chosen, as a table does; `study` is None where the inputs say it.
    """

    command: str
    settings: dict[str, Any]
    label: str
    overrides: list[str] = field(default_factory=list)
    study: str | None = None
    rerun: bool = False

    @property
    def changes(self) -> Changes:
        """What has changed in the results of the command and its options, by COMMAND.KEY."""
        return changes_of_settings(self.command, self.settings, option_groups(self.command))


@dataclass(frozen=True, kw_only=True)
class MadeRun:
    """What `make` has made, beside the files that it wrote.

    `inputs` are the runs in use, `config` is a training's as far as it holds for the run, `notes`
    stand in the run's config under the command's name, `facts` are further fields of its Result.
    """

    inputs: "Sequence[InputRun]"
    config: dict[str, Any]
    task: "Task"
    predictions: "Mapping[str, SplitPredictions]"
    sizes: dict[str, int]  # parameters, and those trainable
    metrics: dict[str, float] | None = None  # by split/name; None: of the predictions
    notes: dict[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, float]] = ()
    facts: dict[str, Any] = field(default_factory=dict)


class Derivation(ABC):
    """A command between runs; the constructor takes the keys of its `conf/NAME.yaml` by keyword.

    One object makes one run: `accept`, then `identity`, then `make`. What is asked of a run that is
    there already is asked of the class. `lepton verify` builds the object again, of the settings
    that the run's config holds.

    `fewest`: runs that the command needs.
    `joins`: its runs hold weights of their own, and may be inputs of commands that name them.
    `unstored`: settings that change nothing in a run which is kept, with the values that it is
    made again with.
    `tables`: its own Parquet files, which `lepton verify` compares; `compared` and `step` are what
    it says of that.
    `study_name`: where a run goes whose inputs come from several studies.
    """

    fewest: ClassVar[int] = 1
    joins: ClassVar[bool] = False
    unstored: ClassVar[dict[str, Any]] = {}
    tables: ClassVar[tuple[str, ...]] = ()
    compared: ClassVar[str] = "the history"
    step: ClassVar[str] = "making it"
    study_name: ClassVar[str] = "derived"
    request: DerivationRequest  # set before `accept`

    def accept(self, search: "InputSearch") -> None:  # noqa: B027, for it may be left out
        """Looks at the runs before anything is made, and may keep what `make` will need.

        Raises: ConfigError for runs that do not go together, or not with the settings.
        """

    @property
    def named_settings(self) -> dict[str, Any]:
        """The settings that the run's name may depend on: those stored, without younger keys that
        are as before they came."""
        settings = {k: v for k, v in self.request.settings.items() if k not in self.unstored}
        return without_younger_settings(settings, option_groups(self.request.command))

    def identity(self, search: "InputSearch") -> dict[str, Any]:
        """All that can change the run, which its name is a hash of, beside revisions."""
        return {
            "command": self.request.command,
            "settings": self.named_settings,
            "inputs": sorted((run.run, run.digest) for run in search.inputs),
        }

    def plan(self, search: "InputSearch") -> str:
        """What `lepton check` says first."""
        count = len(search.inputs)
        return f"{count} {'run goes' if count == 1 else 'runs go'} into it"

    @abstractmethod
    def make(self, search: "InputSearch", unfinished: Path, folder: Path) -> MadeRun:
        """Makes the run, and writes its own files into `unfinished`.

        That is renamed to `folder` once whole. After a kill the same command begins again, with
        what lies in `unfinished/checkpoint`, which is all that stays of an earlier attempt.

        Raises: NotKept where no run shall come of it; LeptonError for a mistake of the user's.
        """

    def show(self, folder: Path | None) -> None:
        """Prints the run, or why it was not kept."""
        from lepton.analysis.run_table import show_run
        from lepton.storage.results import finished_result

        if folder is not None:
            show_run(finished_result(folder))

    @classmethod
    def load(
        cls, folder: Path, record: DerivedRecord, load_model: "Callable[[Path], Predictor]"
    ) -> "Predictor | None":
        """The model of a finished run; None where the folder holds one as a trained run does."""
        return None

    @classmethod
    def references(cls, folder: Path, record: DerivedRecord) -> list[dict[str, Any]]:
        """The runs that are needed to make a finished one again."""
        return record.inputs

    @classmethod
    def differences(cls, folder: Path, again: Path) -> list[str]:
        """A line for each of its own files, but `tables`, that differs in a run made again."""
        return []

    @classmethod
    def report_blocks(cls, folder: Path, name: str) -> "list[Block]":
        """What the report says of a finished run; by default its scores beside its inputs'."""
        return []
