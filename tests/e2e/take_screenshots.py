"""The pictures in docs/screenshots, from a running demo: `make screenshots` after `make demo`.

Every page once in full, light, dark and on a phone, as whoever uses it most; and sheets with every page of
the work as CSM, manager and executive. Words after the address take only those views (light, dark, phone) and
pages, or the sheets: `… http://127.0.0.1:8000 dark alerts plan`.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from picture_files import keep, sheet
from playwright.sync_api import Browser, Error, Page, sync_playwright

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
PASSWORD = "demo-workbench-2026"
CSM, MANAGER, EXECUTIVE, ADMIN = "mara.csm", "nadia.manager", "edgar.executive", "ada.admin"
# Set up a second factor for this one before, or the picture of its question is left out.
FACTOR = "tomas.manager"
ROLES = {"csm": CSM, "manager": MANAGER, "executive": EXECUTIVE}
# Words in braces are found in the demo, see `addresses`.
PAGES = {
    "home": (CSM, "/"),
    "portfolio": (MANAGER, "/portfolio/?sort=-arr"),
    "at_risk": (CSM, "/at-risk/"),
    "account": (CSM, "{account}"),
    "account_health": (CSM, "{account}health/"),
    "insights": (EXECUTIVE, "/insights/"),
    "scorecard": (ADMIN, "/scorecards/crm-engagement/"),
    "nights": (ADMIN, "/nights/"),
    "account_timeline": (CSM, "{account}timeline/"),
    "account_usage": (CSM, "{account}usage/"),
    "account_contracts": (CSM, "{account}facts/contracts/?figures=1"),
    "metrics": (ADMIN, "/catalogue/"),
    "metric": (ADMIN, "/catalogue/logins_per_user_month/"),
    "imports": (ADMIN, "/imports/"),
    "quality": (ADMIN, "/quality/"),
    "quality_sources": (ADMIN, "/quality/sources/"),
    "quality_duplicates": (ADMIN, "/quality/duplicates/"),
    "events": (ADMIN, "/events/"),
    "tokens": (ADMIN, "/account/tokens/"),
}
# What keeps it running: a night and a background job as they are then, preferably under way.
RUNNING = {
    "night": (ADMIN, "{night}"),
    "schedule": (ADMIN, "/schedule/"),
    "schedule_edit": (ADMIN, "/schedule/night/"),
    "job": (MANAGER, "{job}"),
    "jobs": (MANAGER, "/jobs/"),
    "portfolio_all": (EXECUTIVE, "/portfolio/?scope=all&sort=score"),
    "audit": (ADMIN, "/audit/"),
    "people": (ADMIN, "/people/"),
    "security": (CSM, "/account/security/"),
    "factor_new": (CSM, "/account/security/factor/new/"),
}
# The pages of alerts, playbooks and plans: each also on the sheets of the roles that find it.
WORK = {
    "alerts": (CSM, "/alerts/"),
    "alert": (CSM, "{alert}"),
    "account_alerts": (CSM, "{planned}alerts/"),
    "tasks": (CSM, "/tasks/"),
    "calendar": (CSM, "/calendar/"),
    "calendar_feed": (CSM, "/calendar/feed/"),
    "clocks": (CSM, "/clocks/"),
    "plans": (CSM, "/plans/"),
    "plans_board": (CSM, "/plans/board/"),
    "plan": (CSM, "{plan}"),
    "plan_edit": (CSM, "{plan}edit/"),
    "plan_print": (CSM, "{plan}print/"),
    "plan_share": (CSM, "{plan}share/"),
    "plan_new": (CSM, "/plans/new/?account={planned_id}"),
    "account_plans": (CSM, "{planned}plans/"),
    "account_notes": (CSM, "{planned}notes/"),
    "playbooks": (CSM, "/playbooks/"),
    "playbook": (CSM, "/playbooks/declining-usage/"),
    "playbook_audience": (CSM, "/playbooks/declining-usage/audience/"),
    "playbook_try": (CSM, "/playbooks/declining-usage/try/?account={account_id}"),
    "playbook_roles": (MANAGER, "/playbooks/roles/"),
    "triggers": (MANAGER, "/triggers/"),
    "trigger": (MANAGER, "/triggers/score-drop/"),
    "trigger_load": (MANAGER, "/triggers/load/"),
    "effect": (MANAGER, "/effect/"),
    "effect_triggers": (EXECUTIVE, "/effect/?by=triggers&after=60"),
    "notices": (CSM, "/notices/"),
    "notice_settings": (CSM, "/notices/settings/"),
    "webhooks": (CSM, "/notices/webhooks/"),
    "team": (MANAGER, "/team/"),
    "absences": (MANAGER, "/team/absences/"),
    "handovers": (CSM, "/handovers/"),
    "handover": (MANAGER, "{handover}"),
}
# Those only admins find.
TUNING = {
    "trigger_edit": (ADMIN, "/triggers/score-drop/edit/"),
    "trigger_new": (ADMIN, "/triggers/new/"),
    "trigger_switch": (ADMIN, "/triggers/nps-falling/switch/"),
    "playbook_edit": (ADMIN, "/playbooks/missed-qbr/edit/"),
    "playbook_publish": (ADMIN, "/playbooks/missed-qbr/publish/"),
    "playbook_switch": (ADMIN, "/playbooks/missed-qbr/switch/"),
    "clock_rules": (ADMIN, "/clocks/rules/"),
}
# Older pages of which light and phone are enough.
LIGHT_ONLY = set(PAGES) - {"home", "account", "at_risk", "metrics", "imports", "quality"}
# Also in full as others see them.
AS_OTHERS = ("home", "at_risk", "alerts", "plan", "clocks")
# A file as another system writes it: what the mapping page makes of it is one of the pictures.
TICKETS = """Case Number,Customer Id,Opened,Priority,Reason,Customer mood,Closed Date,Internal
T-90001,DEMO-000001,13/10/2026,P1,Sign-in,negative,14/10/2026,x
T-90002,DEMO-000002,27/10/2026,P3,Reports,neutral,,y
T-90003,DEMO-000002,31/10/2026,P2,Reports,positive,02/11/2026,z
T-90004,DEMO-999999,03/11/2026,P2,Export,neutral,someday,
"""
WORDS = {"light": "", "dark": "_dark", "phone": "_phone"}
VIEWS = {"": ("light", 1440, 900), "_dark": ("dark", 1440, 900), "_phone": ("light", 390, 844)}
REPLAY_SECONDS = 240


def tick(page: Page) -> bool:
    """Tick three rows of a list; False where it has no boxes, as on a phone."""
    boxes = page.locator("tbody input[type=checkbox]")
    if not boxes.first.is_visible():
        return False
    for place in range(3):
        boxes.nth(place).check()
    return True


def bulk(page: Page, address: str) -> None:
    """What acting on three alerts would do, or on all of one trigger."""
    page.goto(f"{address}/alerts/?trigger=emergency")
    ticked = tick(page)
    page.get_by_role("button", name="Act on selected" if ticked else "Act on all").click()
    page.wait_for_load_state("networkidle")


def assign(page: Page, address: str) -> None:
    """Three accounts, or all of a colleague's, and whom they would go to."""
    page.goto(f"{address}/at-risk/")
    if tick(page):
        page.get_by_role("button", name="Assign", exact=False).first.click()
    else:
        page.goto(f"{address}/team/")
        page.goto(
            address + (page.locator("a[href*='assign/?from=']").first.get_attribute("href") or "")
        )
    page.wait_for_load_state("networkidle")
    page.locator(".suggestions button").first.click()
    page.wait_for_load_state("networkidle")


