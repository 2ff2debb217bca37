"""`lepton verify`: the same again, or what differs and why."""

import json
import shutil

import pytest
from safetensors.torch import load, load_file, save, save_file

from lepton.commands.verify import main as verify_command
from lepton.commands.verify import verify
from lepton.errors import LeptonError
from lepton.storage.cache_entries import read_entry, write_entry
from tests.tampering import forget_digests

CSV = ("dataset=csv", "dataset.path=loans.csv", "dataset.target=late", "trainer.max_epochs=2")


@pytest.fixture
def mlp(run):
    return run("dataset=wine", "model=mlp_small", "trainer.max_epochs=2")


def edit(path, change):
    """Changes the content of a JSON file of a run without digests."""
    forget_digests(path.parent)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("model", ["mlp_small", "gradient_boosting"])
def test_a_run_comes_out_the_same_bit_for_bit_and_is_left_as_it_was(run, capsys, model):
    folder = run("dataset=wine", f"model={model}", "trainer.max_epochs=2")
    before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.parent.rglob("*")}
    assert verify_command([str(folder)]) == 0
    assert "the same again, bit for bit" in capsys.readouterr().out
    after = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.parent.rglob("*")}
    assert after == before


@pytest.mark.slow
def test_a_number_that_is_not_the_same_is_named(mlp):
    def move(result):
        result["metrics"]["test/accuracy"] += 1e-9

    edit(mlp / "result.json", move)
    lines, same = verify(mlp)
    assert not same
    assert "1 of 18 metrics, the most in test/accuracy" in lines[1]
    assert "training is not deterministic" in lines[-1]


@pytest.mark.slow
def test_other_versions_and_another_commit_are_named(mlp, capsys):
    def older(environment):
        environment["packages"]["torch"] = "1.0"
        environment["git"]["lepton"] = "abc"

    edit(mlp / "environment.json", older)
    edit(mlp / "result.json", lambda content: content["metrics"].update({"val/log_loss": 0.0}))
    assert verify_command([str(mlp)]) == 1
    message = capsys.readouterr().out
    assert "version: torch 1.0, now" in message
    assert "code: lepton commit abc, now" in message


@pytest.mark.slow
def test_a_package_that_a_run_did_not_record_is_not_named(mlp):
    def older(environment):
        del environment["packages"]["transformers"], environment["packages"]["skops"]
        environment["packages"]["peft"] = None  # was not installed

    edit(mlp / "environment.json", older)
    lines, same = verify(mlp)
    assert same
    assert not any(package in line for line in lines for package in ("transformers", "skops"))
    assert any(line.strip().startswith("although version: peft not known") for line in lines)


@pytest.mark.slow
def test_data_that_changed_are_named(run, here):
    rows = ["age,job,late"] + [f"{20 + i},{'ab'[i % 2]},{i % 3 == 0}" for i in range(60)]
    (here / "loans.csv").write_text("\n".join(rows))
    folder = run(*CSV, "model=linear")
    (here / "loans.csv").write_text("\n".join(rows).replace("29,", "59,"))
    lines, same = verify(folder)
    assert not same
    assert any(line.strip().startswith("data: loans.csv") for line in lines)


@pytest.mark.slow
def test_weights_to_start_from_that_changed_are_named(run, here):
    overrides = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2")
    first, second = (run(*overrides, f"seed={seed}", "study=before") for seed in (1, 2))
    forget_digests(shutil.copytree(first, here / "start"))
    folder = run(*overrides, "finetune=full", "init_from=start")
    shutil.copy(second / "model.safetensors", here / "start")
    lines, same = verify(folder)
    assert not same
    assert lines[-1].strip() == "weights: start"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda path: path.write_text("{"),
            "base.json: cannot be read (Expecting property name enclosed in double quotes: "
            "line 1 column 2 (char 1)); train the run again",
        ),
        (
            lambda path: edit(path, lambda content: content.update(sha256="0")),
            "base.json: names other",
        ),
    ],
    ids=["damaged", "other"],
)
def test_a_note_of_what_an_adapter_needs_that_is_not_whole_is_named(run, change, message):
    overrides = ("dataset=wine", "model=mlp", "trainer.max_epochs=1")
    start = run(*overrides, "study=start")
    folder = run(*overrides, "finetune=lora", f"init_from={start}")
    assert verify(folder)[1]
    change(forget_digests(folder) / "base.json")
    lines, same = verify(folder)
    assert not same
    assert message in lines[1]


@pytest.mark.slow
def test_an_adapter_that_is_not_the_same_is_named(run):
    overrides = ("dataset=wine", "model=mlp", "trainer.max_epochs=1")
    start = run(*overrides, "study=start")
    folder = run(*overrides, "finetune=lora", f"init_from={start}")
    saved = load_file(forget_digests(folder) / "adapter.safetensors")
    save_file({name: value + 1 for name, value in saved.items()}, folder / "adapter.safetensors")
    lines, same = verify(folder)
    assert not same
    assert lines[1].strip() == "adapter.safetensors"
    (folder / "adapter.safetensors").unlink()
    lines, same = verify(folder)
    assert not same
    assert lines[1].strip() == "adapter.safetensors: was not kept"


@pytest.mark.slow
def test_another_precision_that_auto_chose_is_named(mlp):
    edit(mlp / "result.json", lambda content: content.update(precision="bf16-mixed"))
    lines, same = verify(mlp)
    assert same
    assert lines[-1].strip() == "although machine: trained in bf16-mixed, now in 32-true"


@pytest.mark.slow
def test_a_run_of_a_stack_says_that_it_is_alone_now(mlp):
    edit(mlp / "result.json", lambda content: content.update(trained="stack of 5", score=1))
    edit(mlp / "result.json", lambda content: content["metrics"].update({"val/log_loss": 0.0}))
    lines, _ = verify(mlp)
    assert any("then in a stack of 5, now alone" in line for line in lines)


def test_what_is_no_run_is_a_line(here):
    for overrides in ([], ["a", "b"], ["--fast"]):
        with pytest.raises(LeptonError, match="usage: lepton verify RUN"):
            verify_command(overrides)
    with pytest.raises(LeptonError, match="nowhere: holds no finished run"):
        verify_command(["nowhere"])


@pytest.mark.slow
def test_what_lies_in_the_cache_is_neither_read_nor_changed(run, cache):
    run("dataset=wine", "model=mlp_small", "trainer.max_epochs=2", "study=source")
    folder = run("dataset=wine", "model=mlp_small", "finetune=head", "init_from=source")
    for path in (cache / "features").iterdir():
        features = {name: -values for name, values in load(read_entry(path)).items()}
        write_entry(path, save(features))
    before = {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()}
    _, same = verify(folder)
    assert same
    assert {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()} == before
