"""A neural network's way through a run: build, fit with Lightning, predict, save, load."""

import logging
import signal
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lepton import build
from lepton.module import Learner
from lepton.progress import Progress
from lepton.seeds import derive
from lepton.signature import signature
from lepton.spec import DataSpec
from lepton.worker import workers

log = logging.getLogger("lepton")
FILE = "model.safetensors"
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
        self.history: list[dict[str, float]] = []
        self.device, self.best_epoch = torch.device("cpu"), 0
        self.trained = "alone"

    def fit(self, data, folder: Path, watch=None) -> None:
        """Trains, and ends with the weights of the best epoch."""
        cfg = self.cfg
        learner = Learner(
            model=self.model,
            task=self.task,
            methods=self.methods,
            make_optimizer=partial(build.part, cfg, "optimizer"),
            make_scheduler=self._scheduler(),
            steps_by_batch=self._steps_by_batch(),
            accumulate=cfg["trainer"]["accumulate_grad_batches"],
            seed=cfg["seed"],
        )
        for name in (
            "pytorch_lightning",
            "lightning_fabric",
            "lightning.pytorch",
            "lightning.fabric",
        ):
            logging.getLogger(name).setLevel(logging.WARNING)
        callbacks = [c for method in self.methods for c in method.callbacks()]
        trainer = build.make(
            cfg["trainer"],
            callbacks=[*callbacks, Progress()],
            logger=build.logger(cfg, folder),
        )
        started = time.perf_counter()
        with torch.random.fork_rng(), _interruptible(), workers(folder):
            trainer.fit(learner, datamodule=data)
        self.seconds = time.perf_counter() - started
        if cfg["trainer"]["profiler"]:
            log.info("%s", trainer.profiler.summary())
        learner.restore_best()
        self.history, self.best_epoch = learner.history, learner.best_epoch
        self.device = trainer.strategy.root_device

    def _scheduler(self):
        return partial(build.part, self.cfg, "scheduler") if self.cfg["scheduler"] else None

    def _steps_by_batch(self) -> bool:
        node = self.cfg["scheduler"]
        return bool(node) and "total_steps" in signature(node["_target_"]).parameters

    def predict(self, inputs: dict[str, Tensor]) -> Tensor:
        """Predictions for whole tensors, on the CPU; rows are taken in chunks."""
        self.model.eval().to(self.device)
        parts = []
        with torch.inference_mode():
            for start in range(0, len(next(iter(inputs.values()))), CHUNK):
                rows = {k: v[start : start + CHUNK].to(self.device) for k, v in inputs.items()}
                parts.append(self.task.predict(self.model(rows)).cpu())
        return torch.cat(parts)

    def save(self, folder: Path) -> None:
        state = {k: v.detach().cpu().contiguous() for k, v in self.model.state_dict().items()}
        save_file(state, folder / FILE)

    def load(self, folder: Path) -> None:
        self.model.load_state_dict(load_file(folder / FILE))

    def sizes(self) -> dict[str, int]:
        parameters = list(self.model.parameters())
        trainable = sum(p.numel() for p in parameters if p.requires_grad)
        return {"parameters": sum(p.numel() for p in parameters), "trainable": trainable}


@contextmanager
def _interruptible():
    """Lightning turns Ctrl-C into exit code 1 and ignores the next one; this gives it back."""
    try:
        yield
    except SystemExit:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt from None
