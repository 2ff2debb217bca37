"""A run that validates inside of its training rows: held against folds that are trained by hand."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_breast_cancer

from lepton import build, load_model
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import canonical_config, run_folder
from lepton.dataset.load.step_rows import rows_of_a_step
from lepton.errors import DataError
from lepton.finetune.machinery import fine_tuning
from lepton.model.tfidf_linear import TfidfLinear, _strength
from lepton.run import train_checked
from lepton.storage import run_log
from lepton.storage.predictions import read_predictions
from lepton.storage.results import read_result
from lepton.training import inside
from lepton.training.fold_rows import fold_data, fold_positions, others
from lepton.training.known_rows import known_rows_line
from lepton.training.learner import build_network
from lepton.vectorize.grouping import obstacle_to_stacking

PLAIN = ("model=mlp_small", "preprocessing=none", "batch_size=8", "trainer.max_epochs=6")
FEW = ("dataset=breast_cancer", "dataset.shots=8", *PLAIN)
FILE = ("dataset=csv", "dataset.path=rows.csv", "dataset.target=y", "dataset.split=column")
FILE = (*FILE, "dataset.split_column=split", "dataset.duplicates=keep", *PLAIN)


def config_of(*overrides):
    return check(compose(*overrides))


def history(folder):
    return pd.read_parquet(folder / "history.parquet")


@pytest.fixture
def rows(here):
    """Twenty rows of two classes, of four numbers, and as many to test on."""
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    x = ((x - x.mean()) / x.std()).iloc[:, :4].round(4)
    frame = x.assign(y=np.where(y == 1, "good", "bad"))
    frame = pd.concat([frame[frame.y == word].iloc[:20] for word in ("bad", "good")])
    split = np.where(np.arange(40) % 2, "train", "test")
    return frame.assign(split=split).reset_index(drop=True)


@pytest.fixture
def own(here, monkeypatch):
    """A user's `model=own`, which fits itself and knows nothing of folds."""
    (here / "own_models.py").write_text(
        "class Own:\n    def __init__(self, *, spec, seed): ...\n    def fit(self, *rows): ...\n"
    )
    (here / "conf" / "model").mkdir(parents=True)
    (here / "conf" / "model" / "own.yaml").write_text("_target_: own_models.Own\n")
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.setenv("LEPTON_ALLOW", "own_models")


def write(rows, **columns):
    rows.assign(**columns).to_csv("rows.csv", index=False)


def test_every_row_is_predicted_by_the_network_of_the_other_folds(run, rows, monkeypatch):
    """By hand: an ordinary training on the other folds, of which each epoch is scored."""
    write(rows)
    data = build.data(config_of(*FILE, "dataset.validation=inside"))
    folds = fold_positions(data, 5)
    assert np.sort(np.concatenate(folds)).tolist() == list(range(20))
    got = history(run(*FILE, "dataset.validation=inside"))

    train = rows.index[rows.split == "train"].to_numpy()
    assert data.splits["train"]["id"].tolist() == train.tolist()
    losses = np.zeros(6)
    for held_out in folds:
        split = rows.split.copy()
        split[train[held_out]] = "val"
        write(rows, split=split)
        by_hand = ("dataset.validation=outside", "trainer.patience=null")
        losses += history(run(*FILE, *by_hand))["val/log_loss"].to_numpy() * len(held_out) / 20
    assert got["epoch"].iloc[-1] == losses.argmin()
    np.testing.assert_allclose(got["val/log_loss"], losses[: len(got)], rtol=1e-5)


def test_all_rows_are_trained_on_for_the_epochs_that_the_folds_choose(run, rows):
    write(rows)
    folder = run(*FILE, "dataset.validation=inside")
    result, got = read_result(folder), history(folder)
    assert result.rows == {"train": 20, "val": 20, "test": 20}
    assert result.epochs == len(got) == result.best_epoch + 1

    copies = rows[rows.split == "train"].assign(split="val")
    write(pd.concat([rows, copies]))
    whole = run(*FILE, "dataset.validation=outside", f"trainer.max_epochs={len(got)}")
    np.testing.assert_allclose(got["train/loss"], history(whole)["train/loss"], rtol=1e-6)
    assert read_result(whole).best_epoch == result.best_epoch, "the training loss still fell"
    assert read_predictions(folder, "test").prediction.equal(
        read_predictions(whole, "test").prediction
    )


