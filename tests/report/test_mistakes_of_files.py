"""The worst mistakes on pictures and sounds are shown, while their files are what they were."""

import re

import pytest

from lepton.analysis.study import gather_runs
from lepton.report.assemble import ReportRequest, assemble_report
from lepton.report.html import html_page
from tests.picture_files import write_photos

SHORT = ("trainer=cpu", "trainer.max_epochs=1", "batch_size=8", "study=files")


def page():
    """The report on the study of files, without its figures."""
    report = assemble_report(
        gather_runs(["files"]), ReportRequest(["files"], None, None, None, "score", "command")
    )
    return html_page(report, {figure.name: "<svg></svg>" for figure in report.figures()})


@pytest.mark.slow
def test_pictures_are_shown_until_a_file_changes(here, run):
    write_photos(here / "photos")
    model = ("model=cnn_small", "model.channels=[2]")
    run("dataset=image_folder", "dataset.path=photos", "dataset.size=8", *model, *SHORT)
    shown = page()
    assert shown.count('<img src="data:image/png') >= 1
    assert re.search(r'alt="\d+\.png"', shown)
    (here / "photos" / "cat" / "0.png").write_bytes((here / "photos/dog/1.png").read_bytes())
    changed = page()
    assert '<img src="data:image/png' not in changed
    assert "its data or its options are no longer what they were" in changed


@pytest.mark.slow
def test_sounds_play_until_they_are_gone(here, run):
    pytest.importorskip("soundfile")
    from tests.sound_files import write_tones

    write_tones(here / "tones")
    model = ("model=audio_cnn", "optimizer.lr=1e-5")
    run("dataset=audio_folder", "dataset.path=tones", *model, *SHORT)
    shown = page()
    assert shown.count('<audio controls preload="none" src="data:audio/wav;base64,') >= 1
    (here / "tones").rename(here / "elsewhere")
    gone = page()
    assert "<audio" not in gone
    assert re.search(r"No inputs are shown, and no slices: [^<]*tones", gone)
