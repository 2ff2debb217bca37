"""The methods of this folder keep the contract of methods: they resume, stack and draw as told."""

from lepton.testing import MethodContract
from tests.methods.fgsm import FGSM
from tests.methods.mixup import Mixup
from tests.methods.r_drop import RDrop


class TestMixup(MethodContract):
    def build(self):
        return Mixup(alpha=0.4)


class TestFGSM(MethodContract):
    def build(self):
        return FGSM(epsilon=0.1)


class TestRDrop(MethodContract):
    overrides = ("dataset=synthetic", "dataset.rows=240", "dataset.classes=3", "model.dropout=0.2")

    def build(self):
        return RDrop(alpha=1.0)
