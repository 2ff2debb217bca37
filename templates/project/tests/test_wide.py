from lepton.testing import ModelContract

from my_project.wide import Wide


class TestWide(ModelContract):
    def build(self, spec):
        return Wide(spec=spec, units=8)
