"""The contract of what is kept of a network: shared parameters, buffers, adapters, EMA, soups."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lepton.ensemble.machinery.weight_averaging import mean_state
from lepton.finetune.lora import LoRA
from lepton.finetune.machinery.fine_tuning import FineTuning
from lepton.regularization.ema import EMA
from lepton.task import task_for
from lepton.testing.model_trials import ModelTrial, ModelTrials, for_each_trial, if_it_has_layers
from lepton.training.weights import save_weights


class SavedModelContract(ModelTrials):
    """The contract of what a run keeps of a network, on made-up data.

    A subclass defines `build(self, spec)` and may set `tasks` and `reads`, as of a ModelContract.
    The property of adapters holds for networks that have `layers` and where peft is installed.
    """

    @for_each_trial
    def test_a_trained_state_is_read_as_it_was_written(self, trial: ModelTrial) -> None:
        """Another network that is given the file of a trained one gives the same logits."""
        self._train(trial.model, trial)
        other = self._loaded(trial, trial.model)
        self._same_logits(trial, trial.model, other, "a network that was saved and loaded")

    @for_each_trial
    def test_buffers_are_part_of_the_file(self, trial: ModelTrial) -> None:
        """Every buffer has, in another network that is given the file, the value that it had."""
        self._train(trial.model, trial)
        buffers = dict(self._loaded(trial, trial.model).named_buffers())
        changed = [n for n, value in trial.model.named_buffers() if not value.equal(buffers[n])]
        assert not changed, f"buffers must be read as they were saved; {changed} are not"

    @for_each_trial
    def test_shared_parameters_are_shared_after_loading(self, trial: ModelTrial) -> None:
        """What shares memory before it is saved does so afterwards, and goes on being trained."""
        other = self._loaded(trial, trial.model)
        first, second = _shared_names(trial.model), _shared_names(other)
        assert first == second, (
            f"parameters that are one must be one after loading; {first} became {second}"
        )
        for model in (trial.model, other):
            self._train(model, trial)
        self._same_logits(trial, trial.model, other, "a network that was loaded and trained on")

    @for_each_trial
    def test_the_average_of_its_weights_is_saved(self, trial: ModelTrial) -> None:
        """The exponential average of the weights, as `regularization=ema` keeps it, is loaded."""
        average = EMA(decay=0.5)
        average.start(trial.model)
        for _ in range(2):
            self._train(trial.model, trial, average)
        average.finish()
        other = self._loaded(trial, trial.model)
        self._same_logits(trial, trial.model, other, "an average that was saved and loaded")

    @for_each_trial
    def test_the_mean_of_two_is_a_network(self, trial: ModelTrial) -> None:
        """The mean of two trained states, as a soup is one, can be loaded, saved and loaded."""
        states = [{n: t.clone() for n, t in trial.model.state_dict().items()}]
        self._train(trial.model, trial)
        states.append(trial.model.state_dict())
        trial.model.load_state_dict(mean_state(states))
        logits = _logits(trial.model, trial)
        assert logits.isfinite().all(), "the mean of two states must give finite logits"
        other = self._loaded(trial, trial.model)
        self._same_logits(trial, trial.model, other, "a soup that was saved and loaded")

    @for_each_trial
    @if_it_has_layers
    def test_an_adapter_is_all_that_a_tuned_network_needs(self, trial: ModelTrial) -> None:
        """A network with the weights below and the saved adapter gives the tuned one's logits."""
        if importlib.util.find_spec("peft") is None or not _can_be_adapted(trial.model):
            return
        base = {name: value.clone() for name, value in trial.model.state_dict().items()}
        tuned, other = (self._adapted(trial, base) for _ in range(2))
        self._train(tuned, trial)
        with _saved(FineTuning.adapter_state(tuned), "adapter.safetensors") as path:
            FineTuning.load_adapter(other, path.parent)
        self._same_logits(trial, tuned, other, "an adapter that was saved and loaded")

    def _adapted(self, trial: ModelTrial, base: dict[str, Tensor]) -> nn.Module:
        model = self._another(trial)
        model.load_state_dict(base)
        lora = LoRA(
            **{"rank": 2, "alpha": 4.0, "dropout": 0.0, "targets": None, "keep": "adapter"},
            **{"start": None, "rank_stabilized": False, "rate_ratio": 1.0},
        )
        return lora.prepare(model, trial.spec)

    def _another(self, trial: ModelTrial) -> nn.Module:
        """A network for the same data, with other weights."""
        with torch.random.fork_rng():
            torch.manual_seed(1)
            return self.build(trial.spec)

    def _loaded(self, trial: ModelTrial, model: nn.Module) -> nn.Module:
        """Another network that is given the file of this one."""
        other = self._another(trial)
        with _saved(model.state_dict(), "model.safetensors") as path:
            state = load_file(path)
        missing = sorted(set(model.state_dict()) - set(state))
        assert not missing, f"every entry of the state must be in its file; {missing} are not"
        other.load_state_dict(state)
        return other

    @staticmethod
    def _train(model: nn.Module, trial: ModelTrial, average: EMA | None = None) -> None:
        """Takes a step of plain gradient descent, the same whenever it is taken."""
        task = task_for(trial.spec, class_weights=None, monitor=None)
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(trained, lr=0.05)
        with torch.random.fork_rng():
            torch.manual_seed(2)
            optimizer.zero_grad()
            logits = model.train()(trial.batch)
            task.loss(logits, task.encode(trial.batch["target"])).backward()
        optimizer.step()
        if average:
            average.after_step(model, optimizer)

    @staticmethod
    def _same_logits(trial: ModelTrial, first: nn.Module, second: nn.Module, what: str) -> None:
        expected, logits = _logits(first, trial), _logits(second, trial)
        assert torch.equal(expected, logits), (
            f"{what} must give the logits of the one that was saved; they differ by "
            f"{float((expected - logits).abs().max()):.3g}"
        )


@torch.no_grad()
def _logits(model: nn.Module, trial: ModelTrial) -> Tensor:
    return model.eval()(trial.batch)


@contextmanager
def _saved(state: dict[str, Tensor], name: str) -> Iterator[Path]:
    """The file of a state, while it is there.

    Raises: AssertionError for a state that cannot be written.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        try:
            save_weights(state, path)
        except Exception as error:  # of whatever the state holds
            raise AssertionError(
                f"the state must be saved as safetensors, which says: {error}"
            ) from None
        yield path


def _shared_names(model: nn.Module) -> set[frozenset[str]]:
    """The groups of names under which one parameter stands several times."""
    names: dict[int, set[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), set()).add(name)
    return {frozenset(group) for group in names.values() if len(group) > 1}


def _can_be_adapted(model: nn.Module) -> bool:
    """True where a linear layer lies below the head."""
    *below, _ = model.layers()  # pyright: ignore[reportCallIssue]
    names = tuple(name for names in below for name in names.split("+"))
    return any(
        isinstance(module, nn.Linear) and f"{path}.".startswith(tuple(f"{n}." for n in names))
        for path, module in model.named_modules()
    )