@pytest.mark.slow
def test_the_stored_validation_is_what_the_folds_predicted(run_once):
    folder = run_once(*FEW)
    val, result = read_predictions(folder, "val"), read_result(folder)
    assert val.ids.tolist() == build.data(result.config).splits["train"]["id"].tolist()
    chance = torch.where(val.target == 1, val.prediction, 1 - val.prediction)
    assert result.metrics["val/log_loss"] == pytest.approx(-chance.log().mean().item(), rel=1e-5)
    assert result.metrics["val/log_loss"] == pytest.approx(history(folder)["val/log_loss"].iloc[-1])


@pytest.mark.slow
def test_a_killed_run_trains_no_finished_fold_again(here, monkeypatch):
    config = config_of(*FEW)
    whole = train_checked({**config, "runs": "whole"}, run_folder({**config, "runs": "whole"}))
    trained = []

    def fold_predictions(config, data, held_out, *rest, **options):
        if len(trained) == 3:
            trained.append("killed")
            raise KeyboardInterrupt
        trained.append(held_out.tolist())
        return untouched(config, data, held_out, *rest, **options)

    untouched = inside._fold_predictions
    monkeypatch.setattr(inside, "_fold_predictions", fold_predictions)
    with pytest.raises(KeyboardInterrupt):
        train_checked(config, run_folder(config))
    result = train_checked(config, run_folder(config))
    assert len({str(fold) for fold in trained}) == len(trained) == 6
    assert result.metrics == whole.metrics
    assert not list(run_folder(config).rglob("fold*")), "folds are no part of a finished run"


@pytest.fixture
def source(run_once):
    return run_once("dataset=breast_cancer", *PLAIN, "trainer.max_epochs=20")


@pytest.mark.slow
def test_a_start_that_no_epoch_beats_stays_as_it_is(run, source):
    tuned = ("finetune=full", f"init_from={source}", "optimizer.lr=100", "regularization=none")
    folder = run(*FEW, *tuned, "scheduler=none")
    assert (read_result(folder).best_epoch, len(history(folder))) == (-1, 0)
    first, second = load_model(source).learner.model, load_model(folder).learner.model
    for name, value in first.state_dict().items():
        assert value.equal(second.state_dict()[name])
    val = read_predictions(folder, "val")
    assert val.prediction.equal(load_model(source).learner.predict(val_rows(folder)))


def val_rows(folder):
    return build.data(read_result(folder).config).splits["val"]


@pytest.mark.slow
def test_a_tuned_network_is_trained_to_the_end_of_its_schedule(run):
    """Two folds say what it is worth, and choose no epoch."""
    source = run("dataset=breast_cancer", *PLAIN, "trainer.max_epochs=1", "optimizer.lr=1.0e-6")
    folder = run(*FEW, "finetune=full", f"init_from={source}", "optimizer.lr=1.0e-2")
    rows, result = history(folder), read_result(folder)
    assert (len(rows), result.best_epoch) == (6, 5)
    assert rows["val/score"].iloc[:-1].isna().all()
    assert -rows["val/score"].iloc[-1] == pytest.approx(result.metrics["val/log_loss"])
    assert rows["lr"].iloc[-1] < rows["lr"].max() / 5, "the schedule is whole"


@pytest.mark.slow
def test_the_epochs_of_a_head_are_chosen_also_after_the_rest_was_tuned(run, source):
    """Two folds, as each tunes the whole; of the head every epoch is scored, and its start."""
    tuned = ("finetune=contrastive", f"init_from={source}", "finetune.start=zeros")
    folder = run(*FEW, *tuned, "optimizer.lr=1.0e-4")
    rows, result = history(folder), read_result(folder)
    assert len(rows) == result.best_epoch + 1
    assert rows["val/score"].isna().tolist() == [True, *[False] * (len(rows) - 1)]
    assert -rows["val/score"].iloc[-1] == pytest.approx(result.metrics["val/log_loss"])


@pytest.mark.slow
def test_averaged_weights_are_those_that_a_run_ends_with(run, rows):
    """As those of an ordinary training on the same rows, whose last epoch is its best."""
    write(rows)
    folder = run(*FILE, "dataset.validation=inside", "regularization=ema")
    copies = rows[rows.split == "train"].assign(split="val")
    write(pd.concat([rows, copies]))
    epochs = f"trainer.max_epochs={read_result(folder).epochs}"
    whole = run(*FILE, "dataset.validation=outside", "regularization=ema", epochs)
    assert read_result(whole).best_epoch == read_result(folder).best_epoch
    assert read_predictions(folder, "test").prediction.equal(
        read_predictions(whole, "test").prediction
    )


