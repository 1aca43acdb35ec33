"""A headless browser for the tests of pages: Chromium where the machine has one; elsewhere those tests are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser; the test is skipped, with the reason, where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH")
    # the sandbox refuses to work for root, as which a container often runs
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page that is open, and all that it said and asked for.

    Args:
        browser: as `chromium` gives it.
        address: a file or an http address.
        look: "light" or "dark".
        width: of the window, in CSS pixels.
    """

    def __init__(self, browser: Any, address: str | Path, look: str = "light", width: int = 1280) -> None:
        viewport = {"width": width, "height": 900}
        # nothing moves: a headless browser without a screen may not draw the frames in between
        self.context = browser.new_context(color_scheme=look, viewport=viewport, reduced_motion="reduce")
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address.as_uri() if isinstance(address, Path) else address)

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    @property
    def asked_elsewhere(self) -> list[str]:
        """Requests but for the page itself and for what it carries."""
        return [url for url in self.asked[1:] if not url.startswith("data:")]
