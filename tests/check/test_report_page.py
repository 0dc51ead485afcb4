"""The page of a report in a real browser: quiet, alone, readable, and deaf to what images say."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.check import reported
from tests.support.browser import Browser, Page, chromium

#: Text whose contrast with what is behind it is less than WCAG 2.2 asks for (AA).
_FAINT = """
(() => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = parts(color).slice(0, 3).map((v) => v / 255)
      .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if ((parts(color)[3] ?? 1) === 1) return color;
    }
  };
  return [...document.querySelectorAll('body *')]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .filter((e) => {
      const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => x - y);
      return (b + 0.05) / (a + 0.05) < 4.5;
    }).map((e) => e.outerHTML.slice(0, 200));
})()
"""
#: What is wider than its place: the text of a cell, or anything beyond the right edge.
_CUT_OFF = """
  [...document.querySelectorAll('body *')]
    .filter((e) => !e.closest('thead, .bar, .skip') && e.getClientRects().length)
    .filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5
      || (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'visible'))
    .map((e) => e.outerHTML.slice(0, 200))
"""
_OPEN = "document.querySelectorAll('details').forEach((each) => { each.open = true })"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    built = reported.build(tmp_path_factory.mktemp("page"))
    built.report("--budget", "1MB", check=False)
    return {name: built.page(f"{name}-1.0-1") for name in ("app", "eapp")}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser") / "home") as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, pages: dict[str, Path]) -> Page:
    page = browser.open(pages["app"].as_uri())
    page.value(_OPEN)
    return page


@pytest.mark.parametrize("name", ["app", "eapp"])
def test_it_needs_nothing_and_says_nothing(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    page = browser.open(pages[name].as_uri())
    assert page.requests == [pages[name].as_uri()]
    assert page.messages == []
    assert page.value("document.styleSheets[0].cssRules.length") > 20
    assert page.value("document.title") == f"{name}-1.0-1: what is inside"


def test_the_browser_would_tell(browser: Browser, tmp_path: Path) -> None:
    """A page that does what ours must not do is seen to do it."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<script>document.title='run'; console.log(1); fetch('http://127.0.0.1:9/')</script>"
    )
    page = browser.open(bad.as_uri())
    assert page.requests[1:] == ["http://127.0.0.1:9/"]
    assert page.messages
    assert page.value("document.title") == "run"


@pytest.mark.parametrize("enforce_policy", [True, False])
def test_what_images_say_is_only_text(
    browser: Browser, pages: dict[str, Path], enforce_policy: bool
) -> None:
    """With the content security policy, and by escaping alone."""
    page = browser.open(pages["app"].as_uri(), enforce_policy=enforce_policy)
    page.value(_OPEN)
    assert page.value("document.title") == "app-1.0-1: what is inside"
    assert (
        page.value("document.querySelectorAll('script, img, iframe, object, link, u, b').length")
        == 0
    )
    handlers = "[...document.querySelectorAll('*')].flatMap((e) => e.getAttributeNames())"
    assert not [each for each in page.value(handlers) if each.startswith("on")]
    links = set(page.value("[...document.links].map((each) => each.getAttribute('href'))"))
    assert {each for each in links if not each.startswith("#")} == {
        "https://github.com/acme/app?a=1&b=2"
    }
    assert page.requests == [pages["app"].as_uri()]
    text = page.value("document.body.textContent")
    assert "<script>document.title='run'</script>" in text
    assert "photo<U+202E>gpj.exe<U+2066><U+200B>" in text
    assert "<U+001B>]0;run<U+0007>" in text
    assert "{{ 7 * 191 }}" in text
    assert "x" * 300 + " … (10000 characters)" in text
    assert "x" * 301 not in text
    assert "<b>bold</b> & more" in text
    raw = pages["app"].read_text("utf-8")
    assert not set(raw) & set("\u202e\u2066\u200b\x1b\x07")


