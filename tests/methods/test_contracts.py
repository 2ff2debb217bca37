"""The methods of this folder keep the contract of methods: they resume, stack and draw as told."""

from lepton.testing import MethodContract
from tests.methods.fgsm import FGSM
from tests.methods.mixup import Mixup


class TestMixup(MethodContract):
    def build(self):
        return Mixup(alpha=0.4)


class TestFGSM(MethodContract):
    def build(self):
        return FGSM(epsilon=0.1)
