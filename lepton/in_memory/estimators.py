"""LeptonClassifier and LeptonRegressor: runs as estimators of scikit-learn."""

import shutil
import tempfile
import weakref
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from lepton.compat.sklearn import checked_sample_weight
from lepton.errors import ConfigError, DataError, LeptonError
from lepton.foreign_text import printable
from lepton.in_memory.fit import train_given
from lepton.in_memory.given_rows import GivenRows, gather, read_rows
from lepton.in_memory.given_words import TABLE, data_set
from lepton.in_memory.kept_models import FITTED, load_files, read_files, save_files
from lepton.in_memory.rare_rows import needs_own_validation, with_validation
from lepton.predict import load_model
from lepton.task.class_task import WHOLE_NUMBER

ALL_ROWS = {"dataset.test_size": 0, "trainer.progress": False}  # all train or choose the epoch
ALL_COLUMNS = {"dataset.min_identifier_values": 2**31}  # of a table: the caller chose them
TARGET, STUDY = "target", "estimator"


class LeptonEstimator(BaseEstimator):
    """What both have in common: a fit is a run on all rows given, of which some choose the epoch.

    `overrides` are those of `lepton train`. The run lies in a folder that goes with the estimator,
    or, where `study` or `root` says so, in ROOT/STUDY, to stay. After fitting `folder_` is that of
    the run and `result_` its result.
    """

    def __init__(
        self,
        overrides: Sequence[str] = (),
        *,
        study: str | None = None,
        root: str | None = None,
    ):
        self.overrides = overrides
        self.study = study
        self.root = root

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains on the rows, or reads the run of the same rows and overrides from the study.

        `sample_weight` says how much each row counts in the loss, and in what chooses the epoch.
        Raises: ValueError for rows, targets or overrides that cannot be used.
        """
        _check_words(self.overrides)
        rows, target = self._checked(X, y)
        column, settings = self._learned(target)
        weights = None
        if sample_weight is not None:
            weights = checked_sample_weight(sample_weight, X)
        given = gather(
            rows, target=None, y=column, val=None, test=None, groups=None, weights=weights
        )
        given.settings.update({**ALL_ROWS, **settings})
        if data_set(given, self.overrides) == TABLE:
            given.settings.update(ALL_COLUMNS)
        given = self._divided(given, column)
        self._train(given)
        return self

    @abstractmethod
    def _learned(self, target: np.ndarray) -> tuple[pd.Series, dict[str, Any]]:
        """The target's column as it is kept, and what tells lepton of it."""

    def _divided(self, given: GivenRows, column: pd.Series) -> GivenRows:
        """The rows, with those of validation marked where lepton's split cannot divide them."""
        return given

    def predict(self, X: Any) -> np.ndarray:
        """What is predicted of each row: its class, or its quantity."""
        return self._decided(self._raw(X))

    @abstractmethod
    def _decided(self, raw: np.ndarray) -> np.ndarray: ...

    def save(self, folder: str | Path) -> None:
        """Writes the fitted estimator into a new folder, without pickles.

        Raises: LeptonError where something lies there.
        """
        check_is_fitted(self)
        save_files(folder, self._facts(), read_files(Path(self.folder_)))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The estimator that `save` wrote, which predicts with the files of that folder.

        Raises: LeptonError where there is none, or one whose parts do not belong together.
        """
        facts, run = load_files(folder, cls.__name__)
        estimator = cls(**facts["parameters"])
        for name, value in facts["fitted"].items():
            setattr(estimator, name, np.array(value) if isinstance(value, list) else value)
        estimator.use_run(run)
        if not estimator.fits_run():
            raise LeptonError(f"{printable(folder)}: its classes are not those of its run")
        return estimator

    def fits_run(self) -> bool:
        """True where what was learned of the targets belongs to the run."""
        return True

    def _facts(self) -> dict[str, Any]:
        fitted = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
            if name in FITTED
        }
        parameters = {**self.get_params(), "overrides": list(self.overrides)}
        return {"class": type(self).__name__, "parameters": parameters, "fitted": fitted}

    def _checked(self, X: Any, y: Any) -> tuple[Any, np.ndarray]:
        """Rows and targets as scikit-learn has them. Raises: ValueError."""
        if y is None:
            name = type(self).__name__
            raise ValueError(f"{name} requires y to be passed, but the target y is None")
        X = self._validated(X, reset=True)
        y = column_or_1d(y, warn=True)
        rows = X.shape[0] if hasattr(X, "shape") else len(X)
        if rows != len(y):
            raise ValueError(f"inconsistent numbers of samples: X has {rows}, y has {len(y)}")
        return X, y

    def _validated(self, X: Any, *, reset: bool) -> Any:
        """Frames and lists of texts or pictures as they are; all else as numbers."""
        if _is_list_of_inputs(X):
            return list(X)
        if hasattr(X, "columns"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            if not len(X) or not len(X.columns):
                rows, columns = len(X), len(X.columns)
                noun = f"{rows} sample(s)" if not rows else f"{columns} feature(s)"
                raise ValueError(f"Found a frame with {noun} while a minimum of 1 is required")
            return X
        least = 2 if reset else 1
        return validate_data(
            self, X, reset=reset, ensure_all_finite="allow-nan", ensure_min_samples=least
        )

    def _train(self, given: GivenRows) -> None:
        home = Path(tempfile.mkdtemp(prefix="lepton-")) if self._is_temporary else None
        runs, study = (home, STUDY) if home else (self.root or "runs", self.study or STUDY)
        places = [f"runs={runs}", f"study={study}"]
        try:
            folder, result = train_given(given, [*self.overrides, *places])
        except BaseException as e:
            if home:
                shutil.rmtree(home, ignore_errors=True)
            if isinstance(e, ConfigError | DataError):
                raise ValueError(str(e)) from e
            raise
        if home:
            self._take_along(home)
        self.result_ = result
        self.use_run(folder)

    def use_run(self, folder: Path) -> None:
        """Lets the estimator predict with a finished run."""
        self.folder_, self._model = str(folder), load_model(folder)

    @property
    def _is_temporary(self) -> bool:
        return self.study is None and self.root is None

    def _raw(self, X: Any) -> np.ndarray:
        """What the model says of each row. Shapes: -> (rows,), or (rows, classes)."""
        check_is_fitted(self)
        X = self._validated(X, reset=False)
        rows = X if isinstance(X, list) else read_rows(X).table.to_pandas()
        try:
            return self._model.predict_raw(rows).to_numpy()
        except DataError as e:
            raise ValueError(str(e)) from e

    def __getstate__(self) -> dict[str, Any]:
        state = {**super().__getstate__()}
        if "_model" in state:
            state.pop("_model")
            state.pop("_finalizer", None)
            state["_files"] = read_files(Path(self.folder_))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        files = state.pop("_files", None)
        super().__setstate__(state)
        if files is not None:
            home = Path(tempfile.mkdtemp(prefix="lepton-"))
            self._take_along(home)
            folder = home / Path(self.folder_).name
            for name, content in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            self.use_run(folder)

    def _take_along(self, home: Path) -> None:
        """Removes a folder once the estimator is gone, or has another."""
        if (before := vars(self).get("_finalizer")) is not None:
            before()
        self._finalizer = weakref.finalize(self, shutil.rmtree, home, ignore_errors=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.target_tags.required = True
        return tags


class LeptonClassifier(ClassifierMixin, LeptonEstimator):
    """Classifies rows by a run of lepton's; `classes_` are those of y."""

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class. Shapes: -> (rows, classes), in the order of `classes_`."""
        return self._probabilities(self._raw(X))

    def fits_run(self) -> bool:
        classes = getattr(self, "classes_", np.array([]))
        return sorted(_class_names(classes)) == sorted(self._model.spec.classes)

    def _probabilities(self, raw: np.ndarray) -> np.ndarray:
        if raw.ndim == 1 or raw.shape[1] == 1:
            second = raw.reshape(-1).astype(np.float64)
            raw = np.stack([1 - second, second], 1)
        names = list(self._model.spec.classes)
        order = [names.index(name) for name in _class_names(self.classes_)]
        return raw[:, order]

    def _decided(self, raw: np.ndarray) -> np.ndarray:
        return self.classes_[self._probabilities(raw).argmax(1)]

    def _learned(self, target: np.ndarray) -> tuple[pd.Series, dict[str, Any]]:
        check_classification_targets(target)
        self.classes_, codes = np.unique(target, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"{type(self).__name__} needs two classes or more; y has one class")
        names = np.array(_class_names(self.classes_), dtype=object)
        task = "binary" if len(names) == 2 else "multiclass"
        positive = {"dataset.positive": names[1]} if task == "binary" else {}
        return pd.Series(names[codes], name=TARGET), {"dataset.task": task, **positive}

    def _divided(self, given: GivenRows, column: pd.Series) -> GivenRows:
        if not needs_own_validation(column, self.overrides):
            return given
        return with_validation(given, column)


class LeptonRegressor(RegressorMixin, LeptonEstimator):
    """Predicts a quantity of rows by a run of lepton's."""

    def _decided(self, raw: np.ndarray) -> np.ndarray:
        return raw.reshape(-1).astype(np.float64)

    def _learned(self, target: np.ndarray) -> tuple[pd.Series, dict[str, Any]]:
        values = target.astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError("Input y contains NaN or infinity")
        return pd.Series(values, name=TARGET), {"dataset.task": "regression"}


def _check_words(overrides: object) -> None:
    """Raises: ValueError for overrides that are no list of words, as one text is not."""
    if not isinstance(overrides, list | tuple) or not all(isinstance(o, str) for o in overrides):
        shown = printable(f"{overrides!r:.60}", one_line=True)
        raise ValueError(f"overrides: {shown} is no list of words, as ['model=mlp', 'seed=1']")


def _is_list_of_inputs(X: Any) -> bool:
    """True for texts, paths or pictures one by one, which are no matrix."""
    if not isinstance(X, list | tuple) or not len(X):
        return False
    return isinstance(X[0], str | Path) or hasattr(X[0], "getbands")


def _class_names(classes: np.ndarray) -> list[str]:
    """What a run calls the classes: as they are written, where texts tell them apart."""
    names = [str(value) for value in classes.tolist()]
    are_plain = all(map(WHOLE_NUMBER.fullmatch, names)) or not any(map(_is_changed, names))
    return names if are_plain and len({*names}) == len(names) else [*map(str, range(len(names)))]


def _is_changed(name: str) -> bool:
    """True for a text that data sets read as another: a number, or with blanks around it."""
    try:
        float(name)
    except ValueError:
        return not name or name != name.strip()
    return True
