"""Thin shells for Hydra, which imports this file at every start; the work is done elsewhere.

Sweepers work in lepton.sweep, launchers in lepton.launch, which load when one is chosen.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from lepton.compat.hydra import forget_stored_options

if TYPE_CHECKING:
    from lepton.sweep.job import Job
    from lepton.sweep.progress import SweepProgress

# files of conf/hydra/launcher take the place of plugins' own, which would be merged into them
forget_stored_options("hydra/launcher", ("basic", "ray", "submitit_local", "submitit_slurm"))


class _SweeperShell(Sweeper):
    """Hands what Hydra calls to the sweeper that does the work."""

    sweeper: Any

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.sweeper.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> None:
        self.sweeper.sweep(arguments)


class Grid(_SweeperShell):
    """Hydra's name for the sweeper that trains every combination of values."""

    def __init__(self, **values: Any):
        from lepton.sweep.grid import Grid

        self.sweeper = Grid(**values)


class Search(_SweeperShell):
    """Hydra's name for the sweeper whose trials Optuna proposes."""

    def __init__(self, **values: Any):
        from lepton.sweep.search.sweeper import Search

        self.sweeper = Search(**values)


class _LauncherShell(Launcher):
    """A launcher of lepton's: the sweeper hands it jobs that are composed and checked."""

    launcher: Any

    @property
    def heeds_budget(self) -> bool:
        """True for a launcher that asks before each start whether the time left suffices."""
        return getattr(self.launcher, "heeds_budget", False)

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Takes what Hydra hands to every launcher; planned jobs need none of it."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        raise TypeError("this launcher takes planned jobs: hydra/sweeper=grid")

    def launch_jobs(self, jobs: "Sequence[Job]", progress: "SweepProgress | None" = None) -> None:
        """Trains planned jobs."""
        self.launcher.launch_jobs(jobs, progress)


class Basic(_LauncherShell):
    """Hydra's name for the launcher that trains one run after the other in this process."""

    def __init__(self, **values: Any):
        from lepton.launch.basic import Basic

        self.launcher = Basic(**values)


class Parallel(_LauncherShell):
    """Hydra's name for the launcher with a pool of worker processes."""

    def __init__(self, **values: Any):
        from lepton.launch.parallel import Parallel

        self.launcher = Parallel(**values)


class Submitit(_LauncherShell):
    """Hydra's name for the launcher that has submitit train each run in a job of its own."""

    def __init__(self, **values: Any):
        from lepton.launch.slurm import Submitit

        self.launcher = Submitit(**values)


class Ray(_LauncherShell):
    """Hydra's name for the launcher whose runs are tasks of Ray's."""

    def __init__(self, **values: Any):
        from lepton.launch.ray import Ray

        self.launcher = Ray(**values)


class Vectorized(_LauncherShell):
    """Hydra's name for the launcher that trains runs as stacks."""

    def __init__(self, **values: Any):
        from lepton.launch.vectorized import Vectorized

        self.launcher = Vectorized(**values)


class Auto(_LauncherShell):
    """Hydra's name for the default launcher, which stacks runs or starts a pool."""

    def __init__(self, **values: Any):
        from lepton.launch.auto import Auto

        self.launcher = Auto(**values)
