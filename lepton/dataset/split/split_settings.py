"""The settings by which rows are split, and their check."""

from dataclasses import dataclass

from lepton.errors import ConfigError

NEED_COLUMN = ("group", "time", "column")  # strategies


@dataclass(frozen=True, kw_only=True)
class SplitSettings:
    """Settings of a split into train, val and test; every random choice comes from `seed`.

    Without a test file or folds, a `test_size` of 0 means that there is no test split.
    Units: sizes are shares of the data file's rows, for the strategy group of its groups; shots
        are rows of each class, `fraction` a share, of the train split.
    """

    strategy: str  # stratified, random, group, time or column
    column: str | None
    val_size: float
    test_size: float
    seed: int
    folds: int | None
    fold: int | None
    shots: int | None
    fraction: float
    val_folds: int | None = None
    val_fold: int | None = None
    validation: str | None = None  # inside: no validation split is drawn

    @property
    def is_validated_inside(self) -> bool:
        """True where the training rows are all that may choose anything, by folds of theirs."""
        return self.validation == "inside"

    @property
    def excluded(self) -> dict[str, str]:
        """The column that divides the rows, with the reason why it is no input."""
        if self.column is None:
            return {}
        return {self.column: f"splits the rows by {self.strategy}, left out of the features"}

    def check(self, *, has_test_file: bool) -> None:
        """Raises: ConfigError with everything that does not go together."""
        problems = [
            *self._size_problems(has_test_file),
            *self._fold_problems(has_test_file),
            *self._part_problems("val_folds", "val_fold"),
            *self._column_problems(has_test_file),
            *self._subsample_problems(),
        ]
        if not 0 <= self.seed < 2**32:
            problems.append(f"dataset.split_seed={self.seed}: from 0 to {2**32 - 1}")
        if problems:
            raise ConfigError(*problems)

    def _size_problems(self, has_test_file: bool) -> list[str]:
        if self.strategy == "column":
            return []
        sizes = {} if self.val_folds or self.is_validated_inside else {"val_size": self.val_size}
        if not has_test_file and self.folds is None:
            sizes["test_size"] = self.test_size
        problems = [
            f"dataset.{name}={size}: give a share of the rows, between 0 and 1"
            for name, size in sizes.items()
            if not 0 < size < 1 and not (name == "test_size" and size == 0)
        ]
        if not problems and sum(sizes.values()) >= 1:
            listing = " and ".join(f"dataset.{name}={size}" for name, size in sizes.items())
            problems.append(f"{listing} leave no row to train on")
        return problems

    def _fold_problems(self, has_test_file: bool) -> list[str]:
        if self.folds is not None and has_test_file:
            return [f"dataset.folds={self.folds} cannot go with a test file of its own"]
        return self._part_problems("folds", "fold")

    def _part_problems(self, many: str, one: str) -> list[str]:
        """A line where the keys of a number of parts, and of one of them, do not go together."""
        parts, part = getattr(self, many), getattr(self, one)
        if parts is None:
            if part is None:
                return []
            return [f"dataset.{one}={part} needs dataset.{many}, the number of folds"]
        if parts < 2:
            return [f"dataset.{many}={parts}: at least 2"]
        if self.strategy in ("time", "column"):
            return [f"dataset.{many}={parts} cannot go with dataset.split={self.strategy}"]
        if part is None or not 0 <= part < parts:
            return [f"dataset.{one}={part}: with dataset.{many}={parts}, 0 to {parts - 1}"]
        return []

    def _column_problems(self, has_test_file: bool) -> list[str]:
        problems, needs_column = [], self.strategy in NEED_COLUMN
        if needs_column and self.column is None:
            problems.append(f"dataset.split={self.strategy} needs dataset.split_column")
        if self.column is not None and not needs_column:
            problems.append(
                f"dataset.split_column={self.column} is not used by dataset.split={self.strategy}; "
                "set dataset.split to group, time or column"
            )
        if self.strategy == "column" and has_test_file:
            problems.append("dataset.split=column names the test rows; leave out the test file")
        return problems

    def _subsample_problems(self) -> list[str]:
        problems = []
        if self.shots is not None and self.shots < 1:
            problems.append(f"dataset.shots={self.shots}: rows of each class; at least 1")
        if not 0 < self.fraction <= 1:
            problems.append(f"dataset.fraction={self.fraction}: a share, above 0 and at most 1")
        if self.shots is not None and self.fraction != 1:
            problems.append("dataset.shots and dataset.fraction shrink the train split; set one")
        return problems
