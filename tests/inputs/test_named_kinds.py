"""How data sets and models name kinds of inputs: in source, by a short or a dotted name."""

import sys

import pytest

from lepton import build, train
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from tests.inputs.conftest import SERIES

OLD = '''"""Classes as they were written when a class had one kind."""

import pandas as pd
from torch import nn

from lepton.dataset.text import TextData


class Notes(TextData):
    """Rows of notes.csv; it hands no keywords on."""

    kind = "text"

    def __init__(self, *, path: str, text: str, target: str, duplicates, tokenizer, batch_size,
                 seed, limit_batches, overfit_batches):
        super().__init__(
            text=text, duplicates=duplicates, tokenizer=tokenizer, target=target, task=None,
            positive=None, split="stratified", split_column=None, val_size=0.2, test_size=0.2,
            split_seed=0, folds=None, fold=None, shots=None, fraction=1.0,
            max_numeric_classes=20, batch_size=batch_size, seed=seed,
            limit_batches=limit_batches, overfit_batches=overfit_batches,
        )
        self.path = path

    def read(self):
        return pd.read_csv(self.path), None


class Bag(nn.Module):
    """The mean of embeddings."""

    kind = "text"

    def __init__(self, *, spec, tokenizer):
        super().__init__()
        self.table = nn.Embedding(spec.vocabulary, spec.outputs)

    def forward(self, batch):
        mask = batch["mask"][..., None]
        return (self.table(batch["tokens"]) * mask).sum(1) / mask.sum(1)
'''
BROKEN = """from torch import nn

from lepton.dataset.data import Data
from lepton.dataset.inputs.kind import InputKind


class First(InputKind):
    name = "waves"
    plural = "waves"


class Second(InputKind):
    name = "waves"


class Nameless(InputKind):
    pass


class Twice(Data):
    provides = ("broken_twice.First", "broken_twice.Second")


class Reader(nn.Module):
    reads = {reads!r}

    def __init__(self, *, spec):
        super().__init__()
"""


@pytest.fixture
def written(here, monkeypatch):
    """Writes a module and options that name its classes."""

    def write(name, source, **options):
        (here / f"{name}.py").write_text(source)
        for option, lines in options.items():
            group, _, option = option.partition("_")
            path = here / "conf" / group / f"{option}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(lines)
        monkeypatch.syspath_prepend(str(here))
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setenv("LEPTON_CONFIG_DIR", str(here / "conf"))
        monkeypatch.setenv("LEPTON_ALLOW", name)

    return write


@pytest.mark.slow
def test_a_data_set_and_a_model_that_say_kind_are_used_as_before(written, here):
    lines = [f"a {'fine' if i % 2 else 'dull'} film of part {i},{i % 2}" for i in range(60)]
    (here / "notes.csv").write_text("\n".join(["note,liked", *lines]))
    written(
        "oldwords",
        OLD,
        dataset_notes="# Notes.\n_target_: oldwords.Notes\npath: notes.csv\ntext: note\n"
        "target: liked\nduplicates: keep\n",
        model_bag="# A bag.\n_target_: oldwords.Bag\ntokenizer:\n"
        "  _target_: lepton.tokenizer.trained.Trained\n  vocabulary: 100\n  min_frequency: 1\n"
        "  lowercase: true\n  max_length: 16\n",
    )
    result = train(compose("dataset=notes", "model=bag", "trainer=smoke"))
    assert result.config["preprocessing"] is None
    with pytest.raises(ConfigError, match="dataset=notes holds texts, and model=mlp reads a table"):
        compose("dataset=notes", "model=mlp")


NAMES = {  # of a kind, by the module that says them; sources are read once a process
    "broken_a": (("waves",), "'waves' is not found: .*; one of your own is named by its class"),
    "broken_b": (("far.Waves",), "'far.Waves' is not in a trusted package; .* --allow far"),
    "broken_c": (("broken_c.Nameless",), "'broken_c.Nameless' is not found: .* sets `name` in its"),
    "broken_d": (("broken_d.First", "broken_d.Second"), "Second' is called 'waves', and so is '"),
}


@pytest.mark.slow
@pytest.mark.parametrize("module", NAMES)
def test_a_kind_that_cannot_be_used_is_told_in_one_line(written, module):
    names, message = NAMES[module]
    written(
        module,
        BROKEN.format(reads=names),
        model_reader=f"# Reads.\n_target_: {module}.Reader\n",
    )
    with pytest.raises(ConfigError, match=message) as error:
        compose("dataset=wine", "model=reader")
    assert len(error.value.problems) == 1


def test_two_kinds_of_one_name_are_refused_in_a_data_set(written):
    rows = "defaults: [_rows, _self_]\n_target_: broken_twice.Twice\ntarget: y\n"
    written("broken_twice", BROKEN.format(reads=("table",)), dataset_twice=f"# Twice.\n{rows}")
    with pytest.raises(ConfigError, match="Second' is called 'waves', and so is '"):
        compose("dataset=twice", "model=mlp")


@pytest.mark.slow
def test_a_data_set_is_hashed_by_the_files_of_its_folder_and_not_by_where_it_lies(data):
    from lepton.config.identity import run_id

    first = run_id(check(compose(*SERIES)))
    (data / "waves").rename(data / "elsewhere")
    moved = (*SERIES, "dataset.path=elsewhere")
    assert run_id(check(compose(*moved))) == first
    one = next((data / "elsewhere" / "slow").glob("*.txt"))
    one.rename(one.with_name("999.txt"))
    renamed = run_id(check(compose(*moved)))
    (one.parent / "999.txt").write_text("1.0\n2.0")
    assert len({first, renamed, run_id(check(compose(*moved)))}) == 3


@pytest.mark.slow
def test_a_folder_is_refused_where_a_file_is_read_and_a_missing_one_is_named(data):
    with pytest.raises(ConfigError, match=r"dataset\.path: 'waves' is a folder, not a file"):
        compose("dataset=csv", "dataset.path=waves", "dataset.target=y")
    with pytest.raises(ConfigError, match=r"dataset\.path: no such file or folder 'nowhere'"):
        compose(*SERIES, "dataset.path=nowhere")


def test_a_series_that_is_none_is_named_by_its_row(data):
    (data / "waves" / "slow" / "001.txt").write_text("")
    from lepton.errors import DataError

    with pytest.raises(DataError, match=r"column 'signal', row \d+: \[\] is no series"):
        build.data(check(compose(*SERIES)))
