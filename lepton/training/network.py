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

from lepton import build
from lepton.dataset.load.prediction_batches import prediction_batches
from lepton.errors import Diverged
from lepton.finite import all_finite
from lepton.method import Phase
from lepton.pretrained import init_weights
from lepton.scheduler.interval import by_batch
from lepton.seeds import derive
from lepton.spec import DataSpec
from lepton.trainer.default import resolved
from lepton.training import memory, signals
from lepton.training.checkpoint import Checkpoints
from lepton.training.distributed import workers
from lepton.training.dropout_masks import Noise, take_masks_from
from lepton.training.module import Learner
from lepton.training.progress import Progress
from lepton.training.resume import Resume

log = logging.getLogger("lepton")
FILE = init_weights.WEIGHTS
QUIET = ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric")
ARCHITECTURE = "architecture"  # folder of a run that says how its pretrained model is built


class Network:
    """A model that learns by gradient descent, with what to know after training."""

    def __init__(
        self,
        cfg: dict[str, Any],
        spec: DataSpec,
        *,
        load_network: Callable[[Path], "Network"],
        saved: Path | None = None,
    ):
        """`load_network` reads the run that fine-tuning starts from; `saved` is the run folder
        whose weights `load` will be asked for."""
        self.cfg, self.spec, self.task = cfg, spec, build.task(cfg, spec)
        with torch.random.fork_rng():
            torch.manual_seed(derive(cfg["seed"], "init"))
            model = build.component(cfg, "model", spec=spec)
            self.tuning = None
            if cfg["finetune"]:
                self.tuning = _tuning(cfg, model, spec, saved, load_network)
            self.methods = build.methods(cfg)
            for method in self.methods:
                model = method.prepare(model, spec)
        self.model: nn.Module = model
        self.noise = Noise([cfg["seed"]])
        take_masks_from(self.noise, model)
        self.moving = model  # what is trained: the whole, or a head on features
        self.history: list[dict[str, float]] = []
        self.device, self.best_epoch = torch.device("cpu"), 0
        self.trained, self.seconds = "alone", 0.0

    def fit(self, data, folder: Path, watch: Callable[[int, float], bool] | None = None):
        """Trains, from the folder's checkpoint if there is one; ends with the best epoch's weights.

        Returns the data as the network looked at them in the end.

        Raises: Diverged, Pruned; Interrupted when a signal asked for the end, with a checkpoint.
        """
        parts = self.ready(data)
        for part in parts:
            if part is not parts[0]:
                self.methods[0].thaw(self.model)
            self.moving = part.module
            self._fit(part, folder, watch)
        return parts[-1].data

    def ready(self, data) -> list[Phase]:
        """The parts of the training, before any of it; a single one where nothing is tuned."""
        memory.start()
        self.device = self._device()
        if not self.tuning:
            return [Phase(self.model, data, self.cfg)]
        if self.cfg["trainer"]["precision"] in ("64-true", 64, "64"):
            self.model.double()
        parts = self.tuning.ready(self, data)
        self.moving = parts[0].module
        return parts

    def _device(self) -> torch.device:
        """Where features are computed ahead."""
        gpu = self.cfg["trainer"]["accelerator"] in ("auto", "gpu", "cuda")
        return torch.device("cuda" if gpu and torch.cuda.is_available() else "cpu")

    def _fit(self, part: Phase, folder: Path, watch: Callable[[int, float], bool] | None) -> None:
        part.module.train()  # Lightning leaves modes as it finds them
        learner, trainer = self._learner(part, watch), self._trainer(part.cfg, folder)
        resume = self._resume(trainer, folder, part.name)
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
                    trainer.fit(learner, datamodule=part.data)
        except Diverged as e:
            if trainer.is_global_zero:
                self._keep(e, learner, resume, folder)
            raise
        if not trainer.is_global_zero:
            return  # the first process has what was learned
        self.seconds += time.perf_counter() - started + (resume.seconds if resume else 0.0)
        if self.cfg["trainer"]["profiler"]:
            log.info("%s", trainer.profiler.summary())
        learner.restore_best()
        folded(part.module)
        self.history, self.best_epoch = learner.history, learner.best_epoch
        self.device = trainer.strategy.root_device

    def _learner(self, part: Phase, watch: Callable[[int, float], bool] | None) -> Learner:
        return Learner(
            model=part.module,
            task=self.task,
            methods=self.methods,
            noise=self.noise,
            history=self.history,
            make_optimizer=partial(build.component, part.cfg, "optimizer"),
            make_scheduler=self._scheduler(),
            steps_by_batch=by_batch(self.cfg),
            accumulate=self.cfg["trainer"]["accumulate_grad_batches"],
            seed=self.cfg["seed"],
            watch=watch,
        )

    def _trainer(self, cfg: dict[str, Any], folder: Path):
        quiet()
        callbacks = [c for method in self.methods for c in method.callbacks()]
        return build.instantiate(
            cfg["trainer"],
            callbacks=[*callbacks, Progress()],
            logger=build.logger(self.cfg, folder),
        )

    def _resume(self, trainer, folder: Path, part: str) -> Resume | None:
        """What saves this training and goes on with it; nothing does for several processes."""
        if trainer.world_size > 1:
            return None
        kept = Checkpoints.of(folder, self.cfg, trained=self.trained, part=part)
        resume = Resume(kept, trainer.checkpoint_every, keep_end=bool(part))
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
                learner.model.load_state_dict(state)
                folded(learner.model)
                _save(self.model.state_dict(), folder / FILE)
                error.weights = which
                return
        error.weights = "none: no finite ones were left"

    def _scheduler(self):
        return partial(build.component, self.cfg, "scheduler") if self.cfg["scheduler"] else None

    def predict(self, inputs: dict[str, Tensor]) -> Tensor:
        """Predictions for whole tensors, on the CPU; rows are taken in chunks, of like length."""
        model = self.moving if "features" in inputs else self.model
        return self._by_chunk(model, inputs, lambda rows: self.task.predict(model(rows)))

    def features(self, inputs: dict[str, Tensor]) -> Tensor:
        """What enters the head, for whole tensors, on the CPU."""
        return self._by_chunk(self.model, inputs, self.model.features)

    def _by_chunk(self, model: nn.Module, inputs: dict[str, Tensor], compute) -> Tensor:
        model.eval().to(self.device)
        dtype, parts, places = next(model.parameters()).dtype, [], []
        with torch.inference_mode(), default_dtype(dtype):
            for place, part in prediction_batches(inputs):
                rows = {
                    k: v.to(self.device, dtype if v.is_floating_point() else None)
                    for k, v in part.items()
                }
                places.append(place)
                parts.append(compute(rows).cpu())
        return torch.cat(parts)[torch.cat(places).argsort()]

    def save(self, folder: Path) -> None:
        for module in self.model.modules():
            if hasattr(module, "save_architecture"):
                module.save_architecture(folder / ARCHITECTURE)
        if self.tuning and self.tuning.adapter_only(self.model, self.methods[0]):
            _save(self.tuning.save(self.model, folder), folder / init_weights.ADAPTER)
        else:
            _save(self.model.state_dict(), folder / FILE)

    def load(self, folder: Path) -> None:
        if self.tuning and not (folder / FILE).is_file():
            self.tuning.load(self.model, folder)
            return
        state = load_file(folder / FILE)
        self.model.to(next(v.dtype for v in state.values() if v.is_floating_point()))
        self.model.load_state_dict(state)

    def merged(self) -> nn.Module:
        """The network as plain layers: adapters are added into the weights that they change.

        Raises: LeptonError for learned tokens, which are no change of weights.
        """
        if not self.tuning:
            return self.model
        from lepton.finetune.machinery.adapters import merged

        return merged(self.model)

    def sizes(self) -> dict[str, int]:
        parameters = list(self.model.parameters())
        trainable = sum(p.numel() for p in parameters if p.requires_grad)
        return {"parameters": sum(p.numel() for p in parameters), "trainable": trainable}

    def facts(self) -> dict[str, Any]:
        """What a result says of the training beside its scores."""
        precision = str(resolved(self.cfg["trainer"]))
        found: dict[str, Any] = {"memory_mb": memory.peak(self.device), "precision": precision}
        if self.tuning:
            found["before"] = self.tuning.before
            if self.tuning.forgetting:
                found["forgetting"] = self.tuning.forgetting.scores(self.model, self.spec)
        return found


def folded(module: nn.Module) -> None:
    """A trained part as a part of its model again, where it was trained as something else."""
    if hasattr(module, "fold"):
        module.fold()


def _tuning(*given):
    """Fine-tuning, which a run from scratch need not import."""
    from lepton.finetune.machinery.tuning import Tuning

    return Tuning(*given)


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
        with signals.watching() if saving else nullcontext():
            yield
    except signals.Interrupted:
        raise
    except SystemExit:
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None
