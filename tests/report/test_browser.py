"""The page in a real browser: without errors, on a phone, by keyboard, in light and dark."""

import re

import pytest

from lepton.commands.report import report_command

pytestmark = pytest.mark.slow
TAB, ENTER = ("Tab", 9), ("Enter", 13)


@pytest.fixture
def page(study, here):
    assert report_command([str(study)]) == 0
    return here / "reports" / "small" / "report.html"


def luminance(color):
    """Relative luminance of WCAG 2.1."""
    parts = [int(x) / 255 for x in re.findall(r"\d+", color)[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_page_loads_without_a_word_in_the_console_and_shows_tables_and_plots(browser, page):
    browser.open(page)
    assert browser.complaints() == []
    assert browser.ask("document.title") == "small: report"
    assert browser.ask("document.querySelectorAll('table').length") >= 4
    plots = browser.ask("[...document.querySelectorAll('svg.plot')].map(s => s.clientHeight)")
    assert len(plots) >= 8
    assert min(plots) > 50
    assert browser.ask("performance.getEntriesByType('resource').length") == 0
    ids = browser.ask("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_nothing_is_wider_than_the_window_but_what_scrolls_by_itself(browser, page, width):
    browser.open(page, width=width)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask("document.querySelector('h1').getBoundingClientRect().left") >= 0
    assert browser.ask("getComputedStyle(document.body).fontSize") == "16px"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_plots_can_be_read_in_light_and_dark(browser, page, scheme):
    browser.open(page, scheme=scheme)
    card = browser.ask("getComputedStyle(document.querySelector('section')).backgroundColor")
    assert (luminance(card) < 0.1) == (scheme == "dark")
    for where in ("h2", "td", "figcaption", "thead th", ".note, p", "nav a"):
        color = browser.ask(f"getComputedStyle(document.querySelector(`{where}`)).color")
        assert contrast(color, card) >= 4.5, where
    fills = browser.ask(
        "[...new Set([...document.querySelectorAll('svg.plot text')]"
        ".map(t => getComputedStyle(t).fill))]"
    )
    assert min(contrast(fill, card) for fill in fills) >= 4.5
    for i in range(8):
        line = "document.documentElement"
        color = browser.ask(f"getComputedStyle({line}).getPropertyValue('--s{i}').trim()")
        parts = ", ".join(str(int(color[j : j + 2], 16)) for j in (1, 3, 5))
        assert contrast(f"rgb({parts})", card) >= 3, f"--s{i}"


def test_the_theme_can_be_changed(browser, page):
    browser.open(page)
    before = browser.ask("getComputedStyle(document.body).backgroundColor")
    browser.ask("document.getElementById('theme').click()")
    after = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert luminance(after) < 0.1 < luminance(before)
    assert browser.ask("document.getElementById('theme').textContent") == "Light"


def test_everything_is_reached_and_used_by_keyboard(browser, page):
    browser.open(page)
    browser.press(*TAB)
    assert browser.ask("document.activeElement.className") == "skip"
    browser.press(*ENTER)
    seen = set()
    for _ in range(200):
        browser.press(*TAB)
        seen.add(browser.ask("document.activeElement.tagName + document.activeElement.className"))
        if browser.ask("document.activeElement.closest('#runs thead') !== null"):
            break
    assert {"BUTTONcopy", "DIVscroll", "DIVplotbox", "SUMMARY", "INPUT"} <= seen
    browser.press(*ENTER)
    assert browser.ask("document.querySelector('#runs th').ariaSort") == "ascending"
    names = browser.ask("[...document.querySelectorAll('#runs tbody th')].map(t => t.textContent)")
    assert names == sorted(names)


def test_runs_are_found_by_words(browser, page):
    browser.open(page)
    assert browser.ask("document.querySelector('#runs [role=status]').textContent") == (
        "1 to 9 of 9 runs"
    )
    search = "document.querySelector('#runs input')"
    browser.ask(f"{search}.value = 'gradient'; {search}.dispatchEvent(new Event('input'))")
    rows = browser.ask("[...document.querySelectorAll('#runs tbody tr')].map(t => t.textContent)")
    assert len(rows) == 3
    assert all("gradient_boosting" in row for row in rows)
