"""The record of a study's searches: what each was told at its start, so that it goes on the same.

The file `searches.json` lies beside the runs. All else of a search is read from its runs.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lepton.errors import Damaged, LeptonError
from lepton.storage.bounded_parsing import parse_json
from lepton.storage.digests import content_digest
from lepton.storage.files import locked_folder, unwritable_study, write_json
from lepton.storage.regular_files import read_regular
from lepton.sweep.search.space import SearchSpace
from lepton.sweep.search.warm_start import ToldRun

RECORD_FILE = "searches.json"
MAX_BYTES = 1 << 28
SAME_SPACE = ("space", "start")  # keys of a definition that other searches of it share
Definition = Mapping[str, Any]  # all that the proposals of a search follow from, as plain values


class SearchRecord:
    """What the study's file says of a search, known by its definition."""

    def __init__(self, study: Path, definition: Definition):
        self.path, self.definition = study / RECORD_FILE, definition
        text = json.dumps(definition, sort_keys=True, default=str)
        self.name = hashlib.sha256(text.encode()).hexdigest()[:10]

    def read(self, space: SearchSpace) -> list[ToldRun] | None:
        """The runs that the search was told of at its start; None where it has not begun.

        Raises: LeptonError for a file that is no record of searches.
        """
        entry = self._searches().get(self.name)
        if entry is None:
            return None
        try:
            return [_told_run(item, space) for item in entry["told"]]
        except (TypeError, KeyError, ValueError):
            raise self._damaged() from None

    def begin(self, told: Sequence[ToldRun], space: SearchSpace) -> list[ToldRun]:
        """Records what the search is told, unless another process did; returns what is recorded.

        Raises: LeptonError when the study cannot be written to.
        """
        try:
            with locked_folder(self.path.parent):
                recorded = self.read(space)
                if recorded is not None:
                    return recorded
                items = [
                    [run.run, run.params, list(run.values), list(run.violations)] for run in told
                ]
                entry = {"definition": self.definition, "told": items}
                searches = {**self._searches(), self.name: entry}
                write_json(self.path, {"searches": searches, "sha256": content_digest(searches)})
        except OSError as e:
            raise unwritable_study(self.path.parent, e) from None
        return list(told)

    def others(self) -> list[Definition]:
        """The definitions of other searches of the same space, oldest first.

        Raises: LeptonError for a file that is no record of searches.
        """
        try:
            definitions = [entry["definition"] for entry in self._searches().values()]
            return [
                definition
                for definition in definitions
                if all(definition[key] == self.definition[key] for key in SAME_SPACE)
                and definition != self.definition
            ]
        except (TypeError, KeyError):
            raise self._damaged() from None

    def _searches(self) -> dict[str, Any]:
        try:
            content = parse_json(read_regular(self.path, MAX_BYTES))
            searches = dict(content["searches"])
            if content.get("sha256", content_digest(searches)) != content_digest(searches):
                raise self._damaged()
            return searches
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, Damaged):
            raise self._damaged() from None

    def _damaged(self) -> LeptonError:
        return LeptonError(
            f"{self.path}: not a record of lepton's searches; remove the file, and searches begin "
            "anew with the runs that are there"
        )


def difference(definition: Definition, other: Definition) -> str:
    """The settings in which a search differs from another of the same space, as text."""
    texts = []
    for key in sorted(definition.keys() | other.keys()):
        here, there = definition.get(key), other.get(key)
        if here != there:
            is_short = all(isinstance(value, int | None) for value in (here, there))
            texts.append(f"{key} {here}, not {there}" if is_short else key)
    return ", ".join(texts)


def _told_run(item: Any, space: SearchSpace) -> ToldRun:
    """Raises: TypeError, KeyError or ValueError for what is no point of the space."""
    run, params, values, violations = item
    for key, value in params.items():
        if not space.dimensions[key].holds(value):
            raise ValueError(value)
    if not all(math.isfinite(value) for value in (*values, *violations)):
        raise ValueError(values)
    return ToldRun(str(run), dict(params), tuple(values), tuple(violations))
