"""A member of a stack ends as the same run alone: every optimizer, schedule, model and key."""

import json

import numpy as np
import pandas as pd
import pytest
from pytorch_lightning.loggers import CSVLogger

from lepton.storage.results import read_result
from lepton.sweep.multirun import plan_runs
from lepton.sweep.progress import SweepProgress
from lepton.vectorize.grouping import group_jobs
from lepton.vectorize.job_group import JobGroup, StackingOptions
from tests.quick import quick
from tests.vectorize.conftest import DATA, EXACT, SMALL, largest_difference

ZIPPED = "hydra.sweeper.zip=[seed,optimizer.lr]"  # two members rather than four
TWO = ("seed=1,2", "optimizer.lr=0.003,0.02", ZIPPED)
OPTIMIZERS = {
    "adam": ("optimizer.weight_decay=0,0.1", "optimizer.lr=0.003,0.02"),
    "adam, betas": ("optimizer.betas=[0.9,0.999],[0.5,0.9]", "optimizer.eps=1e-8,1e-3"),
    "adamw": ("optimizer.weight_decay=0,0.3", "optimizer.lr=0.003,0.02"),
    "adamw, not fused": ("optimizer.fused=false", *TWO),
    "sgd": ("optimizer.momentum=0.5,0.9", "optimizer.weight_decay=0,0.1", "optimizer.lr=0.01,0.1"),
    "sgd, plain": ("optimizer.nesterov=false", "optimizer.momentum=0,0.9", "optimizer.lr=0.01,0.1"),
    "nadam": ("optimizer.momentum_decay=0.004,0.1", "optimizer.weight_decay=0,0.2"),
    "nadam, coupled": ("optimizer.decoupled_weight_decay=false", "optimizer.weight_decay=0,0.2"),
    "rmsprop": ("optimizer.alpha=0.9,0.99", "optimizer.momentum=0,0.5", "optimizer.eps=1e-8,1e-2"),
    "rmsprop, centered": ("optimizer.centered=true", "optimizer.weight_decay=0,0.1"),
    "lion": ("optimizer.betas=[0.9,0.99],[0.8,0.9]", "optimizer.weight_decay=0,1"),
}


@pytest.mark.parametrize("case", quick(OPTIMIZERS, "rmsprop, centered"))
def test_optimizers(gap, case):
    assert gap(*SMALL, EXACT, f"optimizer={case.split(',')[0]}", *OPTIMIZERS[case]) < 1e-9


SCHEDULERS = {
    "cosine": ("scheduler.final=0,0.5",),
    "warmup_cosine": ("scheduler.warmup=0.1,0.4",),
    "warmup_linear": ("scheduler.warmup=3,10",),
    "inverse_sqrt": ("scheduler.warmup=0.1,0.4",),
    "one_cycle": ("scheduler.pct_start=0.2,0.5", "scheduler.cycle_momentum=true"),
    "step": ("scheduler.step_size=1,2", "scheduler.gamma=0.5"),
    "exponential": ("scheduler.gamma=0.5,0.9",),
    "plateau": ("scheduler.patience=0,1", "scheduler.threshold=0.05"),
}


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_schedulers(gap, scheduler):
    overrides = (f"scheduler={scheduler}", *SCHEDULERS[scheduler], "optimizer.lr=0.005,0.05")
    assert gap(*SMALL, EXACT, *overrides) < 1e-9


@pytest.mark.slow
def test_runs_with_other_kinds_of_schedule_share_a_stack(gap):
    kinds = ",".join(["none", *(set(SCHEDULERS) - {"step", "plateau"})])  # these fall later
    assert gap(*SMALL, EXACT, f"scheduler={kinds}", "optimizer.lr=0.01") < 1e-9


