from lepton.testing import DatasetContract


class TestRings(DatasetContract):
    overrides = ("dataset=rings",)
