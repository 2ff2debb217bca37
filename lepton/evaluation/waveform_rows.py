"""Rows of sounds as waveforms, where a run keeps spectra in their place."""

from dataclasses import replace

import numpy as np

from lepton.dataset.data import Rows
from lepton.dataset.inputs.audio import AudioInputs
from lepton.evaluation.evaluated_model import EvaluatedModel

SPECTRA = "log_mel"  # of rows, what is kept in the place of `audio`


def with_waveforms(model: EvaluatedModel) -> EvaluatedModel:
    """The model with rows whose sounds can be changed; itself where they can already.

    Raises: LeptonError when the data are not there, or have changed.
    """
    return replace(model, read_rows=lambda: _decoded(model)) if SPECTRA in model.rows else model


def _decoded(model: EvaluatedModel) -> Rows:
    """The rows with sounds decoded once more, from the files that the data name."""
    rows = {name: values for name, values in model.rows.items() if name != SPECTRA}
    raw = model.raw_rows(np.arange(len(model.rows["id"])))
    for kind in (kind for kind in model.kinds if isinstance(kind, AudioInputs)):
        assert kind.spectrum is not None
        keep, kind.spectrum.keep = kind.spectrum.keep, False
        try:
            rows |= kind.encode(raw)
        finally:
            kind.spectrum.keep = keep
    return rows
