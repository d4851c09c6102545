"""A headless Chromium for tests of the page; without it, or without Playwright, they are skipped."""

import os
import shutil

import pytest
from opened_page import Opened


@pytest.fixture(scope="session")
def chromium():
    """A running browser, that of Debian or the one that CARPEAK_CHROMIUM names."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = os.environ.get("CARPEAK_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no chromium here (apt-get install chromium, or set CARPEAK_CHROMIUM)")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium):
    """Opens files in the browser; they are closed at the end of the test."""
    made = []

    def open_file(file, **options):
        made.append(Opened(chromium, file, **options))
        return made[-1]

    yield open_file
    for one in made:
        one.context.close()
