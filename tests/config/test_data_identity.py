"""What tells data sets apart, and how they are called; contents are held against bytes on disk."""

import pytest

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.data_identity import comparable_data, data_identity, data_name
from lepton.config.identity import run_folder, run_id
from lepton.errors import ConfigError

MINE = '''"""A data set of the user's own."""

from lepton.dataset.tabular import TabularData


class Mine(TabularData):
    def __init__(self, *, year: int, {parameters}**table):
        super().__init__(**table)
'''
MINE_YAML = (
    "defaults: [_table, _self_]\n_target_: {}.Mine\ntarget: y\nyear: 2020\nshuffled: false\n"
)


@pytest.fixture
def files(here):
    """Two tables; one of them also as a copy in another folder, and with another ending."""
    (here / "elsewhere").mkdir()
    for name, text in {
        "first.csv": "x,y\n1,0\n",
        "elsewhere/copy.csv": "x,y\n1,0\n",
        "first.txt": "x,y\n1,0\n",
        "other.csv": "x,y\n1,1\n",
    }.items():
        (here / name).write_text(text)
    return here


def identity_of(*overrides):
    return data_identity(check(compose(*overrides)))


def content_of(path, *overrides, option="csv"):
    words = [f"dataset={option}", f"dataset.path={path}", *overrides]
    if not any(word.startswith("dataset.target=") for word in words):
        words.append("dataset.target=y")
    return identity_of(*words)["content"]


@pytest.mark.slow
def test_the_same_content_with_the_same_target_is_the_same_data_set_wherever_it_lies(files):
    first = content_of("first.csv")
    assert content_of("elsewhere/copy.csv") == content_of(files / "first.csv") == first
    assert content_of("other.csv") != first


@pytest.mark.slow
def test_another_target_or_test_file_makes_another_data_set(files):
    contents = {
        content_of("first.csv"),
        content_of("first.csv", "dataset.target=x"),
        content_of("first.csv", "dataset.target=[x,y]"),
        content_of("first.csv", "dataset.test_path=other.csv"),
        content_of("other.csv", "dataset.test_path=first.csv"),
    }
    assert len(contents) == 5
    one_of_a_list = content_of("first.csv", "dataset.target=[y]")
    assert one_of_a_list == content_of("first.csv")


@pytest.mark.slow
def test_two_options_that_read_the_same_file_are_the_same_data_set(files):
    as_text = content_of("first.txt", "dataset.text=x", "model=tfidf_linear", option="text_csv")
    assert as_text == content_of("first.csv")


@pytest.mark.parametrize(
    "override", ["dataset.split_seed=3", "dataset.decimal=','", "dataset.folds=2", "seed=4"]
)
def test_how_rows_are_read_and_split_makes_no_other_data_set(files, override):
    more = ["dataset.fold=0"] if "folds" in override else []
    assert content_of("first.csv", override, *more) == content_of("first.csv")


@pytest.mark.slow
def test_a_data_set_without_files_is_told_by_its_class_and_its_own_keys():
    small, large = (identity_of("dataset=synthetic", f"dataset.rows={n}") for n in (50, 60))
    assert small["content"] != large["content"]
    digits = ("dataset=digits", "model=cnn_small")
    assert identity_of(*digits, "dataset.size=6") == identity_of(*digits)
    again = identity_of("dataset=synthetic", "dataset.rows=50", "dataset.val_size=0.3")
    assert again == small
    assert identity_of("dataset=wine")["content"] != identity_of("dataset=diabetes")["content"]