@pytest.mark.slow
def test_the_untuned_head_is_chosen_by_folds_of_the_rows_that_it_may_see(run, source, monkeypatch):
    """In a fold these are the rows of the others, and its own are only predicted."""
    seen = []

    def linear_probe(splits, *rest, folds):
        seen.append(({name: rows["id"].tolist() for name, rows in splits.items()}, folds))
        places = np.concatenate(folds).tolist()
        assert sorted(places) == [*range(len(splits["train"]["id"]))]
        return untouched(splits, *rest, folds=folds)

    untouched = fine_tuning.linear_probe
    monkeypatch.setattr(fine_tuning, "linear_probe", linear_probe)
    score = fine_tuning.StartedHead.score

    def score_loaded(self, network, splits):
        assert splits["val"]["id"].equal(splits["train"]["id"]), "as scikit-learn's is chosen"
        score(self, network, splits)

    monkeypatch.setattr(fine_tuning.StartedHead, "score", score_loaded)
    folder = run(*FEW, "finetune=head", "finetune.start=probe", f"init_from={source}")
    whole = build.data(read_result(folder).config).splits["train"]["id"].tolist()
    assert [len(folds) for _, folds in seen] == [5] * 6
    *of_folds, (last, _) = seen
    assert last["train"] == last["val"] == whole
    for splits, _ in of_folds:
        assert sorted(splits["train"] + splits["val"]) == sorted(whole)
        assert "test" not in splits


def test_everything_is_tuned_from_the_best_linear_head_as_it_was_found(run, source, caplog):
    """Tuned by steps of no size, the network still predicts as the better of scikit-learn's head
    and the loaded one: nothing chooses among the epochs of a probe here, so that none is trained.
    """
    words = (*FEW, "finetune=lp_ft", f"init_from={source}", "optimizer.lr=1e-12")
    trained = read_result(run(*words, "finetune.start=zeros"))
    assert "no folds choose epochs of a probe" not in caplog.text
    result = read_result(run(*words))
    assert "no folds choose epochs of a probe" in caplog.text
    heads = [result.added[name] for name in ("before", "start")]
    best = min(heads, key=lambda scores: scores["val/log_loss"])["test/log_loss"]
    assert result.metrics["test/log_loss"] == pytest.approx(best, abs=1e-5)
    assert trained.metrics["test/log_loss"] != pytest.approx(best, abs=1e-3)


@pytest.mark.slow
def test_features_of_a_fold_are_those_of_its_rows(here, source):
    config = config_of(*FEW, "finetune=head", f"init_from={source}")
    data = build.data(config)
    network = build_network(config, data.spec)
    network.know_features(data)
    [held_out, *_] = fold_positions(data, 5)
    part, places = fold_data(data, held_out), {"train": others(16, held_out), "val": held_out}
    network.share_features(data, part, places)
    shared, _ = network.fine_tuning.features(network, part)
    for split, rows in part.splits.items():
        anew = network.features({"num": rows["num"]})
        torch.testing.assert_close(shared[split]["features"], anew)
        assert shared[split]["target"].equal(rows["target"])


GROUPED = ("dataset.split=group", "dataset.split_column=group", "dataset.validation=inside")
GROUPED = (*(o for o in FILE if "split" not in o), *GROUPED)


@pytest.mark.slow
def test_groups_stay_on_one_side_of_a_fold(here, rows):
    """Also of rows that lie in the cache, where the second reads them."""
    group = np.repeat(np.arange(10), 4)
    write(rows.drop(columns="split"), group=group)
    for memory in ("null", "0", "0"):
        words = ("dataset.test_size=0.2", f"dataset.memory_gb={memory}")
        data = build.data(config_of(*GROUPED, *words))
        assert (data.streamed_from is None) == (memory == "null")
        for held_out in fold_positions(data, 4):
            part = fold_data(data, held_out)
            sides = [{int(group[i]) for i in part.splits[s]["id"]} for s in ("train", "val")]
            assert all(sides)
            assert not sides[0] & sides[1]


