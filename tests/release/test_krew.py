"""The archive as krew installs it: the real krew, a clean home, no Python on PATH."""

from __future__ import annotations

import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from release.manifest import LINKS
from release.names import version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.krew import Home
    from tests.packages import Packages


def test_installed(home: Home, packages: Packages) -> None:
    """One link on PATH; the caveat's first command adds the other names."""
    words = home.install(packages.manifest, packages.archive)
    assert "Installed plugin: nsexec" in words
    assert home.run("kubectl-nsexec", "--version").startswith(f"kubectl nsexec {version()}\n")
    home.paste(home.caveat(0))
    assert {path.name for path in home.bin.iterdir()} == {"kubectl-nsexec", *LINKS}
    assert home.run("oc-nsexec", "--version").startswith(f"oc nsexec {version()}\n")
    for completion in ("kubectl_complete-nsexec", "oc_complete-nsexec"):
        assert home.run(completion, "--contai").splitlines()[0].startswith("--container\t")


def test_upgraded_and_uninstalled(home: Home, packages: Packages, served: str) -> None:
    """From an index: the links outlive an upgrade, the old version's files do not; an uninstall leaves nothing."""
    manifest = re.sub(r"uri: .*/", f"uri: {served}/", packages.manifest.read_text())
    home.index(manifest.replace(f"version: v{version()}", "version: v0.0.1"))
    before = home.left()
    home.krew("install", "--no-update-index", "nsexec")
    home.paste(home.caveat(0))
    home.index(manifest)
    home.krew("upgrade", "--no-update-index", "nsexec")
    assert [path.name for path in (home.folder / ".krew/store/nsexec").iterdir()] == [f"v{version()}"]
    assert home.run("oc-nsexec", "--version").startswith(f"oc nsexec {version()}\n")
    take_away = home.caveat(1)
    home.krew("uninstall", "nsexec")
    home.paste(take_away)
    assert home.left() == before


@pytest.fixture
def served(packages: Packages) -> Iterator[str]:
    """The packages' folder as a web server on this machine has it."""
    handler = partial(Quiet, directory=str(packages.folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Quiet(SimpleHTTPRequestHandler):
    """Keeps its log to itself."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's word
        """Nothing."""