MODELS = {
    "linear": (),
    "mlp": ("model.hidden=[6]", "model.dropout=0", "model.activation=gelu"),
    "mlp, batch": ("model.hidden=[6]", "model.dropout=0", "model.normalization=batch"),
    "mlp, layer": ("model.hidden=[6]", "model.dropout=0", "model.normalization=layer"),
    "resnet": ("model.width=8", "model.hidden_dropout=0"),
    "tabm": ("model.k=3", "model.blocks=1", "model.width=8", "model.dropout=0"),
    "ft_transformer": (
        *("model.width=8", "model.heads=2", "model.blocks=1"),
        *("model.attention_dropout=0", "model.ffn_dropout=0"),
    ),
}
EMBEDDINGS = {
    "none": (),
    "piecewise_linear": ("model.num_embedding=piecewise_linear", "model.bins=4"),
    "periodic": ("model.num_embedding=periodic", "model.frequencies=3"),
}
DEFAULT_CASES = [
    ("resnet", "piecewise_linear"),
]
CASES = [(m, e) for m in MODELS for e in EMBEDDINGS if e == "none" or m not in ("linear",)]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_models_with_every_embedding_of_numbers(gap, case):
    model, embedding = case
    overrides = (f"model={model.split(',')[0]}", *MODELS[model], *EMBEDDINGS[embedding])
    # a bias before BatchNorm has only rounding for a gradient, which Adam divides by eps
    overrides = (*DATA, *overrides, "trainer.max_epochs=3", "seed=1,2", "optimizer.eps=1e-6")
    assert gap(*overrides, EXACT, "optimizer.lr=0.001,0.01", ZIPPED) < 1e-9


REGULARIZATION = {
    "label_smoothing": ("regularization.label_smoothing.amount=0,0.2",),
    "l1": ("regularization.l1.rate=0,1e-2",),
    "weight_decay": ("regularization.weight_decay.rate=0,1",),
    "gradient_clipping": ("regularization.gradient_clipping.max_norm=0.05,0.2",),
    "ema": ("regularization.ema.decay=0.1,0.6",),
    "rdrop": ("regularization.rdrop.alpha=0.5,2", "model.dropout=0.3"),
    "confidence_penalty": ("regularization.confidence_penalty.beta=0.1,1",),
    "swa": ("regularization.swa.after=0.2,0.6", "trainer.max_epochs=4,6"),
    "logit_adjustment": ("regularization.logit_adjustment.tau=0.5,2", "dataset.classes=3"),
    "sam": ("regularization.sam.rho=0.05,0.5",),
    "manifold_mixup": ("regularization.manifold_mixup.alpha=0.2,2", "dataset.classes=3"),
    "asam": ("regularization.asam.rho=0.2,1", "regularization.asam.eta=0.01,0.1"),
    "early_stopping": (
        *("regularization.early_stopping.patience=1,2,3", "trainer.max_epochs=12"),
        *("regularization.early_stopping.min_delta=0.02", "optimizer.lr=0.05"),
    ),
}
METHODS = ["ema", "early_stopping", "gradient_clipping", "l1", "label_smoothing", "weight_decay"]
METHODS += ["confidence_penalty", "logit_adjustment", "sam"]


@pytest.mark.slow
def test_the_patience_of_the_trainer(gap):
    lengths = ("trainer.patience=1,2,null", "trainer.max_epochs=9", "optimizer.lr=0.05")
    assert gap(*SMALL, EXACT, *lengths) < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("method", REGULARIZATION)
def test_regularization(gap, method):
    overrides = (f"regularization={method}", *REGULARIZATION[method], "seed=1,2")
    assert gap(*SMALL, EXACT, *overrides) < 1e-9


@pytest.mark.slow
def test_rows_drawn_by_their_class(gap):
    drawn = ("augmentation=class_balanced_sampling", "optimizer.lr=0.001,0.01", "seed=1,2")
    assert gap(*SMALL, EXACT, *drawn) < 1e-9


@pytest.mark.slow
def test_residual_blocks_left_out_at_a_rate_of_each_member(gap):
    model = ("model=resnet", *MODELS["resnet"], "model.blocks=3", "model.residual_dropout=0.1")
    depth = ("regularization=stochastic_depth", "regularization.stochastic_depth.rate=0.2,0.6")
    overrides = (*DATA, EXACT, *model, *depth, "optimizer.eps=1e-6", "trainer.max_epochs=3")
    assert gap(*overrides, "seed=1,2") < 1e-9


@pytest.mark.slow
def test_all_regularization_at_once_with_a_schedule(gap):
    model = ("model=resnet", *MODELS["resnet"], "scheduler=one_cycle", "trainer.max_epochs=8")
    swept = ("regularization.ema.decay=0.3,0.6", "regularization.early_stopping.patience=1,2")
    swept += ("regularization.early_stopping.min_delta=0.05",)
    methods = f"regularization=[{','.join(METHODS)}]"
    assert gap(*DATA, EXACT, *model, methods, *swept, "seed=1,2") < 1e-9


