"""A CSM's morning in a real browser: log in, look, filter by keyboard, open, explain, take the list along."""

import csv
import io

from playwright.sync_api import expect


def log_in(page, username: str) -> None:
    page.fill("[name=username]", username)
    page.fill("[name=password]", "a long pass phrase")
    page.click("button[type=submit]")


def test_from_log_in_to_the_explained_account(book, owner, visit):
    page = visit("/at-risk/")
    assert "/login/" in page.url
    log_in(page, "owner")
    expect(page.locator("h1")).to_have_text("At risk")

    # Only the poor account of the CSM's own book is there, with its reason.
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("Poor Pots")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Poor Pots")
    page.get_by_role("link", name="Health", exact=True).click()
    expect(page.get_by_text("Where the points come from")).to_be_visible()
    expect(page.get_by_text("Recomputed from what was stored: identical.")).to_be_visible()
    assert not page.problems


def test_filtering_swaps_the_list_and_keeps_keyboard_and_address(book, owner, visit):
    page = visit("/portfolio/?scope=all", owner)
    expect(page.locator("tbody tr")).to_have_count(6)
    page.keyboard.press("/")
    page.keyboard.type("mills")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert "q=mills" in page.url
    page.locator("h1").click()
    page.keyboard.press("j")
    expect(page.locator("tbody tr.is-active")).to_contain_text("Middling Mills")
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)

    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.reader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    assert len(rows) == 2
    assert any("Middling Mills" in cell for cell in rows[1])
    assert not page.problems


def test_the_palette_finds_and_opens_an_account(book, owner, visit):
    page = visit("/", owner)
    page.keyboard.press("Control+k")
    expect(page.locator("dialog[open]")).to_be_visible()
    page.keyboard.type("healthy")
    expect(page.locator("dialog[open]").get_by_text("Healthy Hats")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Healthy Hats")


def test_the_theme_is_remembered(owner, visit):
    page = visit("/", owner)
    root, toggle = page.locator("html"), page.get_by_role("button", name="theme")
    expect(root).to_have_attribute("data-bs-theme", "light")
    # System, light, dark: at most two clicks to the other one.
    toggle.click()
    if root.get_attribute("data-bs-theme") == "light":
        toggle.click()
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(root).to_have_attribute("data-bs-theme", "dark")


def test_reading_works_without_scripts(book, owner, chromium, live_server, client):
    client.force_login(owner)
    cookie = {
        "name": "sessionid",
        "value": client.cookies["sessionid"].value,
        "url": live_server.url,
    }
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies([cookie])
    page = context.new_page()
    page.goto(f"{live_server.url}/portfolio/?scope=all")
    page.locator("#f-q").fill("oats")
    page.get_by_role("button", name="Apply").click()
    assert page.locator("tbody tr").count() == 1
    page.get_by_role("link", name="Ordinary Oats").click()
    assert "Ordinary Oats" in page.locator("h1").inner_text()
    context.close()