@pytest.mark.parametrize("said", [False, True])
def test_a_class_of_the_users_own_may_say_which_keys_tell_its_data(lepton, here, said):
    text = MINE.format(parameters="shuffled: bool, ")
    said_so = '    content_keys = ("year",)\n\n    def __init__'
    module = f"mine_{said}".lower()  # what is known of a module is known for a process
    text = text.replace("    def __init__", said_so) if said else text
    (here / f"{module}.py").write_text(text)
    (here / "conf" / "dataset").mkdir(parents=True)
    (here / "conf" / "dataset" / "mine.yaml").write_text(MINE_YAML.format(module))
    from lepton.config.trust import allow

    allow(module)
    first, later, shuffled = (
        identity_of("dataset=mine", *words)["content"]
        for words in ([], ["dataset.year=2021"], ["dataset.shuffled=true"])
    )
    assert first != later
    assert (first == shuffled) == said


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["dataset.path=first.csv"], "first"),
        (["dataset.path=elsewhere/copy.csv"], "copy"),
        (["dataset.path=first.csv", "dataset.name=loans"], "loans"),
        (["dataset.path=first.csv", "dataset.name=2020"], "2020"),
        (["dataset.path=first.csv", "dataset.name='a/b c'"], "a/b c"),
        (["dataset.path=first.csv", "dataset.name=''"], "first"),
    ],
)
def test_a_data_set_is_called_as_it_says_or_else_as_its_file(files, words, name):
    assert identity_of("dataset=csv", "dataset.target=y", *words)["name"] == name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("b/adult.data.v2.csv", "adult.data.v2"),
        ("adult.csv.gz", "adult"),
        ("~/x/.hidden", ".hidden"),
    ],
)
def test_a_name_is_the_file_without_its_endings(path, name):
    node = {"_target_": "lepton.dataset.csv.Csv", "path": path}
    assert data_name({"dataset": node, "choices": {"dataset": "csv"}}) == name


def test_a_data_set_of_a_collection_is_called_as_there_and_one_without_a_file_as_its_option():
    node = {"_target_": "lepton.dataset.huggingface.HuggingFace", "name": "stanfordnlp/imdb"}
    assert data_name({"dataset": node, "choices": {"dataset": "huggingface"}}) == "imdb"
    assert identity_of("dataset=wine")["name"] == "wine"
    assert identity_of("dataset=wine", "dataset.name=barolo")["name"] == "barolo"


def test_a_data_set_in_a_folder_is_told_by_its_files_and_called_as_the_folder(files):
    (files / "pets.v2" / "cat").mkdir(parents=True)
    (files / "pets.v2" / "cat" / "1.png").write_bytes(b"one")
    words = ("dataset=image_folder", "dataset.path=pets.v2", "model=cnn_small")
    first = identity_of(*words)
    (files / "pets.v2" / "cat" / "1.png").write_bytes(b"two")
    assert first["name"] == identity_of(*words)["name"] == "pets.v2"
    assert first["content"] != identity_of(*words)["content"]


def test_a_name_changes_no_id_and_names_new_folders(files):
    words = ("dataset=csv", "dataset.target=y", "dataset.path=first.csv")
    plain = check(compose(*words))
    named = check(compose(*words, "dataset.name=loans", "study=named"))
    assert run_id(named) == run_id(plain)
    assert run_folder(plain).name == f"first-tabm_small-s0-{run_id(plain)}"
    assert run_folder(named).name == f"loans-tabm_small-s0-{run_id(plain)}"


def test_a_folder_that_has_the_name_of_the_data_is_no_part_of_them(files):
    words = ("dataset=csv", "dataset.target=y", "dataset.path=first.csv", "dataset.name=elsewhere")
    assert run_id(check(compose(*words))) == run_id(check(compose(*words[:3])))
    assert identity_of(*words)["content"] == identity_of(*words[:3])["content"]


def test_a_name_that_is_no_text_is_refused(files):
    words = ("dataset=csv", "dataset.target=y", "dataset.path=first.csv", "dataset.name=[a]")
    with pytest.raises(ConfigError, match=r"dataset\.name: \['a'\] is not null or str"):
        check(compose(*words))


def test_what_lepton_notes_of_the_data_is_not_set_by_hand(lepton):
    code, _, err = lepton("train", "+data_identity.content=1")
    assert code == 2
    assert "data_identity" in err


def test_runs_on_the_same_file_differ_by_nothing_of_their_data(files):
    words = ("dataset=csv", "dataset.target=y")
    first, copy, other = (
        comparable_data(check(compose(*words, f"dataset.path={path}", f"dataset.name={name}")))
        for path, name in [("first.csv", "a"), ("elsewhere/copy.csv", "b"), ("other.csv", "a")]
    )
    assert first == copy
    assert first != other