def test_links_within_the_page_lead_somewhere(page: Page) -> None:
    lost = "[...document.querySelectorAll('a[href^=\"#\"]')].map((e) => e.hash.slice(1))"
    names = set(page.value(f"{lost}.filter((each) => !document.getElementById(each))"))
    assert names == set()
    ids = page.value("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    rows = "[...document.querySelectorAll('td a')].map((each) => each.textContent)"
    assert "localhost/web:1" in page.value(rows)
    assert "localhost/missing:1 not in this package" in page.value("document.body.textContent")


def test_a_screen_reader_can_follow(page: Page) -> None:
    told = page.accessible()
    roles = [role for role, _ in told]
    for landmark in ("banner", "navigation", "main", "contentinfo"):
        assert roles.count(landmark) == 1
    headings = [name for role, name in told if role == "heading"]
    assert headings[0] == "app 1.0-1"
    for wanted in ("Sizes", "Bytes of aarch64", "Bytes of x86_64", "Images", "Layers",
                   "Every byte", "Manifests", "Provenance", "How it is counted"):  # fmt: skip
        assert wanted in headings
    tables = [name for role, name in told if role == "table"]
    assert len(tables) == page.value("document.querySelectorAll('caption').length") == 9
    assert all(tables)
    assert "Layers for x86_64, each once, the biggest first" in tables
    bars = [name for role, name in told if role in ("image", "img")]
    assert len(bars) == page.value("document.querySelectorAll('.bar').length") > 20
    assert all(bars)
    assert any(" of its own, 1.0 MB shared with other images" in name for name in bars)
    assert any(", shared by 2 images" in name for name in bars)
    unscoped = page.value("document.querySelectorAll('th:not([scope])').length")
    assert unscoped == 0
    rows = page.value("document.querySelectorAll('tbody tr, tfoot tr').length")
    assert roles.count("rowheader") == rows
    levels = page.value("[...document.querySelectorAll('h1,h2,h3,h4')].map((e) => +e.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_numbers_on_the_page_add_up(page: Page) -> None:
    for arch in ("aarch64", "x86_64"):
        cells = f"""
            [...document.getElementById('{arch}-bytes-caption').closest('table')
             .querySelectorAll('tbody td:nth-child(2), tfoot td:nth-child(2)')]
             .map((cell) => Number(cell.textContent.replaceAll(',', '')))
        """
        *parts, whole = page.value(cells)
        assert sum(parts) == whole > 4_000_000


@pytest.mark.parametrize("name", ["app", "eapp"])
def test_bars_are_not_longer_than_their_place(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    page = browser.open(pages[name].as_uri())
    widths = page.value(
        "[...document.querySelectorAll('.bar')].map((bar) => [...bar.children]"
        ".reduce((sum, each) => sum + parseFloat(each.style.width), 0))"
    )
    assert widths
    assert all(0 <= width <= 100.1 for width in widths)
    whole = page.value(
        "[...document.querySelectorAll('.whole')].map((bar) => [...bar.children]"
        ".reduce((sum, each) => sum + parseFloat(each.style.width), 0))"
    )
    assert all(99.9 <= width <= 100.1 for width in whole)


@pytest.mark.parametrize("width", [360, 500, 1200])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["app", "eapp"])
def test_it_can_be_read(
    browser: Browser, pages: dict[str, Path], width: int, dark: bool, name: str
) -> None:
    """Nothing is cut off or scrolls sideways, on a phone neither; text stands out."""
    page = browser.open(pages[name].as_uri(), width=width, dark=dark)
    page.value(_OPEN)
    assert page.value("document.documentElement.scrollWidth") == width
    assert page.value(_CUT_OFF) == []
    assert page.value(_FAINT) == []
    paper = page.value("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(20, 23, 26)") == dark
    # On narrow pages each cell says what it is.
    unnamed = "[...document.querySelectorAll('td')].filter((e) => !e.dataset.head).length"
    assert page.value(unnamed) == 0
    shown = "getComputedStyle(document.querySelector('td'), '::before').content"
    assert page.value(shown) == ("none" if width > 960 else '"RPM to download: "')
    roles = [role for role, _ in page.accessible()]
    assert roles.count("table") == page.value("document.querySelectorAll('caption').length")