def test_a_single_group_is_told_that_it_cannot_be_divided(here, rows):
    write(rows.drop(columns="split"), group=np.arange(40) % 4 // 2)
    data = build.data(config_of(*GROUPED, "dataset.test_size=0.5"))
    with pytest.raises(DataError, match="the 20 rows in the train split are one group"):
        fold_positions(data, 5)


@pytest.mark.slow
def test_folds_are_those_of_the_split_whatever_the_seed():
    made = [fold_positions(build.data(config_of(*FEW, f"seed={s}")), 5) for s in (0, 1)]
    other = fold_positions(build.data(config_of(*FEW, "dataset.split_seed=1")), 5)
    assert all(map(np.array_equal, *made))
    assert not all(map(np.array_equal, made[0], other))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "chosen"),
    [
        ((), "outside"),
        (("dataset.shots=8",), "inside"),
        (("dataset.shots=8", "dataset.validation=outside"), "outside"),
        (("dataset.validation=inside",), "inside"),
        (("dataset.shots=8", "dataset.val_folds=3", "dataset.val_fold=0"), "outside"),
        (("dataset.shots=8", "model=gradient_boosting"), "inside"),
        (("dataset.shots=8", "model=own"), "outside"),
        (("dataset.shots=8", "trainer.limit_batches=1"), "outside"),
        (("dataset.shots=1",), "outside"),
        (("dataset.shots=8", "regularization=early_stopping"), "outside"),
        (("dataset.shots=8", "scheduler=plateau"), "outside"),
    ],
)
def test_few_shots_are_validated_inside_where_that_goes_with_the_rest(overrides, chosen, own):
    config = config_of("dataset=breast_cancer", *overrides)
    assert config["dataset"]["validation"] == chosen
    assert ("validation" in canonical_config(config)["dataset"]) == (chosen == "inside")


def test_a_strategy_suggests_the_steps_of_few_shots_and_what_is_given_wins(source):
    tuned = ("dataset=breast_cancer", "finetune=full", f"init_from={source}")
    for words, steps in (
        ((*tuned, "dataset.shots=4"), 12),
        ((*tuned, "dataset.shots=4", "min_steps_per_epoch=3"), 3),
        (tuned, None),
        (("dataset=breast_cancer", "dataset.shots=4"), None),
    ):
        assert config_of(*words)["min_steps_per_epoch"] == steps, words


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("model=own",), "model=own fits itself, and has no fit_whole"),
        (("trainer.limit_batches=2",), "trainer.limit_batches leaves the training of a fold"),
        (("trainer.max_time='00:00:01:00'",), "trainer.max_time leaves the training of a fold"),
        (("regularization=early_stopping",), "regularization.early_stopping would end"),
        (("scheduler=plateau",), "scheduler=plateau looks at validation on the way"),
        (("task=contrastive",), "task=contrastive learns no target"),
        (("dataset.val_folds=3", "dataset.val_fold=0"), "dataset.val_folds divides rows"),
        (("trainer.devices=2",), "folds take one device, trainer.devices=1"),
        (("dataset.shots=1",), "dataset.shots=1 leaves no second row of a class to divide"),
        (("dataset.validation=both",), "dataset.validation"),
    ],
)
def test_what_does_not_go_with_folds_inside_is_told_in_a_line(lepton, overrides, line, own):
    words = ("train", "dataset=breast_cancer", "dataset.validation=inside", *overrides)
    code, _, errors = lepton(*words)
    assert (code, line in errors, "Traceback" in errors) == (2, True, False)
    assert not list(run_folder(config_of("dataset=breast_cancer")).parent.glob("*/result.json"))


@pytest.mark.slow
def test_a_search_with_a_pruner_is_told_that_folds_are_not_pruned(here):
    config = config_of(*FEW, "trainer.max_epochs=1")
    train_checked(config, run_folder(config), watch=lambda *_: True)
    assert read_result(run_folder(config)).best_epoch == 0
    assert "inside: not pruned" in (run_folder(config) / "log.txt").read_text()


@pytest.mark.slow
def test_few_rows_take_the_epochs_that_a_strategy_suggests_and_others_those_of_the_schedule(source):
    tuned = ("dataset=breast_cancer", "model=mlp_small", "finetune=lora", f"init_from={source}")
    epochs = {
        words: config_of(*tuned, *words)["trainer"]["max_epochs"]
        for words in [(), ("dataset.shots=8",), ("dataset.shots=8", "trainer.max_epochs=50")]
    }
    assert [*epochs.values()] == [50, 10, 50]


