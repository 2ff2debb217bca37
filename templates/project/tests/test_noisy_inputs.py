from lepton.testing import EvaluatorContract

from my_project.noisy_inputs import NoisyInputs


class TestNoisyInputs(EvaluatorContract):
    def build(self):
        return NoisyInputs(scale=0.5)
