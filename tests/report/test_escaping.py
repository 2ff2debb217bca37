"""Texts of data that HTML or Markdown would read as code stand in a report as they are."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from lepton.commands.report import main as report_command
from lepton.report.blocks import Report, RunsTable, Section
from lepton.report.html import html_page

SCRIPT = "<script>alert(1)</script>"
CLASSES = (f"{SCRIPT}|a", "_b_ & $x^")
DATASET = (
    "dataset=text_csv",
    "dataset.path=mails.csv",
    "dataset.text=mail_text",
    "dataset.target=kind",
)


@pytest.fixture
def mails(here, run):
    """A run on texts of which many are predicted wrong, with strange classes, texts and columns."""
    rows = [
        {
            "mail_text": f"{SCRIPT} *word* `code` | [link](x) __init__ &amp; n{i} "
            + "long " * (70 + 20 * (i % 2)),
            "kind": CLASSES[i * i * i % 11 < 5],
            "sender": f"{SCRIPT}{i % 3 // 2}",
            "number": i,
        }
        for i in range(180)
    ]
    pd.DataFrame(rows).to_csv(here / "mails.csv", index=False)
    return run(*DATASET, "model=tfidf_linear", "study=mails", "dataset.split_seed=1")


class Page(HTMLParser):
    """The tags of a page and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.slow
def test_a_text_is_shown_as_it_is_and_cut_and_sliced_by_its_length(mails, here, capsys):
    assert report_command(["mails"]) == 0
    out = here / "reports" / "mails"
    mistakes = pd.read_csv(out / "mistakes.csv")
    assert list(mistakes) == ["sample", "true", "predicted", "mail_text"]
    data = pd.read_csv(here / "mails.csv")
    for row in mistakes.itertuples():
        assert row.true == data.loc[row.sample, "kind"]
        text = " ".join(data.loc[row.sample, "mail_text"].split())
        assert row.mail_text == f"{text[:299]}…"
    page = Page((out / "report.html").read_text())
    assert page.tags.count("script") == 2  # the page's own
    assert mistakes["mail_text"][0] in page.texts
    svg = (out / "plots" / "slices.svg").read_text()
    assert "words of mail_text" in svg
    assert "sender = &lt;script&gt;" in svg
    assert "number" not in svg
    assert "<script>" not in (out / "report.md").read_text()


def test_no_run_ends_the_script_that_holds_all_of_them():
    runs = RunsTable("", ["run"], [["<!--<script>"], ["</script>"]], 1)
    page = html_page(Report("", [], {}, [Section("Every run", [runs])], ""), {})
    [data] = re.findall(r'<script type="application/json" id="runs-data">(.*?)</script>', page)
    assert "<" not in data
    assert Page(page).tags.count("script") == 2  # the runs, and what shows them
