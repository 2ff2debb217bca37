"""The contract of networks: logits, gradients, evaluation, state, and layers for fine-tuning."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import safetensors.torch
import torch
from torch import Tensor, nn

from lepton.model.layers import tunable
from lepton.spec import DataSpec
from lepton.testing.model_trials import ModelTrial, ModelTrials, for_each_trial, if_it_has_layers
from lepton.training.weights import save_weights


class ModelContract(ModelTrials):
    """The contract of a network, on made-up data.

    A subclass defines `build(self, spec)`, and may set `tasks`, of which all are tried, and
    `reads`, the kinds of inputs as the network names them: ("table",), which is tried with numbers
    and categories, with numbers alone and with categories alone; ("text",), tried with texts and
    with pairs of texts; or others, tried with what each makes up.
    Properties of `layers()`, `features(batch)` and `head`, which fine-tuning needs, hold for
    networks that have `layers`.
    """

    def test_numbers_alone_and_categories_alone_are_enough(self) -> None:
        """The network takes tables without categories, and tables without numbers."""
        for refusal in self.refusals():
            raise AssertionError(f"{refusal}; a table may have numbers alone, or categories alone")

    @for_each_trial
    def test_logits_are_rows_by_outputs(self, trial: ModelTrial) -> None:
        """Logits have a row for each of the batch, and a column for each output of the spec."""
        rows, outputs = len(trial.batch["id"]), trial.spec.outputs
        for logits in trial.logits.values():
            shape = tuple(logits.shape)
            assert shape in ((rows, outputs), (rows, *shape[1:2], outputs)), (
                f"logits must be (rows, outputs) = {(rows, outputs)}, or (rows, k, outputs) for k "
                f"parallel predictions; they are {shape}"
            )

    @for_each_trial
    def test_logits_are_finite(self, trial: ModelTrial) -> None:
        """No logit is infinite or no number, in training and in evaluation."""
        for mode, logits in trial.logits.items():
            count = int((~logits.isfinite()).sum())
            assert not count, f"logits must be finite; in {mode} {count} are not"

    @for_each_trial
    def test_there_is_something_to_train(self, trial: ModelTrial) -> None:
        """The network has trainable parameters."""
        trainable = [p for p in trial.model.parameters() if p.requires_grad]
        assert trainable, "a network needs trainable parameters; it has none"

    @for_each_trial
    def test_the_loss_depends_on_every_trainable_parameter(self, trial: ModelTrial) -> None:
        """Every trainable parameter takes part in the forward pass."""
        for gradients in trial.gradients.values():
            unused = [name for name, gradient in gradients.items() if gradient is None]
            assert not unused, f"the loss must depend on every parameter; it does not on {unused}"

    @for_each_trial
    def test_gradients_are_finite(self, trial: ModelTrial) -> None:
        """No gradient is infinite or no number, in training and in evaluation."""
        for gradients in trial.gradients.values():
            present = {name: g for name, g in gradients.items() if g is not None}
            infinite = [name for name, g in present.items() if not g.isfinite().all()]
            assert not infinite, f"gradients must be finite; those of {infinite} are not"

    @for_each_trial
    def test_no_gradient_is_zero_throughout(self, trial: ModelTrial) -> None:
        """Every trainable parameter is moved by the loss."""
        # in evaluation: in training, batch normalization cancels a bias before it
        gradients = {name: g for name, g in trial.gradients["evaluation"].items() if g is not None}
        still = [name for name, gradient in gradients.items() if not gradient.any()]
        assert not still, f"every trainable parameter needs a gradient; it is all zero for {still}"

    @for_each_trial
    def test_the_same_batch_gives_the_same_logits(self, trial: ModelTrial) -> None:
        """Evaluation draws no random numbers."""
        first, again = trial.logits["evaluation"], evaluate(trial.model, trial.batch)
        assert torch.equal(first, again), (
            "in eval mode the same batch must give the same logits; "
            f"they differ by {largest_difference(first, again)}"
        )

    @for_each_trial
    def test_a_row_gives_the_same_logits_alone_and_among_others(self, trial: ModelTrial) -> None:
        """In evaluation, no row depends on the other rows of its batch."""
        among_others = trial.logits["evaluation"][:1]
        alone = evaluate(trial.model, trial.first_row())
        assert torch.allclose(alone, among_others, rtol=1e-4, atol=1e-5), (
            "in eval mode a row must give the same logits alone and among others; "
            f"they differ by {largest_difference(alone, among_others)}"
        )

    @for_each_trial
    def test_evaluation_changes_nothing(self, trial: ModelTrial) -> None:
        """Evaluation leaves parameters and buffers as they are."""
        before = {name: value.clone() for name, value in trial.model.state_dict().items()}
        evaluate(trial.model, trial.batch)
        after = trial.model.state_dict()
        changed = [name for name, value in after.items() if not value.equal(before[name])]
        assert not changed, f"in eval mode nothing may change; {changed} did"

    @for_each_trial
    def test_its_state_is_saved_as_safetensors(self, trial: ModelTrial) -> None:
        """The state can be written as safetensors, and is read as it was."""
        state = trial.model.state_dict()
        try:
            with TemporaryDirectory() as folder:
                save_weights(state, path := Path(folder, "model.safetensors"))
                read_state = safetensors.torch.load_file(path)
        except Exception as error:  # of whatever the state holds
            message = f"the state must be saved as safetensors, which says: {error}"
            raise AssertionError(message) from None
        changed = [name for name, value in state.items() if not read_state[name].equal(value)]
        assert not changed, f"the state must be read as it was saved; {changed} are not"

    @for_each_trial
    def test_its_state_is_all_that_it_computes_with(self, trial: ModelTrial) -> None:
        """Another network with the same state gives the same logits."""
        torch.manual_seed(1)
        other = self.build(trial.spec)
        other.load_state_dict(trial.model.state_dict())
        assert torch.equal(evaluate(other, trial.batch), trial.logits["evaluation"]), (
            "a model given another's state must give the other's logits; "
            "something it computes with is neither parameter nor buffer"
        )

    @for_each_trial
    @if_it_has_layers
    def test_every_parameter_lies_in_one_of_its_layers(self, trial: ModelTrial) -> None:
        """`layers()` names each parameter's layer, and no parameter twice."""
        for name, _ in trial.model.named_parameters():
            places = [layer for layer in layer_names(trial.model) if lies_in(name, layer)]
            assert len(places) == 1, (
                f"every parameter must lie in one of layers(); {name} in {places}"
            )

    @for_each_trial
    @if_it_has_layers
    def test_every_layer_holds_parameters(self, trial: ModelTrial) -> None:
        """`layers()` names no layer without parameters."""
        names = [name for name, _ in trial.model.named_parameters()]
        layers = layer_names(trial.model)
        empty = [layer for layer in layers if not any(lies_in(name, layer) for name in names)]
        assert not empty, f"every one of layers() must hold parameters; {empty} do not"

    @for_each_trial
    @if_it_has_layers
    def test_the_last_layer_is_the_head(self, trial: ModelTrial) -> None:
        """`layers()` ends with the module that `head` gives."""
        last = layer_names(trial.model)[-1]
        assert trial.model.get_submodule(last) is tunable(trial.model).head, (
            f"the last of layers() must be the head; {last} is another module"
        )

    @for_each_trial
    @if_it_has_layers
    def test_logits_are_the_head_of_the_features(self, trial: ModelTrial) -> None:
        """`forward(batch)` computes `head(features(batch))`."""
        logits = trial.logits["evaluation"]
        with torch.no_grad():
            model = tunable(trial.model.eval())
            head_logits = model.head(model.features(trial.batch))
        assert torch.equal(head_logits, logits), (
            "forward(batch) must be head(features(batch)); "
            f"they differ by {largest_difference(head_logits, logits)}"
        )

    @for_each_trial
    @if_it_has_layers
    def test_features_are_rows_by_width(self, trial: ModelTrial) -> None:
        """`features(batch)` has rows and columns, or k predictions between them."""
        with torch.no_grad():
            features = tunable(trial.model.eval()).features(trial.batch)
        assert features.ndim in (2, 3), (
            "features must be (rows, width), or (rows, k, width) for k parallel predictions; "
            f"they are {tuple(features.shape)}"
        )