def test_a_run_with_folds_inside_is_no_part_of_a_stack():
    assert "several folds" in obstacle_to_stacking(config_of(*FEW))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "is_said"),
    [
        ((), True),
        (("dataset.validation=outside",), False),
        (("dataset.validation=inside",), False),
        (("model=gradient_boosting", "model.max_iter=2"), True),
        (("dataset=diabetes", "task.monitor=null"), False),
    ],
)
def test_of_few_rows_a_line_says_what_folds_would_spare(lepton, monkeypatch, overrides, is_said):
    """160 and 398 rows to train and choose by."""
    monkeypatch.setattr(run_log, "SHOWN_LINES", set())
    words = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=1", *overrides)
    _, _, errors = lepton("train", *words)
    assert ("rows validate, and are not trained on" in errors) == is_said


@pytest.mark.slow
def test_regression_is_divided_by_chance(here, run):
    folder = run("dataset=diabetes", "dataset.fraction=0.1", "dataset.validation=inside", *PLAIN)
    val = read_predictions(folder, "val")
    squares = (val.prediction - val.target).square().mean().sqrt().item()
    assert read_result(folder).metrics["val/rmse"] == pytest.approx(squares, rel=1e-5)


@pytest.mark.slow
def test_trees_learn_as_long_as_folds_say_and_are_judged_on_what_these_left_out(here, run):
    """By hand: scikit-learn's, for as many iterations as the trees that are fitted to all rows."""
    common = ("dataset=diabetes", "dataset.fraction=0.3", "model=gradient_boosting")
    folder = run(*common, "model.min_samples_leaf=5", "dataset.validation=inside")
    [whole] = load_model(folder).learner.model.models
    assert 1 < whole.n_iter_ < 1000
    data, val = build.data(read_result(folder).config), read_predictions(folder, "val")
    rows = data.splits["train"]
    x, y = rows["num"].double().numpy(), rows["target"].numpy()
    assert val.ids.tolist() == rows["id"].tolist()
    for held_out in fold_positions(data, 5):
        learned = others(len(y), held_out)
        trees = type(whole)(**whole.get_params()).fit(x[learned], y[learned])
        expected = trees.predict(x[held_out])
        np.testing.assert_allclose(val.prediction[held_out.tolist()], expected, rtol=1e-5)


@pytest.mark.slow
def test_a_model_of_terms_is_fitted_to_all_rows_with_what_folds_chose(run):
    folder = run("dataset=vader", "dataset.source=tweets", "dataset.shots=8", "model=tfidf_linear")
    [model] = load_model(folder).learner.model.models
    assert model.C in read_result(folder).config["model"]["strengths"]
    data = build.data(read_result(folder).config)
    words, _ = load_model(folder).learner.model.vectorizers[0]
    learned = type(words)(**words.get_params()).fit(data.splits["train"]["texts"][:, 0])
    assert words.vocabulary_ == learned.vocabulary_, "of all training rows"


