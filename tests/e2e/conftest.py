"""A real Chromium over a real server."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

from csm import embedded

AXE = Path(__file__).parent / "vendor"
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Playwright's event loop makes Django think it runs asynchronously.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip(
            "no Chromium on this machine: install the package chromium to run the browser pass"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    """Open a page as a user; `page.problems` collects console errors and refused policies."""
    contexts = []

    def open_page(url: str, user: Any = None, *, width: int = 1440, scheme: str = "light") -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=False
        )
        contexts.append(context)
        if user is not None:
            # One each: whoever logs in with another's session ends it.
            client = Client()
            client.force_login(user)
            cookie = client.cookies["sessionid"]
            context.add_cookies(
                [{"name": "sessionid", "value": cookie.value, "url": live_server.url}]
            )
        page = context.new_page()
        problems: list[str] = []
        page.on(
            "console", lambda m: problems.append(m.text) if m.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.problems = problems  # type: ignore[attr-defined]
        page.goto(live_server.url + url, wait_until="networkidle")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def axe_source() -> str:
    return next(AXE.rglob("axe.min.js")).read_text()


@pytest.fixture
def accessibility(axe_source: str) -> Callable[[Page], list[str]]:
    """Violations of WCAG 2.2 A and AA, one line each."""

    def run(page: Page) -> list[str]:
        # Through the debugger, so the page's own policy stays in force while it is looked at.
        page.evaluate(axe_source)
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
        found = page.evaluate(
            "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", tags
        )
        return [
            f"{violation['id']}: {node['target']} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    return run


@pytest.fixture
def long_work(live_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Do imports, nights and jobs in a thread of this process, as the engine of an embedded workbench does.

    Without its schedule and its short work: the test database lives in memory and has one writer.
    """
    engine, over = embedded.Engine(), Event()
    engine.works = True
    monkeypatch.setattr(embedded, "_engine", engine)
    thread = Thread(target=embedded._listen, args=(("night",), over, Event()), daemon=True)
    thread.start()
    yield
    over.set()
    thread.join(10)
