"""Mistakes that the user can mend: told in one line, exit code 2, no traceback."""


class LeptonError(Exception):
    """A mistake the user can mend; it says where, what is wrong and what would be right."""

    exit_code = 2


class ConfigError(LeptonError):
    """The composed config cannot be run; `problems` holds every mistake, one line each."""

    def __init__(self, *problems: str):
        self.problems = problems
        super().__init__("\n".join(problems))

    def __reduce__(self):
        return type(self), self.problems


class NothingToSearch(ConfigError):
    """A search without a space, which is no further mistake when its space cannot be read."""


class DataError(LeptonError):
    """The data cannot be used as they are."""


class TrainingError(Exception):
    """Training cannot go on: the loss or the validation metric is not a finite number."""


class FailedRuns(LeptonError):
    """Some runs of a sweep failed; the others are finished."""

    exit_code = 1
