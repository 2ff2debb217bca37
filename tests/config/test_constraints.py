"""Values of the right type that still cannot be trained with: one line, exit 2, nothing written."""

import pytest

BASE = ("train", "dataset=wine", "trainer=smoke", "trainer.accelerator=cpu")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["optimizer.lr=-1"], "optimizer.lr: -1 is not float, above 0"),
        (["optimizer.betas=[2,3]"], "optimizer.betas: 2 is not float, from 0 to below 1"),
        (
            ["optimizer=adafactor", "optimizer.beta2_decay=1"],
            "optimizer: optimizer=adafactor refuses its values",
        ),
        (["model.dropout=2"], "model.dropout: 2 is not float, from 0 to below 1"),
        (["model=mlp", "model.hidden=[-1]"], "model.hidden: [-1] is not list[int, 1 at least]"),
        (["model=gradient_boosting", "model.learning_rate=-1"], "model.learning_rate: -1 is not"),
        (["trainer.devices=abc"], "trainer: "),
        (["trainer.accelerator=tpu"], "trainer: "),
        (["trainer.max_time=00:00:00:00"], "trainer.max_time: 00:00:00:00 leaves no time"),
        (["trainer.strategy=ddp_spawn"], "trainer.strategy: ddp_spawn copies this process"),
        (["optimizer.lr=inf"], "optimizer.lr: inf is no finite number"),
        (
            ["trainer.checkpoint_every=nan"],
            "trainer.checkpoint_every: nan is not float, 0 at least",
        ),
        (["seed=9223372036854775808"], "seed: 9223372036854775808 does not fit 64 bits"),
        (["task.monitor=aurok"], "task.monitor: no metric 'aurok'; did you mean 'auroc'?"),
        (
            ["task.monitor=recall"],
            "task.monitor: recall is not among the metrics of the run; metric=recall adds it",
        ),
    ],
)
def test_a_value_out_of_range_is_told_in_a_line_and_leaves_no_run(lepton, here, overrides, message):
    code, _, stderr = lepton(*BASE, *overrides)
    assert (code, "Traceback" in stderr) == (2, False)
    assert f"lepton: {message}" in stderr
    assert not [path for path in here.rglob("*") if path.is_file()]