@pytest.mark.slow
def test_rows_of_a_class_in_one_fold_are_predicted_without_it(run, here, monkeypatch):
    """All five of `c` are one group: the model of the other fold gives it no chance."""
    monkeypatch.setattr(run_log, "SHOWN_LINES", set())
    words = ["aa aa x", "bb bb y", "cc cc z"]
    groups = [["a", "b"], ["a", "d"], ["e"]]
    rows = [
        (f"{words[i % 3]} {i}", "abc"[i % 3], groups[i % 3][i // 3 % len(groups[i % 3])])
        for i in range(15)
    ]
    pd.DataFrame(rows, columns=["text", "y", "g"]).to_csv("texts.csv", index=False)
    data = ("dataset=text_csv", "dataset.path=texts.csv", "dataset.text=text", "dataset.target=y")
    split = ("dataset.split=group", "dataset.split_column=g", "dataset.test_size=0")
    terms = ("model=tfidf_linear", "model.min_documents=1", "dataset.validation=inside")
    folder = run(*data, *split, *terms, "dataset.duplicates=keep")
    val = read_predictions(folder, "val")
    assert (val.prediction[:, 2] == 0).tolist() == (val.target == 2).tolist()
    assert np.isfinite(read_result(folder).metrics["val/log_loss"])
    assert "has learned no such row: 5 of class 'c'\n" in (folder / "log.txt").read_text()


@pytest.mark.slow
def test_words_of_all_folds_are_predicted_with_the_strength_that_they_choose_together(
    run, here, monkeypatch
):
    rng, chosen, fit_whole = np.random.default_rng(0), [], TfidfLinear.fit_whole
    rows = [(" ".join(rng.choice([*"abcdefgh"], 5) + "x"), y) for y in "mn" * 20]
    told = [(f"{text} {y}x" if rng.random() < 0.4 else text, y) for text, y in rows]
    pd.DataFrame(told, columns=["text", "y"]).to_csv("texts.csv", index=False)

    def recording(model, train, weights, folds):
        fit_whole(model, train, weights, folds)
        chosen.append(({_strength(one) for fold in folds for one in fold.chosen}, model.strengths))

    monkeypatch.setattr(TfidfLinear, "fit_whole", recording)
    data = ("dataset=text_csv", "dataset.path=texts.csv", "dataset.text=text", "dataset.target=y")
    words = (*data, "dataset.test_size=0", "model=tfidf_linear", "dataset.validation=inside")
    val = read_predictions(run(*words, "model.strengths=[0.01,1,100]"), "val")
    of_folds, [strength] = chosen[0]
    assert len(of_folds) > 1, "folds differ, or this says nothing"
    assert chosen == [(of_folds, [strength])] * 6
    again = read_predictions(run(*words, f"model.strengths=[{strength}]"), "val")
    assert torch.equal(val.prediction, again.prediction)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["gradient_boosting", "xgboost", "lightgbm", "catboost"])
@pytest.mark.parametrize("given", ["groups", "weights"])
def test_trees_go_on_where_a_fold_has_nothing_to_stop_by(run, here, monkeypatch, model, given):
    """Its rows are of a class that the others lack, or weigh nothing."""
    if model != "gradient_boosting":
        pytest.importorskip(model)
    i = np.arange(60)
    group = np.where(i % 3 == 2, "e", np.char.add("g", (i % 2).astype(str)))
    frame = pd.DataFrame({"x": i % 3 + i / 99, "z": i % 7, "y": [*("abc" * 20)], "g": group})
    frame.assign(w=(i < 3).astype(int)).to_csv("rows.csv", index=False)
    data = ("dataset=csv", "dataset.path=rows.csv", "dataset.target=y", "dataset.test_size=0")
    words = ("dataset.split=group", "dataset.split_column=g", "dataset.drop=[w]")
    if given == "weights":
        words = ("dataset.weight=w", "dataset.drop=[g]")
    weights = []

    def weighing(data, count):
        folds = fold_positions(data, count)
        if given == "weights":
            weights.extend(data.splits["train"]["weight"][held].sum().item() for held in folds)
        return folds

    monkeypatch.setattr(inside, "fold_positions", weighing)
    keys = {"gradient_boosting": "max_iter", "catboost": "iterations"}
    length = f"model.{keys.get(model, 'n_estimators')}=9"
    folder = run(*data, *words, f"model={model}", length, "dataset.validation=inside")
    val, log = read_predictions(folder, "val"), (folder / "log.txt").read_text()
    assert np.isfinite(read_result(folder).metrics["val/log_loss"])
    iterations = read_result(folder).best_epoch + 1
    assert (f"choose iteration {iterations};" in log) == (model in keys)
    assert 1 <= iterations <= 9
    if given == "groups":
        assert (val.prediction[:, 2] == 0).tolist() == (val.target == 2).tolist()
    else:
        assert min(weights) == 0 < sum(weights) == 3


@pytest.mark.slow
def test_labels_that_a_fold_knows_none_of_are_told_and_counted(run, here):
    texts, places = [f"{'ab'[i % 2] * 3} {i:03}" for i in range(20)], np.arange(20)
    labels = {"often": places % 2, "once": places == 3, "never": 0 * places, "missed": places != 5}
    frame = pd.DataFrame({"text": texts, **labels}).astype(dict.fromkeys(labels, int))
    frame.to_csv("texts.csv", index=False)
    data = (
        "dataset=text_csv",
        "dataset.path=texts.csv",
        "dataset.text=text",
        "dataset.test_size=0",
    )
    terms = ("model=tfidf_linear", "model.min_documents=1", "dataset.validation=inside")
    folder = run(*data, *terms, "dataset.target=[often,once,never,missed]")
    val = read_predictions(folder, "val")
    assert val.prediction[:, 2].tolist() == [0.0] * 20
    assert (val.prediction[3, 1], val.prediction[5, 3]) == (0, 1)
    assert np.isfinite(read_result(folder).metrics["val/log_loss"])
    log = (folder / "log.txt").read_text()
    assert "no such row: 1 with label 'once', 1 without label 'missed'\n" in log
    assert "label 'never' is absent from train" in log


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        ("dataset=csv", *PLAIN),
        ("dataset=text_csv", "dataset.text=text", "model=tfidf_linear", "model.min_documents=1"),
    ],
)
def test_weights_that_leave_a_fold_nothing_to_learn_are_told(lepton, rows, model):
    places = np.arange(40)
    weight = ((places % 2 == 0) | (places == 3)).astype(int)  # of test all, of train one
    write(rows.assign(text=[f"row {i}" for i in range(40)]), w=weight)
    data = [word for word in FILE if word.startswith("dataset.")]
    words = (*model, *data, "dataset.weight=w", "dataset.validation=inside")
    code, _, errors = lepton("train", *words)
    assert code == 2
    assert errors.splitlines()[-1].startswith("lepton: dataset.validation=inside: 1 of the 20")
    assert not list(run_folder(config_of(*words)).parent.glob("*/result.json"))