TASKS = {
    "binary": (),
    "multiclass": ("dataset.classes=3",),
    "multilabel": ("dataset.labels=3",),
    "regression": ("dataset.classes=0",),
}


@pytest.mark.parametrize("task", quick(TASKS, "regression"))
def test_tasks(gap, task):
    assert gap(*SMALL, EXACT, *TASKS[task], *TWO) < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_class_weights_and_monitors_are_each_members_own(gap, task):
    count = {"binary": 2}.get(task, 3)
    weights = f"balanced,[{','.join(['1', '4', '2'][:count])}]"
    overrides = (f"task.class_weights={weights}", "task.monitor=null,brier")
    overrides += ("hydra.sweeper.zip=[task.class_weights,task.monitor]",)
    assert gap(*SMALL, EXACT, *TASKS[task], *overrides, "optimizer.lr=0.05") < 1e-9


@pytest.mark.slow
def test_runs_of_other_lengths_share_a_stack(train_both):
    overrides = ("trainer.max_epochs=1,3,6", "scheduler=cosine", "optimizer.lr=0.01")
    pairs = train_both(
        *[override for override in SMALL if "epochs" not in override], EXACT, *overrides
    )
    assert [len(pd.read_parquet(b / "history.parquet")) for _, b in pairs] == [1, 3, 6]


BATCHES = {
    "accumulated": ("trainer.accumulate_grad_batches=3",),
    "accumulated, by step": ("trainer.accumulate_grad_batches=4", "scheduler=warmup_linear"),
    "limited": ("trainer.limit_batches=2",),
    "a last row alone": ("batch_size=191",),
    "one batch": ("batch_size=500",),
}


@pytest.mark.parametrize("case", quick(BATCHES, "accumulated, by step"))
def test_batches(gap, case):
    assert gap(*SMALL, EXACT, *BATCHES[case], *TWO) < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("model", MODELS)
def test_members_of_one_seed_share_their_batches(gap, model, optimizer):
    overrides = (f"model={model.split(',')[0]}", *MODELS[model], "seed=3", f"optimizer={optimizer}")
    assert gap(*DATA, *overrides, EXACT, "optimizer.lr=0.001,0.03", "trainer.max_epochs=2") < 1e-9


@pytest.mark.slow
def test_a_group_cut_into_stacks(gap):
    assert gap(*SMALL, EXACT, "seed=range(5)", size=2) < 1e-9


@pytest.mark.parametrize(
    "model", quick(["mlp", "mlp, batch", "resnet", "ft_transformer"], "resnet")
)
def test_32_bits_agree_over_a_few_epochs(gap, model):
    overrides = (f"model={model.split(',')[0]}", *MODELS[model], "trainer.max_epochs=3", "seed=1,2")
    # a smaller eps lets Adam blow up gradients that are zero but for rounding: see the next test
    overrides += ("optimizer.lr=0.001,0.003", ZIPPED)
    assert gap(*DATA, *overrides, "optimizer.eps=1e-5") < 1e-4


@pytest.mark.slow
def test_in_32_bits_a_stack_is_as_near_as_another_kernel_is(train_both, run):
    overrides = (*DATA, "model=resnet", *MODELS["resnet"], "trainer.max_epochs=3")
    pairs = train_both(*overrides, "seed=range(5)")
    other = [run(*overrides, f"seed={seed}", "optimizer.fused=false") for seed in range(5)]
    stacked = [largest_difference(a, b) for a, b in pairs]
    unfused = [
        largest_difference(a, b, same_run=False) for (a, _), b in zip(pairs, other, strict=True)
    ]
    assert max(stacked) < 5 * max(unfused)  # of some seeds both kernels give the same bits


@pytest.mark.slow
def test_what_the_folders_say_besides(train_both):
    for alone, stacked in train_both(*SMALL, "seed=1,2"):
        results = [json.loads((f / "result.json").read_text()) for f in (alone, stacked)]
        assert [result["trained"] for result in results] == ["alone", "stack of 2"]
        naming = {"study": "", "overrides": []}
        assert results[0]["config"] | naming == results[1]["config"] | naming
        assert results[1]["seconds"] > 0
        assert "rows: 192 train" in (stacked / "log.txt").read_text()
        for name in ("overrides.yaml", "spec.json"):
            a, b = ((f / name).read_text().replace("stacked", "alone") for f in (alone, stacked))
            assert a == b, name


