"""The documentation's site, as a browser shows it (``make test-docs``)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.conftest import Browser, Page

ELSEWHERE = {"https://github.com/pradyunsg/furo", "https://keepachangelog.com/en/1.1.0/"}
"""Links that lead off the site, which an air-gapped reader cannot follow."""
PHONE_PIXELS = 360
SECONDS = 120


def test_every_page_is_linked(site: Path, origin: str, pages: dict[str, Page]) -> None:
    """Whoever begins at the first page comes to each; the search's own is reached by searching."""
    files = {f"{origin}/{path.relative_to(site).as_posix()}" for path in site.rglob("*.html")}
    assert files - {f"{origin}/search.html"} == set(pages) - {f"{origin}/search.html"}


def test_every_link_leads_somewhere(site: Path, origin: str, pages: dict[str, Page]) -> None:
    """To a page, to a heading that is on it, or to a file; and nowhere else but to those that ELSEWHERE names."""

    def is_there(link: str) -> bool:
        target, fragment = urldefrag(link)
        if not target.startswith(f"{origin}/"):
            return target in ELSEWHERE
        target += "index.html" if target.endswith("/") else ""
        if target.endswith(".html"):
            return target in pages and (not fragment or unquote(fragment) in pages[target].anchors)
        return (site / urlsplit(target).path.lstrip("/")).is_file()

    assert [(address, link) for address, page in pages.items() for link in page.links if not is_there(link)] == []


def test_nothing_is_asked_of_anybody_else(origin: str, pages: dict[str, Page]) -> None:
    """No font, script or picture from elsewhere, and none that is missing."""
    asked = [url for page in pages.values() for url in page.requests]
    assert len(asked) >= len(pages)
    assert [url for url in asked if not url.startswith(f"{origin}/")] == []
    assert [complaint for page in pages.values() for complaint in page.complaints] == []


@pytest.mark.parametrize("served", [True, False], ids=["served", "from-its-folder"])
@pytest.mark.parametrize(
    ("words", "leads_to", "shows"),
    [
        ("--max-duration", "reference/flags.html", "--max-duration DURATION"),
        ("does not let WebSockets through", "reference/errors.html", "does not let a WebSocket through"),
        ("copy files", "how-to/copy-files.html", "rsync"),
        ("execCPUs", "reference/check-fields.html", "execCPUs"),
    ],
)
def test_the_search_finds_it(
    browser: Browser, site: Path, origin: str, words: str, leads_to: str, shows: str, *, served: bool
) -> None:
    """A flag, an error by its words, a task, a field of JSON: the first hit; also where nobody serves the site."""
    start = f"{origin}/index.html" if served else (site / "index.html").as_uri()
    browser.open(start)
    browser.driver.find_element(By.CSS_SELECTOR, ".sidebar-search").send_keys(words, Keys.ENTER)
    hits = WebDriverWait(browser.driver, SECONDS).until(
        lambda driver: driver.find_elements(By.CSS_SELECTOR, "#search-results li a")
    )
    hits[0].click()
    WebDriverWait(browser.driver, SECONDS).until(lambda driver: leads_to in driver.current_url)
    assert shows in browser.driver.find_element(By.TAG_NAME, "article").text
    assert [url for url in browser.requests() if not url.startswith((origin, "file:"))] == []


def test_every_page_fits_a_phone(browser: Browser, pages: dict[str, Page]) -> None:
    """Tables and drawings scroll by themselves; the page does not."""
    metrics = {"width": PHONE_PIXELS, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        wide = []
        for address in pages:
            browser.open(address)
            if browser.driver.execute_script("return document.documentElement.scrollWidth") > PHONE_PIXELS:
                wide.append(address)
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide == []
