"""Fine-tuning of one run: the weights it starts from, its phases, the baseline before it, its
adapter."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lepton.dataset.data import Data
from lepton.errors import ConfigError, LeptonError
from lepton.finetune.machinery.adapters import ADAPTED, adapters_switched_off, is_adapter
from lepton.finetune.machinery.backbone_features import (
    FeatureSplits,
    backbone_features,
    share_features,
)
from lepton.finetune.machinery.forgetting import Forgetting
from lepton.finetune.machinery.freezing import frozen_entries
from lepton.finetune.machinery.layers import (
    always_trained,
    mark_as_new,
    named_layers,
    new_parameters,
    parameters_under,
    require_layers,
)
from lepton.finetune.machinery.linear_probe_baseline import (
    LinearProbe,
    ProbeSettings,
    folds_of_probe,
    linear_probe,
    with_learned_as_val,
)
from lepton.finetune.machinery.phase_plan import TrainingStart, planned_phases, plans_of
from lepton.finetune.machinery.probing import begin_with
from lepton.finetune.machinery.source_weights import read_source_weights
from lepton.finetune.machinery.started_head import StartedHead
from lepton.finetune.machinery.weight_transfer import transfer_weights
from lepton.method import Method, Phase
from lepton.pretrained.base_weights import find_adapter_base, starting_weights, write_adapter_base
from lepton.pretrained.weight_files import ADAPTER_FILE, WEIGHTS_FILE
from lepton.spec import DataSpec
from lepton.storage.run_files import read_run_shapes, read_run_tensors
from lepton.storage.run_log import log_once
from lepton.task import Task
from lepton.values.finite import not_finite_names

if TYPE_CHECKING:
    from lepton.training.network import Network

log = logging.getLogger("lepton")
MIN_SPARED_BYTES = 2**20  # of frozen weights, from which on a run folder does without them
SHARED_BACKBONES: dict[str, dict[str, Tensor]] = {}  # the last one that features were computed with


class FineTuning:
    """The fine-tuning of a network, from the weights that `init_from` or `model.path` names.

    `probe` is the best linear head on the untuned backbone's features.
    """

    def __init__(
        self,
        config: dict[str, Any],
        model: nn.Module,
        spec: DataSpec,
        run_folder: Path | None,
        load_network: Callable[[Path], "Network"],
    ):
        """Loads the weights that training starts from.

        `run_folder` is a finished run, whose own weights are loaded later. `load_network` reads
        the run that training starts from.
        Raises: ConfigError, LeptonError when they do not fit, or are not there.
        """
        self.config = config
        self.probe = LinearProbe({})
        self.start: StartedHead | None = None
        self.forgetting: Forgetting | None = None
        require_layers(model)
        if run_folder is not None and not (run_folder / ADAPTER_FILE).is_file():
            mark_as_new(model, _without_adapters(model, run_folder))
            return
        init_from = config["init_from"]
        if run_folder is not None:
            key, place = find_adapter_base(run_folder)
            init_from = place if key == "init_from" else None
        made_new = _load_start(model, spec, config, init_from, load_network)
        mark_as_new(model, made_new)
        if run_folder is None:
            if not made_new:
                self.start = StartedHead(model)
            _require_findable_base(config)
            if config["forgetting"]:
                self.forgetting = Forgetting(init_from, load_network)

    def prepare_phases(self, network: "Network", data: Data) -> list[Phase]:
        """The phases of the training, in order; computes features and the linear probe."""
        model, strategy, config = network.model, network.methods[0], self.config
        plans = plans_of(strategy)
        splits, key = self.features(network, data)
        settings = ProbeSettings(**config["linear_probe"])
        folds = folds_of_probe(config, data)
        self.probe = linear_probe(splits, network.task, key, settings, folds=folds)
        if self.start:
            self.start.score(network, splits if folds is None else with_learned_as_val(splits))
        is_whole = self._is_backbone_loaded_whole(model)
        if is_whole and strategy.probes:  # the backbone never moves
            _share_backbone(model, key)
        begin_with_probe = partial(self._begins_with_probe, model, network.task)
        start = TrainingStart(network, data, splits if is_whole else None, begin_with_probe)
        return planned_phases(plans, start, starts_learned=not new_parameters(model))

    def features(self, network: "Network", data: Data) -> tuple[FeatureSplits, str]:
        """The untuned features of all splits, computed once, and a name for their content."""
        with adapters_switched_off(network.model):
            return backbone_features(network.model, self.config, data, network.features)

    share_features = staticmethod(share_features)

    def _begins_with_probe(self, model: nn.Module, task: Task) -> bool:
        """Gives the head the weights of the linear probe, unless one was loaded that is no worse on
        validation; False where it begins as neither."""
        monitored = f"val/{task.monitor}"
        if self.start and monitored in self.start.metrics:
            loaded = task.as_score(self.start.metrics[monitored])
            if not task.as_score(self.probe.metrics[monitored]) > loaded:
                return True
        return self.probe.head is not None and begin_with(self.probe.head, model, task)

    def added_metrics(self, model: nn.Module, spec: DataSpec) -> dict[str, dict[str, float]]:
        """What a row says beside its scores: `before` of the best linear head on the untuned
        backbone, `start` of the network as it was loaded, `source` of the task that it is from."""
        added = {"before": self.probe.metrics}
        if self.start and self.start.metrics:
            added["start"] = self.start.metrics
        if self.forgetting:
            added["source"] = self.forgetting.scores(model, spec)
        return added

    @staticmethod
    def ends_with_head(strategy: Method) -> bool:
        """True where the last phase trains a head on features, whose epochs cost nearly nothing."""
        return plans_of(strategy)[-1].is_head_alone

    @staticmethod
    def _is_backbone_loaded_whole(model: nn.Module) -> bool:
        """True when nothing but the head is made new, so that features stay what they are."""
        return always_trained(model) == set(parameters_under(model, named_layers(model)[-1]))

    def keeps_adapter_only(self, model: nn.Module, strategy: Method) -> bool:
        """True when the run folder holds only what training moved."""
        keep = getattr(strategy, "keep", "whole")
        if keep is not None:
            return keep == "adapter"
        state, frozen = model.state_dict(), frozen_entries(model)
        spared = sum(t.numel() * t.element_size() for n, t in state.items() if n in frozen)
        is_worth_it = any(map(is_adapter, state)) or spared >= MIN_SPARED_BYTES
        return is_worth_it and starting_weights(self.config)["sha256"] is not None

    def write_base(self, folder: Path) -> None:
        """Records in a run folder which weights the adapter belongs to."""
        write_adapter_base(self.config, folder)

    @staticmethod
    def adapter_state(model: nn.Module) -> dict[str, Tensor]:
        """The entries of the state that training moved."""
        frozen = frozen_entries(model)
        return {name: t for name, t in model.state_dict().items() if name not in frozen}

    @staticmethod
    def load_adapter(model: nn.Module, folder: Path) -> None:
        """Loads a run's adapter into a network that has the weights below it.

        Raises: LeptonError when something is missing.
        """
        path = folder / ADAPTER_FILE
        keys = model.load_state_dict(read_run_tensors(folder, ADAPTER_FILE), strict=False)
        missing = set(keys.missing_keys) - frozen_entries(model)
        if missing or keys.unexpected_keys:
            names = ", ".join(sorted([*missing, *keys.unexpected_keys])[:5])
            raise LeptonError(f"{path}: not the adapter of this run ({names})")


def _load_start(
    model: nn.Module,
    spec: DataSpec,
    config: dict[str, Any],
    init_from: str | None,
    load_network: Callable[[Path], "Network"],
) -> set[str]:
    """Loads the weights that training starts from; returns the parameters that are made new.

    Raises: ConfigError, LeptonError when there are none, or they do not fit or are not finite.
    """
    if init_from is None and not getattr(model, "pretrained", False):
        option = (config.get("choices") or {}).get("finetune", "?")
        raise ConfigError(
            f"finetune={option}: there is nothing to tune yet; give init_from=RUN_OR_WEIGHTS"
        )
    new = always_trained(model)
    if init_from is not None:
        source = read_source_weights(init_from, load_network)
        report = transfer_weights(model, spec, source)
        parameters = {name for name, _ in model.named_parameters()}
        new = parameters & {*report.new, *report.partial}
        log_once(f"init_from={init_from}: {report}")
    if name := next(not_finite_names(model.state_dict()), None):
        path = config["model"].get("path")  # a network inside of the model has one of its own
        start = f"init_from={init_from}" if init_from else f"model.path={path}"
        raise LeptonError(f"{start}: {name} holds values that are not finite")
    return new


def _without_adapters(model: nn.Module, run_folder: Path) -> frozenset[str]:
    """The parameters that a run with adapters, which is stored whole, put none beside: those of
    layers that were made new are among them."""
    stored = read_run_shapes(run_folder, WEIGHTS_FILE)
    if not any(ADAPTED in name for name in stored):
        return frozenset()
    return frozenset(name for name, _ in model.named_parameters() if name in stored)


def _require_findable_base(config: dict[str, Any]) -> None:
    """Raises: ConfigError when an adapter's base could not be found again."""
    start = starting_weights(config)
    if config["finetune"].get("keep") == "adapter" and start["sha256"] is None:
        raise ConfigError(
            f"finetune.keep=adapter: {start['key']}={start['path']} is no folder or file, by "
            "whose content it is found again; give one, or take finetune.keep=whole"
        )


@torch.no_grad()
def _share_backbone(model: nn.Module, key: str) -> None:
    """Lets networks with the same frozen backbone hold it in memory once."""
    head = parameters_under(model, named_layers(model)[-1])
    frozen = {name: p for name, p in model.named_parameters() if name not in head}
    if key not in SHARED_BACKBONES:
        SHARED_BACKBONES.clear()
        SHARED_BACKBONES[key] = {name: p.data for name, p in frozen.items()}
    for name, parameter in frozen.items():
        parameter.data = SHARED_BACKBONES[key][name]
