"""What is the same in many runs is one file on the disk, and no run depends on another's."""

import os
import shutil

import pytest

from lepton.storage.shared_files import share_files


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    (folder / "deep").mkdir(parents=True)
    (folder / "spec.json").write_text("spec")
    (folder / "deep" / "state.skops").write_bytes(b"state")
    return folder


@pytest.fixture
def study(tmp_path):
    study = tmp_path / "study"
    for name in ("a", "b"):
        (study / name).mkdir(parents=True)
    return study


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_files_of_the_same_content_are_one_inode_in_all_runs(source, study):
    for run in ("a", "b"):
        share_files(source, study / run)
        assert contents(study / run) == contents(source)
    for name in ("spec.json", "deep/state.skops"):
        first, second = ((study / run / name).stat() for run in ("a", "b"))
        assert first.st_ino == second.st_ino
        assert first.st_nlink == 2


def test_a_folder_is_whole_when_copied_and_without_the_others(source, study, tmp_path):
    for run in ("a", "b"):
        share_files(source, study / run)
    shutil.copytree(study / "a", tmp_path / "copy")
    shutil.rmtree(study / "b")
    assert contents(tmp_path / "copy") == contents(study / "a") == contents(source)


def test_writing_one_anew_changes_no_other(source, study):
    for run in ("a", "b"):
        share_files(source, study / run)
    (source / "spec.json").write_text("another spec")
    share_files(source, study / "a")
    assert (study / "a" / "spec.json").read_text() == "another spec"
    assert (study / "b" / "spec.json").read_text() == "spec"
    share_files(source, study / "a")  # the same again leaves nothing beside
    assert contents(study / "a") == contents(source)


def test_a_shared_file_that_was_changed_in_its_place_is_not_given_to_others(source, study):
    share_files(source, study / "a")
    with (study / "a" / "spec.json").open("r+") as file:
        file.write("SPEC")
    share_files(source, study / "b")
    assert (study / "b" / "spec.json").read_text() == "spec"
    assert (study / "a" / "spec.json").read_text() == "SPEC"


@pytest.mark.parametrize("error", [PermissionError(1, "no links here"), OSError(18, "other disk")])
def test_a_file_system_without_links_gets_copies(source, study, monkeypatch, error):
    def no_link(*_, **__):
        raise error

    monkeypatch.setattr(os, "link", no_link)
    share_files(source, study / "a")
    assert contents(study / "a") == contents(source)
    assert (study / "a" / "spec.json").stat().st_nlink == 1


def test_a_file_with_as_many_links_as_it_can_have_is_begun_anew(source, study, monkeypatch):
    share_files(source, study / "a")
    link, full = os.link, {(study / "a" / "spec.json").stat().st_ino}

    def refused(path, *arguments, **options):
        if os.stat(path).st_ino in full:
            raise OSError(31, "Too many links")
        return link(path, *arguments, **options)

    monkeypatch.setattr(os, "link", refused)
    (study / "c").mkdir()
    for run in ("b", "c"):
        share_files(source, study / run)
        assert contents(study / run) == contents(source)
    inodes = [(study / run / "spec.json").stat().st_ino for run in ("a", "b", "c")]
    assert inodes[0] != inodes[1] == inodes[2]


def test_a_link_that_leads_elsewhere_is_not_shared(source, study, tmp_path):
    outside = tmp_path / "outside.json"
    outside.write_text("spec")
    (study / "a" / "spec.json").symlink_to(outside)
    share_files(source, study / "b")
    assert (study / "b" / "spec.json").stat().st_ino != outside.stat().st_ino