@pytest.mark.slow
def test_a_network_is_tuned_on_two_numbers_though_a_fold_learns_from_one(run, rows):
    inputs = ("dataset.keep=['mean *']", "dataset.validation=inside")
    write(rows.assign(z=np.arange(40) / 7))
    source = run(*FILE, *inputs)
    write(rows.assign(z=np.arange(40) / 7).drop(index=np.flatnonzero(rows.split == "train")[2:]))
    folder = run(*FILE, *inputs, "dataset.target=z", "finetune=full", f"init_from={source}")
    result = read_result(folder)
    assert result.rows["train"] == 2
    assert np.isfinite(result.metrics["val/rmse"])


@pytest.mark.parametrize(
    ("rows", "size", "steps", "taken"),
    [(96, 128, 6, 16), (96, 12, 6, 12), (20, 128, 6, 8), (5000, 128, 6, 128), (96, 128, None, 128)],
)
def test_a_step_takes_fewer_rows_where_these_are_few(rows, size, steps, taken):
    assert rows_of_a_step(rows, {"batch_size": size, "min_steps_per_epoch": steps}) == taken


def test_a_class_with_a_single_row_is_named(rows, here):
    rows.loc[rows.split == "train", "y"] = ["bad"] + ["good"] * 19
    write(rows)
    data = build.data(config_of(*FILE, "dataset.validation=inside"))
    with pytest.raises(DataError, match="class 'bad' has 1 row in the train split"):
        fold_positions(data, 5)


@pytest.mark.slow
def test_all_rows_may_be_trained_on_where_none_are_kept_for_a_test(run, rows):
    write(rows.drop(columns="split"))
    keys = [o for o in FILE if "split" not in o]
    folder = run(*keys, "dataset.test_size=0", "dataset.validation=inside")
    assert read_result(folder).rows == {"train": 40, "val": 40}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "tuned", "known"),
    [
        (("dataset.shots=8",), ("dataset.shots=8",), "16 of the 16 val rows"),
        (("dataset.shots=8",), ("dataset.shots=8", "dataset.split_seed=1"), None),
        (("trainer.max_epochs=1",), ("dataset.validation=outside",), None),
        (("trainer.max_epochs=1",), ("dataset.validation=inside",), "of the 455 val rows"),
        (("trainer.max_epochs=1",), ("dataset.validation=outside", "dataset.split_seed=1"), "test"),
        (("dataset=wine",), ("dataset.shots=8",), None),
    ],
)
def test_a_start_that_has_learned_rows_that_are_scored_is_told(run_once, start, tuned, known):
    """Counted by the rows that the start was trained on, read again."""
    folder = run_once("dataset=breast_cancer", *PLAIN, *start)
    finetune = ("finetune=full", f"init_from={folder}", "model=mlp_small")
    config = config_of("dataset=breast_cancer", *PLAIN, *finetune, *tuned)
    data = build.data(config)
    learned = build.data(read_result(folder).config).splits["train"]["id"]
    line = known_rows_line(config, data)
    for split in ("val", "test") if "dataset=wine" not in start else ():
        ids = data.splits[split]["id"]
        count = int(torch.isin(ids, learned).sum())
        said = f"{count} of the {len(ids)} {split} rows"
        assert (said in (line or "")) == (count > 0), (said, line)
    assert known is None or known in line
