"""Texts from files: read, told from other columns, cleaned, split, and noted."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError, DataError
from lepton.testing import check_dataset, composed_data

NOUNS = ["cat", "dog", "house", "river", "hill", "teacher", "letter", "window", "engine", "garden"]


def table(rows=120):
    """Distinct texts of two classes, told by one word."""
    texts = [
        f"{NOUNS[i % 10]} {NOUNS[i // 10 % 10]} {'good' if i % 2 else 'bad'} {i}"
        for i in range(rows)
    ]
    return pd.DataFrame({"text": texts, "label": ["pos" if i % 2 else "neg" for i in range(rows)]})


@pytest.fixture
def data(tmp_path):
    """The data module of a table, written as a file, and of further overrides."""

    def make(frame, *overrides, test=None, model="text_cnn"):
        paths = {"path": frame, **({} if test is None else {"test_path": test})}
        files = []
        for key, content in paths.items():
            content.to_parquet(tmp_path / f"{key}.parquet")
            files.append(f"dataset.{key}={tmp_path / key}.parquet")
        fixed = ["dataset=text_csv", "dataset.text=text", "dataset.target=label", f"model={model}"]
        return build.data(check(compose(*fixed, *files, *overrides)))

    return make


def notes(data):
    return [str(note) for note in data.notes]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.ndjson", "t.parquet", "t.txt"])
def test_every_kind_of_file_gives_the_same_splits(name, tmp_path, data):
    frame, path = table(), tmp_path / name
    overrides = [f"dataset.path={path}"]
    match name.partition(".")[2]:
        case "csv":
            frame.to_csv(path, index=False)
        case "tsv":
            frame.to_csv(path, index=False, sep="\t", header=False)
            overrides += [
                "dataset.header=false",
                "dataset.names=[text,label]",
                "dataset.quote=null",
            ]
        case "jsonl" | "ndjson":
            frame.to_json(path, orient="records", lines=True, force_ascii=False)
        case "parquet":
            frame.to_parquet(path)
        case "txt":
            path.write_text("\n".join(frame["label"] + " " + frame["text"]))
            overrides += [
                "dataset.rest=true",
                "dataset.separator=' '",
                "dataset.names=[label,text]",
                "dataset.header=false",
            ]
    expected, actual = data(frame).splits, data(frame, *overrides).splits
    for split, tensors in expected.items():
        for key, value in tensors.items():
            assert value.equal(actual[split][key]), (split, key)


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["model=transformer_tiny"],
        ["dataset.folds=3", "dataset.fold=1"],
        ["dataset.split=random"],
        ["dataset.split=group", "dataset.split_column=source"],
        ["dataset.split=column", "dataset.split_column=part"],
        ["dataset.split=time", "dataset.split_column=when"],
        ["dataset.text=[text,other]"],
        ["dataset.target=[a,b]"],
        ["dataset.target=score"],
        ["dataset.target=three"],
    ],
)
def test_the_contract_holds_for_every_split_and_task(overrides, tmp_path):
    frame = table()
    n = np.arange(len(frame))
    frame = frame.assign(
        source=n // 4,
        part=np.where(n % 5 == 0, "test", np.where(n % 5 == 1, "dev", "train")),
        when=n,
        other=frame["text"].str[::-1],
        a=n % 2,
        b=n // 2 % 2,
        score=n * 0.25,
        three=np.array(["x", "y", "z"])[n % 3],
    )
    frame.to_parquet(tmp_path / "f.parquet")
    fixed = ["dataset=text_csv", f"dataset.path={tmp_path}/f.parquet", "model=text_cnn"]
    check_dataset(composed_data(*fixed, "dataset.text=text", "dataset.target=label", *overrides))


@pytest.mark.slow
def test_groups_stay_together_and_a_test_file_is_the_test(data):
    frame = table().assign(source=np.arange(120) // 4)
    grouped = data(frame, "dataset.split=group", "dataset.split_column=source").splits
    sources = [set(frame["source"].iloc[tensors["id"]]) for tensors in grouped.values()]
    assert all(not (first & second) for first, second in combinations(sources, 2))
    with_test_file = data(table(100), test=table(120).iloc[100:]).splits
    assert with_test_file["test"]["id"].tolist() == list(range(100, 120))


def test_empty_texts_are_dropped_and_counted(data):
    frame = table()
    frame.loc[[3, 7], "text"] = ["  ", None]
    prepared = data(frame)
    ids = {i for tensors in prepared.splits.values() for i in tensors["id"].tolist()}
    assert ids == set(range(120)) - {3, 7}
    assert "column text: empty text, row dropped (2)" in notes(prepared)


@pytest.mark.slow
def test_a_text_of_the_test_split_is_not_trained_on(data):
    frame, test = table(100), table(120).iloc[100:].copy()
    test.loc[100, "text"] = f"  {frame['text'][5].upper()}  "
    dropped = data(frame, test=test)
    ids = {split: tensors["id"].tolist() for split, tensors in dropped.splits.items()}
    assert 5 not in ids["train"] + ids["val"]
    assert len(ids["train"]) + len(ids["val"]) == 99
    assert any("whose text is in" in note and "dropped (1)" in note for note in notes(dropped))
    undropped = data(frame, "dataset.duplicates=keep", test=test)
    assert len(undropped.splits["train"]["id"]) + len(undropped.splits["val"]["id"]) == 100
    assert any("kept; dataset.duplicates=drop" in note for note in notes(undropped))


def test_a_test_file_that_holds_every_text_leaves_nothing_to_train_on(data):
    with pytest.raises(DataError, match="val split is empty: every text of it is in test too; is"):
        data(table(), test=table().iloc[::-1])


def test_rows_that_repeat_within_train_stay_and_are_counted(data):
    frame = pd.concat([table(60), table(60)], ignore_index=True)
    names = np.where(
        np.arange(120) % 60 < 10, "test", np.where(np.arange(120) % 60 < 20, "val", "")
    )
    frame["part"] = np.where(names == "", "train", names)
    prepared = data(frame, "dataset.split=column", "dataset.split_column=part")
    assert len(prepared.splits["train"]["id"]) == 80
    assert "the train split: rows whose text came before, kept (40)" in notes(prepared)


def test_long_texts_are_cut_and_the_share_is_noted(data):
    frame = table()
    frame.loc[0:59, "text"] = frame["text"][0:60] + " word" * 30
    prepared = data(frame, "model.tokenizer.max_length=20")
    lengths = [int(tensors["length"].max()) for tensors in prepared.splits.values()]
    assert max(lengths) == 20
    longer = (prepared.splits["train"]["id"] < 60).double().mean()
    [note] = [note for note in notes(prepared) if "of train" in note]
    assert f"longer than 20 tokens, cut ({100 * longer:.1f} % of train)" in note


def test_the_vocabulary_is_of_the_training_split_alone(data):
    frame, test = table(100), table(120).iloc[100:].assign(text="zzz qqq")
    test["text"] += [f" {i}" for i in range(20)]
    vocabulary = data(frame, test=test).fitted_tokenizer.tokenizer.get_vocab()
    assert "good" in vocabulary
    assert not any("q" in piece for piece in vocabulary)


def test_a_model_that_reads_texts_itself_gets_them_as_they_are(data):
    prepared = data(table(), model="tfidf_linear")
    train = prepared.splits["train"]
    assert train["texts"].tolist() == table()["text"].iloc[train["id"]].to_frame().values.tolist()
    assert (prepared.spec.vocabulary, prepared.spec.text_features) == (0, ("text",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": np.arange(120)}, r"column 'text' holds integer values, not texts"),
        ({"text": [f"{i}.5" for i in range(120)]}, r"'text' is not text: 100 % of its cells are n"),
        ({"text": ["2024-01-02"] * 120}, r"'text' is not text: 100 % of its cells are dates"),
        ({"text": [""] * 120}, "column text: every text is empty"),
        ({"text": ["same"] * 120}, "column 'text': every text is 'same'"),
    ],
)
def test_a_column_that_holds_no_texts_is_refused(change, message, data):
    with pytest.raises(DataError, match=message):
        data(table().assign(**change))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["dataset.text=txt"], r"column 'txt' is missing; did you mean 'text'\?"),
        (["dataset.text=label"], "dataset.text: 'label' is the target"),
        (
            ["dataset.text=[text,label,x]"],
            r"dataset.text: .* give one column, or the two of a pair",
        ),
        (["dataset.rest=true", "dataset.path={txt}"], "dataset.rest=true needs dataset.separator"),
    ],
)
def test_keys_that_name_no_texts_are_refused(overrides, message, data, tmp_path):
    (tmp_path / "x.txt").write_text("pos a text")
    with pytest.raises(DataError, match=message):
        data(table(), *(text.format(txt=tmp_path / "x.txt") for text in overrides))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"lines\.jsonl, line 2: not JSON"),
        ("[" * 100_000, r"lines\.jsonl, line 2: not JSON"),
        ('{"text": "a", "text": "b"}', r"lines\.jsonl, line 2: two values for 'text'"),
        ("[1]", r"lines\.jsonl, line 2: not an object"),
        (json.dumps({"text": ["a"], "label": 1}), r"line 2: 'text' is not one number, text or"),
        ('{"text": "\\ud800", "label": 1}', r"lines\.jsonl, line 2: half a character"),
    ],
)
def test_a_line_that_is_no_row_is_named(line, message, tmp_path, data):
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps({"text": "a", "label": 1}) + "\n" + line)
    with pytest.raises(DataError, match=message):
        data(table(), f"dataset.path={path}")


def test_a_line_without_a_text_is_named(tmp_path, data):
    path = tmp_path / "lines.txt"
    path.write_text("pos a text\nneg\n")
    overrides = ["dataset.rest=true", "dataset.separator=' '", "dataset.names=[label,text]"]
    with pytest.raises(DataError, match=r"lines\.txt, line 2: nothing for column 'text'"):
        data(table(), f"dataset.path={path}", *overrides, "dataset.header=false")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["dataset=vader"],
            "dataset=vader holds texts, and model=tabm_small reads a table; "
            "write model=bag_of_embeddings or model=text_cnn; ",
        ),
        (["dataset=digits"], "model=tabm_small reads a table; write model=cnn_small or "),
        (["model=text_cnn"], "dataset=german_credit holds a table, and model=text_cnn reads texts"),
        (["model=tfidf_linear"], "dataset=german_credit holds a table, and model=tfidf_linear"),
    ],
)
def test_a_model_that_cannot_read_the_data_is_refused_before_anything_is_read(overrides, message):
    with pytest.raises(ConfigError, match=message):
        compose(*overrides)