@pytest.mark.slow
def test_a_tracker_is_told_the_same(train_both):
    for pair in train_both(*SMALL, EXACT, "seed=1,2", "logger=csv"):
        a, b = (
            pd.read_csv(folder / "csv" / "metrics.csv").groupby("step").first() for folder in pair
        )
        assert len(a) == 4
        pd.testing.assert_frame_equal(a, b, check_like=True, check_index_type=False, atol=1e-9)


@pytest.mark.slow
def test_the_log_of_a_member_holds_its_own_lines_and_spec_is_one_file(train_both):
    pairs = train_both(*SMALL, "seed=1,2,3")
    logs = [(stacked / "log.txt").read_text() for _, stacked in pairs]
    runs = [stacked.name for _, stacked in pairs]
    assert all(run not in text for text in logs for run in runs)
    lines = [[line.split(" ", 2)[2] for line in text.splitlines()] for text in logs]
    assert [text for text in lines[-1] if "training 3 runs as one stack" in text]
    assert len({len(text) for text in lines}) == 1  # not one more for each that ended before
    for (_, stacked), own in zip(pairs, lines, strict=True):
        losses = pd.read_parquet(stacked / "history.parquet")["val/log_loss"]
        told = [line.split()[4] for line in own if line.startswith("epoch ")]
        assert told == [f"{loss:.4f}" for loss in losses]
    for folders in zip(*pairs, strict=True):
        assert len({(folder / "spec.json").stat().st_ino for folder in folders}) == 1


@pytest.mark.slow
def test_a_tracker_that_fails_is_a_warning_of_each_run_of_a_stack(train_both, monkeypatch, caplog):
    def fail(*_, **__):
        raise ConnectionError("the server is down")

    monkeypatch.setattr(CSVLogger, "log_metrics", fail)
    for pair in train_both(*SMALL, "seed=1,2", "logger=csv"):
        assert all((folder / "result.json").is_file() for folder in pair)
    assert caplog.text.count("which goes on: the server is down") == 4


DROPOUT = {
    "mlp": ("model.hidden=[6,5]", "model.dropout=0.3,0.5"),
    "resnet": ("model.width=8", "model.hidden_dropout=0.3,0.5", "model.residual_dropout=0.2"),
    "tabm": ("model.k=3", "model.blocks=2", "model.width=8", "model.dropout=0.3,0.5"),
    "ft_transformer": (
        *("model.width=8", "model.heads=2", "model.blocks=2", "model.residual_dropout=0.1"),
        *("model.attention_dropout=0.2", "model.ffn_dropout=0.3,0.5"),
    ),
}


@pytest.mark.parametrize("model", quick(DROPOUT))
def test_with_dropout_too_masks_are_those_of_the_run_alone(gap, model):
    overrides = (*DATA, f"model={model}", *DROPOUT[model], "trainer.max_epochs=3", "seed=1,2")
    assert gap(*overrides, "optimizer.lr=0.01", EXACT) < 1e-9


@pytest.mark.slow
def test_dropout_set_by_regularization(train_both, gap):
    overrides = (*SMALL, "regularization=dropout", "seed=1,2", EXACT)
    assert gap(*overrides, "regularization.dropout.rate=0.2,0.9") < 1e-9
    pairs = train_both(*overrides, "regularization.dropout.rate=0.5", "optimizer.lr=0.03")
    without_dropout = train_both(*overrides, "regularization.dropout.rate=0", "optimizer.lr=0.03")
    assert largest_difference(pairs[0][1], without_dropout[0][1], same_run=False) > 1e-3


TUNED = {
    "full": (),
    "head": ("optimizer.lr=0.01,0.1", "finetune.start=probe"),
    "l2sp": ("finetune.alpha=0.01,1", "finetune.beta=0,0.1"),
    "last_k": (),
    "bitfit": (),
    "norm": (),
}


@pytest.mark.parametrize("strategy", quick(TUNED, "head"))
def test_fine_tuned_runs(gap, run, strategy):
    """Not l2sp behind batch normalization, which leaves biases a gradient of rounding alone."""
    model = ("model=resnet", *MODELS["resnet"], "trainer.max_epochs=3")
    overrides = (*DATA, *model) if strategy != "l2sp" else SMALL
    source = run(*overrides, "dataset.classes=3", "study=source")
    start = (f"finetune={strategy}", f"init_from={source}", "dataset.data_seed=4")
    assert gap(*overrides, EXACT, *start, *TUNED[strategy], "seed=1,2") < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["full", "head"])
