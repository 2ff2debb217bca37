"""The plain mean."""

from lepton.ensemble.combiner import Combiner


class Mean(Combiner):
    """Every member counts the same."""
