"""Light and dark: by what the reader's system says, and by the button; every page can be read in both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.by import By

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.docs.conftest import Browser, Page

SCHEMES = ("light", "dark")
CONTRAST = 4.5
"""WCAG 2.2, 1.4.3."""
WORST = """
const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
function behind(element) {
  for (let each = element; each; each = each.parentElement) {
    const colour = numbers(getComputedStyle(each).backgroundColor);
    if (colour.length < 4 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
}
const contrasts = [...document.querySelectorAll('article :is(h1, h2, p, li, td, th, a, pre, code)')]
  .filter(each => each.textContent.trim() && each.offsetParent)
  .map(each => {
    const [dark, light] = [luminance(numbers(getComputedStyle(each).color)), luminance(behind(each))].sort();
    return [(Math.max(dark, light) + 0.05) / (Math.min(dark, light) + 0.05), each.outerHTML.slice(0, 120)];
  });
return contrasts.sort((a, b) => a[0] - b[0])[0];
"""
BACKGROUND = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest, browser: Browser) -> Iterator[str]:
    """What the reader's system prefers."""
    features = [{"name": "prefers-color-scheme", "value": request.param}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    yield request.param
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def shown(browser: Browser) -> str:
    """Which of the two the page is now."""
    return "light" if sum(browser.driver.execute_script(BACKGROUND)) > 3 * 128 else "dark"


def test_every_page_can_be_read(browser: Browser, pages: dict[str, Page], scheme: str) -> None:
    """As the system has it, with enough contrast for text, links and code."""
    pale = []
    for address in pages:
        browser.open(address)
        assert shown(browser) == scheme
        contrast, element = browser.driver.execute_script(WORST)
        if contrast < CONTRAST:
            pale.append((address.rpartition("/")[2], round(contrast, 2), element))
    assert pale == []


@pytest.mark.parametrize("served", [True, False], ids=["served", "from-its-folder"])
def test_the_button_changes_it_and_the_next_page_keeps_it(
    browser: Browser, origin: str, site: Path, scheme: str, *, served: bool
) -> None:
    """Against what the system says, too."""
    start = f"{origin}/" if served else f"{site.as_uri()}/"
    other = SCHEMES[1 - SCHEMES.index(scheme)]
    browser.open(f"{start}index.html")
    try:
        for _ in range(3):  # it goes round: as the system has it, light, dark
            if shown(browser) != other:
                buttons = browser.driver.find_elements(By.CSS_SELECTOR, ".theme-toggle")
                next(each for each in buttons if each.is_displayed()).click()  # a narrow window has another
        assert shown(browser) == other
        browser.open(f"{start}tutorial.html")
        assert shown(browser) == other
    finally:
        browser.driver.execute_script("localStorage.clear()")
