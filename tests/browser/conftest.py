"""A real browser against the real pages, with a real worker behind them."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from rbac.models import User
from tests.backstage import Backstage
from tests.conftest import PASSWORD

# Playwright runs an event loop in this thread, in which Django would refuse every query of a test.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = (
        os.environ.get("CHROMIUM")
        or shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if program is None:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("REQUIRE_BROWSER is set and there is no Chromium: install it, or name it in CHROMIUM.")
        pytest.skip("There is no Chromium; install it, or name it in CHROMIUM.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, live_server: Any) -> Iterator[Page]:
    """A page whose console must stay clean: a script error or a blocked resource fails the test."""
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": 1440, "height": 900}, color_scheme="light"
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if _is_problem(message) else None)
    yield page
    context.close()
    assert not problems, problems


def _is_problem(message: ConsoleMessage) -> bool:
    # Answers that the test provokes on purpose (403, 404) are logged by the browser, and again by htmx.
    provoked = ("Failed to load resource", "Response Status Error Code")
    return message.type == "error" and not message.text.startswith(provoked)


@pytest.fixture
def sign_in_as(page: Page) -> Callable[[User], Page]:
    def sign_in(person: User) -> Page:
        page.goto("/login/")
        page.fill("input[name=username]", person.username)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/login/" not in url)
        return page

    return sign_in


@pytest.fixture
def shoot(page: Page, tmp_path: Path) -> Callable[[str], None]:
    """`shoot(name)` keeps the page in light and dark, in the folder that SCREENSHOTS names."""
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def take(name: str) -> None:
        page.evaluate("document.fonts.ready")
        for scheme in ("light", "dark"):
            # Unfold reads the scheme when a page loads; loading again would close what is open.
            page.evaluate("dark => document.documentElement.classList.toggle('dark', dark)", scheme == "dark")
            page.screenshot(path=folder / f"{name}-{scheme}.png", full_page=True, animations="disabled")
        page.evaluate("document.documentElement.classList.remove('dark')")

    return take


@pytest.fixture
def worker(transactional_db: None, sandbox: Any, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker on the test database, ready when it has shown its first sign of life."""
    backstage = Backstage(tmp_path, {"SANDBOX_URL": sandbox.base_url})
    try:
        yield backstage.worker()
    finally:
        backstage.end()
