"""Errors: mistakes that the user can mend, in one line without a traceback, and ends of runs."""

import difflib
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lepton.foreign_text import printable


class LeptonError(Exception):
    """A mistake the user can mend; it says where, what is wrong and what would be right."""

    exit_code = 2

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows of it, in the place of a traceback."""
        return printable(f"{type(self).__name__}: {self}").split("\n")


class ConfigError(LeptonError):
    """The composed config cannot be run; `problems` holds every mistake, one line each."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))

    def __reduce__(self):
        return type(self), self.problems


class MisreadOverrides(ConfigError):
    """Overrides that cannot be read; `readable` holds the others, whose keys can be judged, and
    `unread` the keys that stay without what was meant for them."""

    def __init__(
        self, problems: Iterable[str], readable: Iterable[str] = (), unread: Iterable[str] = ()
    ) -> None:
        super().__init__(*problems)
        self.readable, self.unread = list(readable), list(unread)

    def __reduce__(self):
        return type(self), (self.problems, self.readable, self.unread)

    def beside(self, others: Iterable[str]) -> ConfigError:
        """The error with the problems of the others too, but not of keys that were not read."""
        follow = tuple(f"{key}: " for key in self.unread)
        return ConfigError(*self.problems, *(p for p in others if not p.startswith(follow)))


class NothingToSearch(ConfigError):
    """A search without a space, which is no further mistake when its space cannot be read."""


class DataError(LeptonError):
    """The data cannot be used as they are."""


class RowError(DataError):
    """A row cannot be used; `row` counts from 0, in the message from 1."""

    def __init__(self, where: str, row: int, reason: str) -> None:
        super().__init__(f"{where}, row {row + 1}: {reason}")
        self.where, self.row, self.reason = where, row, reason

    def __reduce__(self):
        return type(self), (self.where, self.row, self.reason)

    def after(self, rows: int) -> "RowError":
        """The same of a table of which these are not the first rows."""
        return self.at(self.row + rows)

    def at(self, row: int) -> "RowError":
        """The same of another row."""
        return RowError(self.where, row, self.reason)


class LayoutError(DataError):
    """A file is not written as the keys say that it is; `advice` is for who can set the keys."""

    def __init__(self, fact: str, advice: str) -> None:
        super().__init__(fact, advice)
        self.fact, self.advice = fact, advice

    def __str__(self) -> str:
        return f"{self.fact}; {self.advice}"


class UnequalFiles(DataError):
    """Files differ in what all must share; `common` is what would suit most of them."""

    def __init__(self, message: str, common: int) -> None:
        super().__init__(message, common)
        self.common = common

    def __str__(self) -> str:
        return self.args[0]


class NoRun(LeptonError):
    """A folder of a study holds no run yet."""


class TooAlike(LeptonError):
    """The finished runs do not differ in what is compared, which further runs may change."""


class Damaged(LeptonError):
    """A file of a run or a study is not what was written, or holds what lepton never writes."""


class Locked(LeptonError):
    """Another process holds the lock of this run: it is training it."""


Claimed = Locked  # its name in 0.1


class Finished(Locked):
    """Another process finished this run between the look for its result and the lock.

    It lies in `folder`, by the name that this process or the other one has for it.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder

    def __str__(self) -> str:
        return f"{self.folder}: another process has finished this run"


class EndedMeanwhile(Locked):
    """Another process tried this run, between the look at it and the lock, and it would end the
    same here: `end` is what it ended with."""

    def __init__(self, end: Exception) -> None:
        super().__init__(end)
        self.end = end


class TrainingError(Exception):
    """Training cannot go on."""


class Diverged(TrainingError):
    """The loss or the validation metric is not a finite number; `weights` says what was kept."""

    weights: str | None = None


class Pruned(Exception):
    """The watcher of a run ended it; `scores` holds val/score of every epoch trained, `monitored`
    the metric of the last in words, where it is known."""

    def __init__(self, epoch: int, scores: list[float], monitored: str = "") -> None:
        super().__init__(epoch, scores, monitored)
        self.epoch, self.scores, self.monitored = epoch, scores, monitored

    def __str__(self) -> str:
        monitored = self.monitored or f"val score {self.scores[-1]:.4f}"
        return f"pruned after epoch {self.epoch + 1} ({monitored})"


class FailedRuns(LeptonError):
    """Some runs of a sweep failed; the others are finished."""

    exit_code = 1


class EvaluationFailed(LeptonError):
    """An evaluator failed on a run, which is finished all the same."""

    exit_code = 1


class TrackerFailed(Exception):
    """A tracker cannot begin, by no mistake in the config: its runs do without it."""


class WorkerLost(Exception):
    """The process that trained a run ended before the run did."""


class TimedOut(Exception):
    """A run took longer than it was given."""


def own_place(error: BaseException) -> str | None:
    """The line of the user's own code that an error came through last, as FILE:LINE; None: none.

    Own code lies in the working directory, and in no environment or dependency inside of it.
    """
    folder, place = Path.cwd(), None
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        is_own = path.is_relative_to(folder) and "site-packages" not in path.parts
        if is_own and not path.is_relative_to(Path(__file__).parent):
            place = f"{path.relative_to(folder)}:{line}"
    return place


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """'; did you mean ...?' when one of the names is close, else nothing."""
    close = difflib.get_close_matches(name, list(names), 1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


@contextmanager
def explain_read_errors(path: Path) -> Iterator[Path]:
    """Turns whatever goes wrong in reading a file into one line that names the file."""
    try:
        yield path
    except LeptonError:
        raise
    except Exception as e:
        reason = " ".join(str(e).split())
        if isinstance(e, OSError) and e.strerror and str(e.filename) == str(path):
            reason = e.strerror  # the file is named already
        raise LeptonError(f"{path}: cannot be read ({reason})") from e