def shared(page: Page, address: str) -> None:
    """The plan the page is at, behind a link; the link runs out by itself."""
    plan = page.url.removeprefix(address)
    page.goto(f"{address}{plan}share/")
    page.get_by_role("button", name="Make a link").click()
    page.goto(page.locator("#address").input_value(), wait_until="networkidle")


def replay(page: Page, address: str) -> None:
    """A replay of thirty days; the newest there is, else one is asked for and waited for."""
    page.goto(f"{address}/triggers/score-drop/")
    found = page.locator("a[href^='/replays/']")
    if found.count():
        found.first.click()
    else:
        page.locator(".replay-ask select").first.select_option("30")
        page.locator(".replay-ask button").first.click()
    page.get_by_role("heading", name="Alerts by night").wait_for(timeout=REPLAY_SECONDS * 1000)
    page.wait_for_load_state("networkidle")


def mapping(page: Page, address: str) -> None:
    """What the mapping page makes of a small file; the upload is thrown away."""
    page.goto(f"{address}/imports/new/")
    page.set_input_files(
        "input[type=file] >> nth=0",
        {"name": "cases.csv", "mimeType": "text/csv", "buffer": TICKETS.encode()},
    )
    page.locator("form[data-upload] .btn-primary").click()
    page.wait_for_url("**/mapping/")


def code(page: Page, address: str) -> None:
    """The door's question for the code, asked of a colleague who has a second factor."""
    page.context.clear_cookies()
    page.goto(f"{address}/login/")
    page.fill("[name=username]", FACTOR)
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/login/code/", timeout=20_000)


# Pages that take more than an address.
ACTS: dict[str, tuple[str, Callable[[Page, str], None]]] = {
    "alerts_bulk": (CSM, bulk),
    "assign": (MANAGER, assign),
    "shared_plan": (CSM, shared),
    "replay": (ADMIN, replay),
    "import_mapping": (ADMIN, mapping),
    # Last of its user: it logs out.
    "login_code": (ADMIN, code),
}


@contextmanager
def logged_in(browser: Browser, address: str, user: str, view: str) -> Iterator[Page]:
    """A page of `user` in one of VIEWS."""
    scheme, width, height = VIEWS[view]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.goto(f"{address}/login/")
    page.fill("[name=username]", user)
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    yield page
    context.close()


