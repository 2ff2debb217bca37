import pytest

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from tests.dataset.quick_data import csv_data


def dataset(tmp_path, *overrides):
    (tmp_path / "d.csv").write_text("5,b,7\n1,2,3\n")
    return check(compose("dataset=csv", f"dataset.path={tmp_path / 'd.csv'}", *overrides))[
        "dataset"
    ]


@pytest.mark.parametrize("name", ["7", "1.50", "1_000", "-3"])
def test_a_column_that_is_called_like_a_number_is_named_as_it_is(tmp_path, name):
    assert dataset(tmp_path, f"dataset.target={name}")["target"] == name


def test_numbers_in_lists_and_for_keys_are_texts_where_texts_belong(tmp_path):
    node = dataset(
        tmp_path,
        "dataset.target=[5,7]",
        "dataset.missing=['',-999]",
        "dataset.columns={5:numeric}",
        "dataset.split=group",
        "dataset.split_column=5",
    )
    assert node["target"] == ["5", "7"]
    assert node["missing"] == ["", "-999"]
    assert node["columns"] == {"5": "numeric"}
    assert node["split_column"] == "5"


def test_numbers_stay_numbers_where_numbers_belong_and_what_is_no_text_is_refused(tmp_path):
    assert dataset(tmp_path, "dataset.target=b", "dataset.positive=1")["positive"] == 1
    with pytest.raises(ConfigError, match=r"dataset\.val_size"):
        dataset(tmp_path, "dataset.target=b", "dataset.val_size=x")


@pytest.mark.parametrize(
    ("value", "classes", "chosen"),
    [(False, ("yes", "no"), "no"), (True, ("yes", "no"), "yes"), (False, ("off", "on"), "off")],
)
def test_the_yes_and_no_of_yaml_are_the_classes_that_mean_them(tmp_path, value, classes, chosen):
    lines = [f"{i * 7 % 31},{classes[i % 2]}" for i in range(50)]
    (tmp_path / "d.csv").write_text("\n".join(["a,y", *lines]) + "\n")
    data = csv_data(path=str(tmp_path / "d.csv"), positive=value)
    data.setup()
    assert data.spec.classes[1] == chosen
