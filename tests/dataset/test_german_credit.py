import hashlib
import importlib.util
from pathlib import Path

import pytest

from lepton.dataset.clean.column_kinds import infer_kinds
from lepton.dataset.clean.target import encode_target
from lepton.dataset.german_credit import GERMAN_CREDIT_FILE

SCRIPT = Path(__file__).parents[2] / "scripts" / "build_german_credit.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("build_german_credit", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_shipped_file_is_the_one_the_script_builds(script):
    assert hashlib.sha256(GERMAN_CREDIT_FILE.read_bytes()).hexdigest() == script.SHA256


def test_there_are_a_thousand_applicants_of_twenty_attributes(open_dataset):
    frame, test = open_dataset("german_credit").read()
    assert test is None
    assert frame.shape == (1000, 21)
    assert (frame["credit_risk"] == "bad").sum() == 300
    assert not frame.isna().any().any()


def test_the_counts_are_those_that_uci_publishes(open_dataset):
    frame, _ = open_dataset("german_credit").read()
    assert frame["credit_amount"].sum() == 3271258
    assert frame["duration_months"].sum() == 20903
    assert (frame["foreign_worker"] == "no").sum() == 37
    women = frame["personal_status_and_sex"].str.startswith("female")
    assert women.tolist()[:5] == [False, True, False, False, False]
    assert women.sum() == 310


def test_seven_attributes_are_numbers_and_none_is_ignored(open_dataset):
    data = open_dataset("german_credit")
    frame, _ = data.read()
    kinds, notes = infer_kinds(frame.drop(columns="credit_risk"), {}, min_identifier_values=20)
    assert notes == []
    assert sorted(kinds.values()) == ["boolean"] + ["categorical"] * 12 + ["numeric"] * 7
    target = encode_target(frame, data.target, data.task, data.positive, max_numeric_classes=20)
    assert target.classes == ("good", "bad")
    assert target.values.sum() == 300


def test_another_source_is_refused(script):
    with pytest.raises(ValueError, match="not the file"):
        script.build(b"a,b\n1,2\n")
