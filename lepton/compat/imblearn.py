"""imbalanced-learn's SMOTE, SMOTENC and SMOTEN, which also say of which rows each new one is made.

They keep that in the private functions that make samples, which are overridden here.
"""

from typing import Any

import numpy as np

from lepton.compat.optional import import_optional


def recording_sampler(numbers: int, categories: int, *, needed_by: str, **settings: Any) -> Any:
    """The sampler for so many numbers, which stand first, and category codes behind them.

    After `fit_resample`, `parents` (new rows, 1 or 2) are positions within the class that was
    sampled: of two rows that a new one lies between, or of the one whose neighbours it is of.

    No public way: new rows stand behind the old ones without a word of where they are from.
    Tried: imbalanced-learn 0.14.2.
    Raises: LeptonError where imbalanced-learn is not installed.
    """
    smote = import_optional("imblearn.over_sampling", needed_by=needed_by)
    if not numbers:
        return _recording_vote(smote.SMOTEN)(**settings)
    if not categories:
        return _recording_pairs(smote.SMOTE)(**settings)
    places = [*range(numbers, numbers + categories)]
    return _recording_pairs(smote.SMOTENC)(categorical_features=places, **settings)


def _recording_pairs(sampler: type) -> type:
    """SMOTE or SMOTENC, which choose pairs of rows before they make samples of them."""

    class RecordingPairs(sampler):
        def _generate_samples(self, X, nn_data, nn_num, rows, cols, *others: Any):
            self.parents = np.column_stack([rows, nn_num[rows, cols]])
            return super()._generate_samples(X, nn_data, nn_num, rows, cols, *others)

    return _like(sampler, RecordingPairs)


def _recording_vote(sampler: type) -> type:
    """SMOTEN, which chooses a row before its neighbours vote."""

    class RecordingVote(sampler):
        def _make_samples(self, X_class, klass, y_dtype, nn_indices, n_samples):
            rng = np.random.RandomState(self.random_state)  # the draw is its first of the class
            self.parents = rng.choice(np.arange(len(X_class)), size=n_samples)[:, None]
            return super()._make_samples(X_class, klass, y_dtype, nn_indices, n_samples)

    return _like(sampler, RecordingVote)


def _like(sampler: type, recording: type) -> type:
    """The class with the constructor's signature of the sampler, which scikit-learn looks up."""
    recording.__init__ = sampler.__init__
    return recording
