"""Thin shells for Hydra, which imports this file at every start; the work is in lepton.sweep."""

from hydra.core.config_store import ConfigStore
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper

# conf/hydra/launcher/basic.yaml takes the place of Hydra's own, which would be merged into it
ConfigStore.instance().repo["hydra"]["launcher"].pop("basic.yaml", None)


class Grid(Sweeper):
    def __init__(self, **values):
        from lepton.sweep.grid import Grid as Work

        self.work = Work(**values)

    def setup(self, **given):
        self.work.setup(**given)

    def sweep(self, arguments):
        return self.work.sweep(arguments)


class Basic(Launcher):
    def __init__(self, **values):
        from lepton.sweep.basic import Basic as Work

        self.work = Work(**values)

    def setup(self, **given):
        self.work.setup(**given)

    def launch(self, job_overrides, initial_job_idx):
        raise TypeError("this launcher takes planned jobs: hydra/sweeper=grid")

    def launch_jobs(self, jobs):
        self.work.launch_jobs(jobs)


class Vectorized(Launcher):
    def __init__(self, **values):
        from lepton.sweep.vectorized import Vectorized as Work

        self.work = Work(**values)

    def setup(self, **given):
        self.work.setup(**given)

    def launch(self, job_overrides, initial_job_idx):
        raise TypeError("this launcher takes planned jobs: hydra/sweeper=grid")

    def launch_jobs(self, jobs):
        self.work.launch_jobs(jobs)