def test_a_start_that_no_epoch_beats_is_kept_in_a_stack(train_both, run, strategy):
    source = run(*SMALL, "optimizer.lr=0.02", "trainer.max_epochs=30", "study=source")
    start = (f"finetune={strategy}", f"init_from={source}", "task.monitor=auroc")
    pairs = train_both(*SMALL, EXACT, *start, "optimizer.lr=0.001,20")
    assert max(largest_difference(a, b) for a, b in pairs) < 1e-9
    assert read_result(pairs[1][1]).best_epoch == -1


@pytest.mark.slow
def test_tuned_runs_that_are_drawn_back_to_their_start(gap, run):
    source = run(*SMALL, "study=source")
    start = ("finetune=full", f"init_from={source}", "dataset.data_seed=4", "seed=1,2")
    drawn = ("regularization=[l2sp,sam]", "regularization.l2sp.alpha=0.1,3")
    assert gap(*SMALL, EXACT, *start, *drawn) < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize(
    "strategy", ["gradual_unfreeze", "layerwise_lr", "lora", "lp_ft", "contrastive"]
)
def test_strategies_that_cannot_share_a_stack_say_why(run, strategy):
    source = run(*SMALL, "study=source")
    overrides = (*SMALL, f"finetune={strategy}", f"init_from={source}", "seed=1,2")
    groups, unstacked = group_jobs(plan_runs(overrides, sweep=True).jobs)
    assert groups == []
    assert {reason.partition(" ")[0] for _, reason in unstacked} == {f"finetune={strategy}"}


@pytest.fixture
def streamed(tmp_path, monkeypatch):
    """Words for a file of rows that are larger than their budget."""
    monkeypatch.setenv("LEPTON_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(260, 5)), columns=list("abcde"))
    frame.assign(good=frame.sum(axis=1) > rng.normal(size=260)).to_parquet(
        tmp_path / "rows.parquet"
    )
    return (
        *("dataset=parquet", f"dataset.path={tmp_path}/rows.parquet", "dataset.target=good"),
        *("dataset.memory_gb=0", "batch_size=32", "model=mlp_small", "trainer.max_epochs=3"),
    )


@pytest.mark.slow
def test_a_stack_on_streamed_rows_ends_as_the_runs_alone(train_both, streamed):
    pairs = train_both(*streamed, "trainer.accelerator=cpu", "optimizer.lr=0.01,0.02")
    assert all("streamed from" in (b / "log.txt").read_text() for _, b in pairs)
    assert max(largest_difference(alone, stacked) for alone, stacked in pairs) < 1e-4


@pytest.mark.slow
def test_a_stack_in_64_bits_leaves_streamed_rows_to_the_runs_alone(here, streamed):
    jobs = plan_runs((*streamed, EXACT, "optimizer.lr=0.01,0.02"), sweep=True).jobs
    (members,), _ = group_jobs(jobs)
    options = StackingOptions(threads=1, size=2)
    reasons = {reason for _, reason in JobGroup(members, options, SweepProgress(members)).train()}
    assert reasons == {"its data are streamed, and a stack would hold them whole on its device"}


@pytest.mark.slow
def test_a_target_far_from_0_in_a_stack_keeps_its_digits(here, gap):
    lines = [f"{i / 60},{1_700_000_000 + (i * 37 % 60) / 10}" for i in range(60)]
    (here / "far.csv").write_text("\n".join(["a,y", *lines]) + "\n")
    data = ("dataset=csv", "dataset.path=far.csv", "dataset.target=y", "model=linear")
    assert gap(*data, "trainer.max_epochs=2", "optimizer=sgd", "seed=1,2") < 1e-4


@pytest.mark.slow
def test_rows_with_weights(gap, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 3)), columns=["a", "b", "y"])
    frame["w"] = rng.integers(0, 4, 120)
    frame.to_csv(tmp_path / "weighed.csv", index=False)
    data = ["dataset=csv", f"dataset.path={tmp_path}/weighed.csv", "dataset.target=y"]
    overrides = ["batch_size=16", "model=mlp_small", "model.hidden=[4]", "trainer.max_epochs=2"]
    overrides += [EXACT, "dataset.weight=w", "dataset.task=regression"]
    assert gap(*data, *overrides, "seed=1,2", "optimizer.lr=0.01,0.03", ZIPPED) < 1e-9
