"""Thin shells for Hydra, which imports this file at every start; the work is in lepton.sweep."""

from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper

from lepton.compat.hydra import forget_stored_options

# files of conf/hydra/launcher take the place of plugins' own, which would be merged into them
forget_stored_options("hydra/launcher", ("basic", "ray", "submitit_local", "submitit_slurm"))


class Grid(Sweeper):
    def __init__(self, **values):
        from lepton.sweep.grid import Grid as Work

        self.work = Work(**values)

    def setup(self, **given):
        self.work.setup(**given)

    def sweep(self, arguments):
        return self.work.sweep(arguments)


class Search(Sweeper):
    def __init__(self, **values):
        from lepton.sweep.search.sweeper import Search as Work

        self.work = Work(**values)

    def setup(self, **given):
        self.work.setup(**given)

    def sweep(self, arguments):
        return self.work.sweep(arguments)


class _Planned(Launcher):
    """A launcher of lepton's: the sweeper hands it jobs that are composed and checked."""

    def setup(self, **given):
        self.work.setup(**given)

    def launch(self, job_overrides, initial_job_idx):
        raise TypeError("this launcher takes planned jobs: hydra/sweeper=grid")

    def launch_jobs(self, jobs, progress=None):
        self.work.launch_jobs(jobs, progress)


class Basic(_Planned):
    def __init__(self, **values):
        from lepton.launch.basic import Basic as Work

        self.work = Work(**values)


class Parallel(_Planned):
    def __init__(self, **values):
        from lepton.launch.parallel import Parallel as Work

        self.work = Work(**values)


class Submitit(_Planned):
    def __init__(self, **values):
        from lepton.launch.slurm import Submitit as Work

        self.work = Work(**values)


class Ray(_Planned):
    def __init__(self, **values):
        from lepton.launch.ray import Ray as Work

        self.work = Work(**values)


class Vectorized(_Planned):
    def __init__(self, **values):
        from lepton.launch.vectorized import Vectorized as Work

        self.work = Work(**values)


class Auto(_Planned):
    def __init__(self, **values):
        from lepton.launch.auto import Auto as Work

        self.work = Work(**values)
