"""The site that ``make docs`` made, served on loopback, and a browser without a window that looks at it."""

from __future__ import annotations

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlsplit

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By

if TYPE_CHECKING:
    from collections.abc import Iterator

SITE = Path(__file__).resolve().parents[2] / "site"
_CHROMIUM, _DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
"""Where Debian's packages have them: selenium would look for a browser to download otherwise."""
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # root has none
    "--disable-dev-shm-usage",  # a container's /dev/shm may be small
    "--disable-component-update",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_LOCAL = {"data", "blob", "about", "chrome", "chrome-extension"}
"""Schemes of what no server is asked for."""


class _Quiet(SimpleHTTPRequestHandler):
    """Says nothing of what it serves."""

    def log_message(self, *_: object) -> None:
        """See BaseHTTPRequestHandler."""


class Browser:
    """A browser, and what it did since it was asked last."""

    def __init__(self, driver: Any) -> None:  # noqa: ANN401 - selenium is not where mypy runs
        self.driver = driver

    def open(self, address: str) -> None:
        """Loads a page and runs its scripts."""
        self.driver.get(address)

    def links(self) -> set[str]:
        """The addresses of all links of this page, absolute."""
        return {str(a.get_property("href")) for a in self.driver.find_elements(By.CSS_SELECTOR, "a[href]")}

    def anchors(self) -> set[str]:
        """What a link's fragment may name on this page."""
        return set(self.driver.execute_script("return [...document.querySelectorAll('[id]')].map(e => e.id)"))

    def requests(self) -> list[str]:
        """What was asked for over the network, as the browser tells it."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if urlsplit(url).scheme not in _LOCAL]

    def complaints(self) -> list[str]:
        """Errors of scripts, styles and resources."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture(scope="session")
def site() -> Path:
    """Its folder."""
    if not (SITE / "index.html").exists():
        pytest.fail("there is no site: make docs", pytrace=False)
    return SITE


@pytest.fixture(scope="session")
def origin(site: Path) -> Iterator[str]:
    """``http://127.0.0.1:PORT``, where it is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests, for it takes seconds to start."""
    options = ChromeOptions()
    options.binary_location = _CHROMIUM
    for argument in _ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = Chrome(options, ChromeService(_DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def pages(origin: str, browser: Browser) -> dict[str, Page]:
    """Every page that links lead to from the first one: address → what is on it."""
    found: dict[str, Page] = {}
    browser.requests(), browser.complaints()
    todo = [f"{origin}/index.html"]
    while todo:
        address = todo.pop()
        if address in found:
            continue
        browser.open(address)
        found[address] = Page(browser)
        own = {urldefrag(link).url for link in found[address].links if link.startswith(origin)}
        todo += [link for link in own if link.endswith(".html")]
    return found


class Page:
    """What the browser found on a page, once it was loaded."""

    def __init__(self, browser: Browser) -> None:
        self.links = browser.links()
        self.anchors = browser.anchors()
        self.requests = browser.requests()
        self.complaints = browser.complaints()
