"""No scaling: numbers stay as they are, apart from missing ones."""

from lepton.preprocessing.table import TablePreprocessing


class NoScaling(TablePreprocessing):
    """Imputes numbers and encodes categories, and scales nothing."""
