from lepton.testing import CombinerContract

from my_project.best_member import BestMember


class TestBestMember(CombinerContract):
    def build(self, task):
        return BestMember(task=task)
