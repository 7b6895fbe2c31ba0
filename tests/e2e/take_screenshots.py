"""The pictures in docs/screenshots, from a running demo: `make screenshots` after `make demo`."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

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
    "account_timeline": ("mara.csm", "timeline/"),
    "account_usage": ("mara.csm", "usage/"),
    "account_contracts": ("mara.csm", "facts/contracts/?figures=1"),
    "metrics": ("ada.admin", "/catalogue/"),
    "metric": ("ada.admin", "/catalogue/logins_per_user_month/"),
    "imports": ("ada.admin", "/imports/"),
    "quality": ("ada.admin", "/quality/"),
    "quality_sources": ("ada.admin", "/quality/sources/"),
    "quality_duplicates": ("ada.admin", "/quality/duplicates/"),
    "events": ("ada.admin", "/events/"),
    "tokens": ("ada.admin", "/account/tokens/"),
}
DARK = {"home", "account", "metrics", "imports", "import_mapping", "quality"}
# A file as another system writes it: what the mapping page makes of it is one of the pictures.
TICKETS = """Case Number,Customer Id,Opened,Priority,Reason,Customer mood,Closed Date,Internal
T-90001,DEMO-000001,13/10/2026,P1,Sign-in,negative,14/10/2026,x
T-90002,DEMO-000002,27/10/2026,P3,Reports,neutral,,y
T-90003,DEMO-000002,31/10/2026,P2,Reports,positive,02/11/2026,z
T-90004,DEMO-999999,03/11/2026,P2,Export,neutral,someday,
"""
VIEWS = {"": ("light", 1440, 900), "_dark": ("dark", 1440, 900), "_phone": ("light", 390, 844)}


def mapping(page: Page, address: str, suffix: str) -> None:
    """Upload a small file and picture what the mapping page makes of it; the upload is thrown away."""
    page.goto(f"{address}/imports/new/")
    page.set_input_files(
        "input[type=file] >> nth=0",
        {"name": "cases.csv", "mimeType": "text/csv", "buffer": TICKETS.encode()},
    )
    page.locator("form[data-upload] .btn-primary").click()
    page.wait_for_url("**/mapping/")
    page.screenshot(path=FOLDER / f"import_mapping{suffix}.png")


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
                    if who != user or (suffix == "_dark" and name not in DARK):
                        continue
                    url = path if path and path.startswith("/") else f"{first}{path or ''}"
                    page.goto(address + url, wait_until="networkidle")
                    page.screenshot(path=FOLDER / f"{name}{suffix}.png")
                if user == "ada.admin":
                    mapping(page, address, suffix)
                context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
