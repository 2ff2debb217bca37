"""Contracts compose as the other tests do, at less cost."""

import pytest

from lepton.config.compose import compose
from lepton.testing import dataset, method


@pytest.fixture(autouse=True)
def quick_composition(monkeypatch):
    monkeypatch.setattr(dataset, "compose", compose)
    monkeypatch.setattr(method, "compose", compose)
