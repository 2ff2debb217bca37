"""Curves: which option at how many rows, by how much, with what interval, at what cost."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lepton.analysis.compared_keys import check_curve
from lepton.analysis.comparison import compare
from lepton.errors import LeptonError
from lepton.report.blocks import Figure, Note, Table, Text
from lepton.report.dataset_runs import split_by_dataset
from lepton.report.sections.curve import curve_sections

SHOTS = "dataset.shots"
METRIC = "test/accuracy"


def study(*, shots=(4, 16, None), strategies=("head", "full"), seeds=4, untuned=True, **more):
    """Finished runs of strategies over shots and seeds, the later strategies better."""
    generator = np.random.default_rng(0)
    rows = [
        {
            **{"run": f"{strategy}-{k}-{seed}", "status": "finished", "dataset": "vader"},
            **{"model": "minilm", "finetune": strategy, SHOTS: k, "seed": seed, "score": 1.0 * i},
            METRIC: 0.5 + 0.02 * i + 0.01 * (k or 99) ** 0.5 + generator.normal(0, 0.01),
            **({f"before/{METRIC}": 0.5 + 0.01 * seed} if untuned else {}),
            **{"rows/train": 3 * (k or 99) + (seed if k is None else 0), "rows/test": 100},
            "seconds": 10.0 * (i + 1) + seed,
            **more,
        }
        for i, strategy in enumerate(strategies)
        for k in shots
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def sections_of(frame, *keys, curve=SHOTS, baseline=None):
    finished = frame[frame["status"] == "finished"].dropna(axis=1, how="all")
    comparisons = compare(frame, [*keys], metric=METRIC, baseline=baseline, select="score")
    datasets = split_by_dataset(finished, comparisons, METRIC)
    named = {"is_baseline_named": baseline is not None, "select": "score"}
    return curve_sections(frame, datasets, comparisons, curve, **named)


def blocks_of(frame, kind, *keys, **asked):
    [section] = sections_of(frame, *keys, **asked)
    return [block for block in section.blocks if isinstance(block, kind)]


def table_of(frame, *keys, **asked):
    [table] = blocks_of(frame, Table, *keys, **asked)
    index = table.header[: table.first_number]
    return pd.DataFrame(table.rows, columns=table.header).set_index(index)


@pytest.mark.slow
def test_each_cell_holds_what_scipy_says_of_its_runs_and_of_their_pairs():
    frame = study()
    table = table_of(frame, "finetune", SHOTS)
    for shots in (4, 16):
        runs = frame[frame[SHOTS] == shots]
        head, full = (runs.loc[runs["finetune"] == s, METRIC].to_numpy() for s in ("head", "full"))
        row, best = table.loc[(f"{shots}", "head")], table.loc[(f"{shots}", "full")]
        assert float(row[METRIC.replace("/", " ")]) == pytest.approx(head.mean(), abs=1e-4)
        interval = stats.t.interval(0.95, 3, full.mean(), stats.sem(full))
        assert best["95 % interval"] == f"[{interval[0]:.4f}, {interval[1]:.4f}]"
        assert float(row["minus baseline"]) == pytest.approx((head - full).mean(), abs=1e-4)
        gap = stats.ttest_rel(head, full).confidence_interval(0.95)
        assert row["its 95 % interval"] == f"[{gap.low:+.4f}, {gap.high:+.4f}]"
        assert best["minus baseline"] == "baseline"
        before = runs.loc[runs["finetune"] == "head", f"before/{METRIC}"].to_numpy()
        gain = stats.ttest_rel(head, before).confidence_interval(0.95)
        assert float(row["untuned"]) == pytest.approx(0.515)
        assert float(row["minus untuned"]) == pytest.approx((head - before).mean(), abs=1e-4)
        assert row["95 % of minus untuned"] == f"[{gain.low:+.4f}, {gain.high:+.4f}]"
        assert (row["training rows"], row["n"], row["seconds"]) == (f"{3 * shots}", "4", "12")


@pytest.mark.slow
def test_null_stands_last_with_the_rows_that_it_means():
    frame = study(shots=(None, 16, 4))
    table = table_of(frame, "finetune", SHOTS)
    assert [*dict.fromkeys(table.index.get_level_values(0))] == ["4", "16", "null"]
    assert set(table.loc["null", "training rows"]) == {"297 to 300"}
    texts = [block.text for block in blocks_of(frame, Text, "finetune", SHOTS)]
    starts = ["dataset.shots=4: ", "dataset.shots=16: ", "dataset.shots=null (297 to 300 rows): "]
    assert len(texts) == 3
    assert all(text.startswith(start) for text, start in zip(texts, starts, strict=True))


@pytest.mark.slow
def test_what_has_no_finished_run_is_said_and_drawn_as_a_gap(figure_style):
    frame = study()
    frame = frame[~((frame["finetune"] == "head") & (frame[SHOTS] == 16))]
    lost = {"run": "lost", "status": "failed", "dataset": "vader", "finetune": "head", SHOTS: 16}
    planned = {**lost, "run": "planned", "status": "missing", SHOTS: 64}
    frame = pd.concat([frame, pd.DataFrame([lost, planned])])
    row = table_of(frame, "finetune", SHOTS).loc[("16", "head")]
    assert (row["n"], row["test accuracy"], row["seconds"]) == ("0", "no finished run", "")
    [note] = blocks_of(frame, Note, "finetune", SHOTS)
    assert "finetune=head, dataset.shots=16 (1 without a result); finetune=head" in note.text
    assert "finetune=full, dataset.shots=64" in note.text
    [figure] = blocks_of(frame, Figure, "finetune", SHOTS)
    axes = figure.draw().axes[0]
    [head] = [line for line in axes.lines if line.get_label() == "head"]
    assert np.isnan(head.get_ydata()).tolist() == [False, True, True, False]
    assert [t.get_text() for t in axes.get_xticklabels()] == [
        "4",
        "16",
        "64",
        "null\n(297 to 300 rows)",
    ]
    [untuned] = [line for line in axes.lines if line.get_label() == "untuned"]
    assert untuned.get_ydata()[:2] == pytest.approx([0.515, 0.515])


@pytest.mark.slow
def test_untuned_networks_that_differ_have_a_line_each(figure_style):
    frame = study()
    frame[f"before/{METRIC}"] += 0.1 * (frame["finetune"] == "full")
    [figure] = blocks_of(frame, Figure, "finetune", SHOTS)
    labels = {line.get_label() for line in figure.draw().axes[0].lines}
    assert labels == {"head", "full", "untuned, head", "untuned, full"}


@pytest.mark.slow
def test_a_named_baseline_is_the_baseline_at_every_value_and_else_the_best_there_by_validation():
    frame = study(shots=(4, 16))
    frame.loc[(frame["finetune"] == "head") & (frame[SHOTS] == 4), "score"] = 9.0
    table = table_of(frame, "finetune", SHOTS)["minus baseline"]
    assert table[table == "baseline"].index.tolist() == [("4", "head"), ("16", "full")]
    table = table_of(frame, "finetune", SHOTS, baseline="full,4")["minus baseline"]
    assert table[table == "baseline"].index.tolist() == [("4", "full"), ("16", "full")]


@pytest.mark.slow
def test_a_number_that_is_no_key_of_the_comparison_has_the_same_curve():
    frame = study()
    assert table_of(frame, "finetune").equals(table_of(frame, "finetune", SHOTS))


@pytest.mark.slow
def test_a_curve_of_the_number_alone_has_one_line_and_no_differences():
    frame = study(strategies=("head",), untuned=False)
    table = table_of(frame, SHOTS)
    assert [*table.index] == ["4", "16", "null"]
    assert [*table] == ["training rows", "n", "test accuracy", "95 % interval", "seconds"]
    assert blocks_of(frame, Text, SHOTS) == []


@pytest.mark.slow
def test_the_width_of_a_network_is_drawn_as_shots_are():
    frame = study(shots=(8,)).assign(**{"model.width": lambda runs: 32 * (1 + runs["seed"] % 2)})
    table = table_of(frame, "finetune", curve="model.width")
    assert {*table.index} == {(w, s) for w in ("32", "64") for s in ("head", "full")}
    assert "training rows" not in table


@pytest.mark.slow
def test_each_kind_of_label_use_has_a_curve_of_its_own():
    from lepton.analysis.data_sets import with_data_sets

    frame = study()
    kinds = np.where(frame[SHOTS].isna(), "outside", "inside")
    frame = with_data_sets(
        frame.assign(**{"dataset.validation": kinds, "folder": "runs/x/" + frame["run"]})
    )
    titles = [section.title for section in sections_of(frame, "finetune", SHOTS)]
    assert titles == [
        "test accuracy over dataset.shots on vader, validation=inside",
        "test accuracy over dataset.shots on vader, validation=outside",
    ]


@pytest.mark.parametrize(
    ("key", "keys", "line"),
    [
        (
            "dataset.shot",
            ["finetune"],
            "--curve dataset.shot: no such setting; did you mean 'datas",
        ),
        ("finetune", ["model"], "--curve finetune: its values are no numbers (head, full)"),
        (SHOTS, None, "--curve dataset.shots: needs --compare, the keys whose"),
        (
            "seed",
            ["finetune"],
            "--curve seed: tells repetitions apart, over which a curve averages",
        ),
        (
            "width",
            ["finetune"],
            "--curve width: all 24 finished runs have width=3; they differ in ",
        ),
        ("bias", ["finetune"], "--curve bias: its values are no numbers (True, False)"),
        ("lr", ["finetune"], "--curve lr: 25 values are too many for a table (at most 24)"),
    ],
)
def test_a_key_that_has_no_curve_is_a_line(key, keys, line):
    frame = study(width=3)
    frame = frame.assign(bias=frame["finetune"] == "head", lr=np.arange(24) / 7)
    frame = pd.concat([frame, frame[:1].assign(lr=9.0)]) if key == "lr" else frame
    with pytest.raises(LeptonError) as error:
        check_curve(key, keys, frame)
    assert str(error.value).startswith(line)
    assert len(str(error.value).splitlines()) == 1
