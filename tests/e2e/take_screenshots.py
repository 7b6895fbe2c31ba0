"""The pictures in docs/screenshots, from a running demo: `make screenshots` after `make demo`."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
PASSWORD = "demo-workbench-2026"
PAGES = {
    "home": ("nadia.manager", "/"),
    "portfolio": ("nadia.manager", "/portfolio/?sort=-arr"),
    "at_risk": ("mara.csm", "/at-risk/"),
    "account": ("mara.csm", None),
    "account_health": ("mara.csm", "health/"),
    "insights": ("edgar.executive", "/insights/"),
    "scorecard": ("ada.admin", "/scorecards/crm-engagement/"),
    "nights": ("ada.admin", "/nights/"),
}
VIEWS = {"": ("light", 1440, 900), "_dark": ("dark", 1440, 900), "_phone": ("light", 390, 844)}


def main(address: str) -> None:
    chromium = shutil.which("chromium")
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for suffix, (scheme, width, height) in VIEWS.items():
            for user in dict.fromkeys(user for user, _ in PAGES.values()):
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                page = context.new_page()
                page.goto(f"{address}/login/")
                page.fill("[name=username]", user)
                page.fill("[name=password]", PASSWORD)
                page.click("button[type=submit]")
                page.goto(f"{address}/at-risk/")
                first = page.locator("tbody tr").first.get_attribute("data-url")
                for name, (who, path) in PAGES.items():
                    if who != user or (suffix == "_dark" and name not in {"home", "account"}):
                        continue
                    url = path if path and path.startswith("/") else f"{first}{path or ''}"
                    page.goto(address + url, wait_until="networkidle")
                    page.screenshot(path=FOLDER / f"{name}{suffix}.png")
                context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
