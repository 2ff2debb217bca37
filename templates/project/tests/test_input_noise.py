from lepton.testing import MethodContract

from my_project.input_noise import InputNoise


class TestInputNoise(MethodContract):
    def build(self):
        return InputNoise(scale=0.1)