def addresses(page: Page, address: str) -> dict[str, str]:
    """What stands in braces above: the first account at risk, a loud alert, the plan that shows most."""

    def first(path: str) -> str:
        page.goto(address + path)
        rows = page.locator("tbody tr[data-url]")
        return (rows.first.get_attribute("data-url") if rows.count() else "") or ""

    found = {
        "account": first("/at-risk/"),
        "alert": first("/alerts/?taken=no&trigger=score-drop") or first("/alerts/"),
    }
    page.goto(f"{address}/plans/?state=active")
    rows = page.locator("tbody tr[data-url]")
    most = -1
    for plan in [rows.nth(each).get_attribute("data-url") or "" for each in range(rows.count())]:
        text = page.request.get(address + plan).text()
        account = text.split('href="/accounts/', 1)[1].split("/", 1)[0]
        notes = page.request.get(f"{address}/accounts/{account}/notes/").text()
        shows = 10 * notes.count(' id="note-') + text.count("is-over") + text.count("<progress")
        if shows > most:
            most, found["plan"], found["planned_id"] = shows, plan, account
    found["account_id"] = found["account"].split("/")[2]
    # A book without plans still has every other page.
    found = {"plan": "/plans/", "planned_id": found["account_id"]} | found
    found["planned"] = f"/accounts/{found['planned_id']}/"
    found["night"] = first("/nights/")
    page.goto(f"{address}/handovers/")
    handed = page.locator("a[href^='/handover/']")
    found["handover"] = (
        handed.first.get_attribute("href") or ""
        if handed.count()
        else f"/handover/{found['planned_id']}/"
    )
    return found


def picture(page: Page, url: str) -> bytes | None:
    """The window at an address; None where this user finds nothing."""
    answer = page.goto(url, wait_until="networkidle")
    return page.screenshot() if answer is not None and answer.ok else None


def in_full(
    browser: Browser, address: str, view: str, found: dict[str, str], only: set[str]
) -> dict[tuple[str, str], bytes]:
    """The pictures of the guides in one view, kept; by user and page."""
    pages = {**PAGES, **WORK, **TUNING, **RUNNING}
    # User → (page, name of its file).
    wanted: dict[str, list[tuple[str, str]]] = {}
    for page_name, (user, _) in pages.items():
        if not (view == "_dark" and page_name in LIGHT_ONLY):
            wanted.setdefault(user, []).append((page_name, page_name))
    for page_name in AS_OTHERS:
        for role, user in ROLES.items():
            if user != pages[page_name][0] and not view:
                wanted.setdefault(user, []).append((page_name, f"{page_name}_{role}"))
    taken = {}
    for user, several in wanted.items():
        several = [each for each in several if not only or each[1] in only]
        acts = [(name, act) for name, (who, act) in ACTS.items() if who == user]
        acts = [each for each in acts if not only or each[0] in only]
        if not several and not acts:
            continue
        with logged_in(browser, address, user, view) as page:
            if user == ADMIN and any(name.startswith("playbook_") for name, _ in several):
                page.goto(f"{address}/playbooks/missed-qbr/")
                page.locator("form[action$='/draft/'] button").click()
            for page_name, name in several:
                png = picture(page, address + pages[page_name][1].format(**found))
                if png is None:
                    print(f"{name}: not found as {user}")
                else:
                    keep(png, FOLDER / f"{name}{view}.png")
                    taken[user, page_name] = png
            for name, act in acts:
                if act is shared:
                    page.goto(address + found["plan"])
                try:
                    act(page, address)
                except Error as error:
                    print(f"{name}{view}: {error.message.splitlines()[0]}")
                else:
                    keep(page.screenshot(), FOLDER / f"{name}{view}.png")
    return taken


def on_sheets(
    browser: Browser,
    address: str,
    view: str,
    found: dict[str, str],
    taken: dict[tuple[str, str], bytes],
) -> None:
    """Every page of the work as each role, small, on one sheet per role and view."""
    several = {name: PAGES[name][1] for name in ("home", "at_risk", "portfolio")}
    several |= {name: path for name, (_, path) in WORK.items()}
    for role, user in ROLES.items():
        pictures = {}
        with logged_in(browser, address, user, view) as page:
            for name, path in several.items():
                png = taken.get((user, name)) or picture(page, address + path.format(**found))
                if png is not None:
                    pictures[name] = png
        columns, width = (9, 195) if view == "_phone" else (4, 480)
        sheet(pictures, FOLDER / f"sheet_{role}{view}.png", columns=columns, width=width)


def main(address: str, only: set[str]) -> None:
    chromium = shutil.which("chromium")
    FOLDER.mkdir(exist_ok=True)
    views = [view for word, view in WORDS.items() if word in only] or list(VIEWS)
    only -= WORDS.keys()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        with logged_in(browser, address, CSM, "") as page:
            found = addresses(page, address)
        with logged_in(browser, address, MANAGER, "") as page:
            page.goto(f"{address}/jobs/")
            done = page.locator("main a[href^='/jobs/']")
            found["job"] = (done.first.get_attribute("href") if done.count() else "") or "/jobs/"
        for view in views:
            taken = (
                in_full(browser, address, view, found, only - {"sheets"})
                if only != {"sheets"}
                else {}
            )
            if not only or "sheets" in only:
                on_sheets(browser, address, view, found, taken)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000", set(sys.argv[2:]))