class _ModelCheck(ModelContract):
    """The contract of the networks that a function builds, on data of one spec."""

    def __init__(self, make: Callable[..., nn.Module], spec: DataSpec) -> None:
        self.make, self.spec = make, spec

    def build(self, spec: DataSpec) -> nn.Module:
        return self.make(spec=spec)

    def specs(self) -> list[DataSpec]:
        return [self.spec]


def check_model(make: Callable[..., nn.Module], spec: DataSpec) -> None:
    """Holds the network that `make(spec=...)` builds to ModelContract, on data of this spec.

    Also with the spec's numbers alone and with its categories alone.
    Raises: AssertionError of the first property that is broken.
    """
    _ModelCheck(make, spec).check()


@torch.no_grad()
def evaluate(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """The logits in eval mode."""
    return model.eval()(batch)


def largest_difference(actual: Tensor, expected: Tensor) -> str:
    """The largest difference between two tensors, or their shapes where these differ."""
    if actual.shape != expected.shape:
        return f"shapes {tuple(actual.shape)} and {tuple(expected.shape)}"
    return f"{float((actual - expected).abs().max()):.3g}"


def layer_names(model: nn.Module) -> list[str]:
    """The names in `layers()`, from the input to the head; those joined by `+` each by itself."""
    return [name for joined in tunable(model).layers() for name in joined.split("+")]


def lies_in(parameter: str, layer: str) -> bool:
    """True for the name of a parameter that is, or lies in, the layer of this name."""
    return f"{parameter}.".startswith(f"{layer}.")
