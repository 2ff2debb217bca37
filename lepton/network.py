"""A neural network's way through a run: build, fit with Lightning, predict, save, load."""

import logging
import signal
import time
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lepton import build, interrupt
from lepton.checkpoint import Checkpoints
from lepton.errors import Diverged
from lepton.finite import all_finite
from lepton.module import Learner
from lepton.noise import Noise, take_masks_from
from lepton.progress import Progress
from lepton.resume import Resume
from lepton.scheduler.when import by_batch
from lepton.seeds import derive
from lepton.spec import DataSpec
from lepton.worker import workers

log = logging.getLogger("lepton")
FILE = "model.safetensors"
QUIET = ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric")
CHUNK = 8192  # rows predicted at once


class Network:
    """A model that learns by gradient descent, with what to know after training."""

    def __init__(self, cfg: dict[str, Any], spec: DataSpec):
        self.cfg, self.task = cfg, build.task(cfg, spec)
        with torch.random.fork_rng():
            torch.manual_seed(derive(cfg["seed"], "init"))
            model = build.part(cfg, "model", spec=spec)
            self.methods = build.methods(cfg)
            for method in self.methods:
                model = method.prepare(model, spec)
        self.model: nn.Module = model
        self.noise = Noise([cfg["seed"]])
        take_masks_from(self.noise, model)
        self.history: list[dict[str, float]] = []
        self.device, self.best_epoch = torch.device("cpu"), 0
        self.trained = "alone"

    def fit(self, data, folder: Path, watch: Callable[[int, float], bool] | None = None) -> None:
        """Trains, from the folder's checkpoint if there is one; ends with the best epoch's weights.

        Raises: Diverged, Pruned; Interrupted when a signal asked for the end, with a checkpoint.
        """
        learner, trainer = self._learner(watch), self._trainer(folder)
        resume = self._resume(trainer, folder)
        started = time.perf_counter()
        try:
            if resume is not None and resume.is_over(learner, trainer):
                trainer.precision_plugin.convert_module(learner)
            else:
                with (
                    torch.random.fork_rng(),
                    interruptible(saving=resume is not None),
                    workers(folder),
                ):
                    trainer.fit(learner, datamodule=data)
        except Diverged as e:
            self._keep(e, learner, resume, folder)
            raise
        self.seconds = time.perf_counter() - started + (resume.seconds if resume else 0.0)
        if self.cfg["trainer"]["profiler"]:
            log.info("%s", trainer.profiler.summary())
        learner.restore_best()
        self.history, self.best_epoch = learner.history, learner.best_epoch
        self.device = trainer.strategy.root_device

    def _learner(self, watch: Callable[[int, float], bool] | None) -> Learner:
        return Learner(
            model=self.model,
            task=self.task,
            methods=self.methods,
            make_optimizer=partial(build.part, self.cfg, "optimizer"),
            make_scheduler=self._scheduler(),
            steps_by_batch=by_batch(self.cfg),
            accumulate=self.cfg["trainer"]["accumulate_grad_batches"],
            seed=self.cfg["seed"],
            noise=self.noise,
            watch=watch,
        )

    def _trainer(self, folder: Path):
        quiet()
        callbacks = [c for method in self.methods for c in method.callbacks()]
        return build.make(
            self.cfg["trainer"],
            callbacks=[*callbacks, Progress()],
            logger=build.logger(self.cfg, folder),
        )

    def _resume(self, trainer, folder: Path) -> Resume | None:
        """What saves this training and goes on with it; nothing does for several processes."""
        if trainer.world_size > 1:
            return None
        checkpoints = Checkpoints.of(folder, self.cfg, trained=self.trained)
        resume = Resume(checkpoints, trainer.checkpoint_every)
        trainer.callbacks.insert(0, resume)
        return resume

    def _keep(self, error: Diverged, learner: Learner, resume: Resume | None, folder: Path) -> None:
        """Keeps the last weights that are finite, and says in the error which those are."""
        saved = resume.checkpoints.load() if resume else None
        for which, state in (
            ("of the step before", learner.model.state_dict()),
            (f"of epoch {learner.best_epoch + 1}, the best", learner.best_state),
            ("of the last checkpoint", saved["model"] if saved else {}),
        ):
            if state and all_finite(state):
                _save(state, folder / FILE)
                error.weights = which
                return
        error.weights = "none: no finite ones were left"

    def _scheduler(self):
        return partial(build.part, self.cfg, "scheduler") if self.cfg["scheduler"] else None

    def predict(self, inputs: dict[str, Tensor]) -> Tensor:
        """Predictions for whole tensors, on the CPU; rows are taken in chunks."""
        self.model.eval().to(self.device)
        dtype, parts = next(self.model.parameters()).dtype, []
        with torch.inference_mode(), default_dtype(dtype):
            for start in range(0, len(next(iter(inputs.values()))), CHUNK):
                part = {k: v[start : start + CHUNK].to(self.device) for k, v in inputs.items()}
                rows = {k: v.to(dtype) if v.is_floating_point() else v for k, v in part.items()}
                parts.append(self.task.predict(self.model(rows)).cpu())
        return torch.cat(parts)

    def save(self, folder: Path) -> None:
        _save(self.model.state_dict(), folder / FILE)

    def load(self, folder: Path) -> None:
        state = load_file(folder / FILE)
        self.model.to(next(v.dtype for v in state.values() if v.is_floating_point()))
        self.model.load_state_dict(state)

    def sizes(self) -> dict[str, int]:
        parameters = list(self.model.parameters())
        trainable = sum(p.numel() for p in parameters if p.requires_grad)
        return {"parameters": sum(p.numel() for p in parameters), "trainable": trainable}


def quiet() -> None:
    """Leaves of what Lightning says on every fit its warnings alone."""
    for package in QUIET:
        logging.getLogger(package).setLevel(logging.WARNING)


@contextmanager
def default_dtype(dtype: torch.dtype):
    """The float type of tensors that a model makes itself."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _save(state: dict[str, Tensor], path: Path) -> None:
    save_file({name: t.detach().cpu().contiguous() for name, t in state.items()}, path)


@contextmanager
def interruptible(*, saving: bool):
    """Where checkpoints are made a signal asks for one; else, and the second time, it ends at once.

    Lightning turns Ctrl-C into exit code 1 and ignores the next one; this gives it back.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        with interrupt.watching() if saving else nullcontext():
            yield
    except interrupt.Interrupted:
        raise
    except SystemExit:
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None
