"""The interactive documentation in a real browser, and the page where its token comes from."""

import re


def test_a_token_is_made_and_tried_out(book, owner, visit, accessibility):
    page = visit("/account/tokens/", owner)
    page.get_by_label("Name").fill("My notebook")
    with page.expect_navigation(wait_until="networkidle"):
        page.get_by_role("button", name="Make token").click()
    text = re.search(r"csm_[0-9a-f]{64}", page.content())[0]
    assert not page.problems
    assert not accessibility(page)
    # The browser reports what axe itself styles while it looks.
    page.problems.clear()
    page.goto(page.url.replace("/account/tokens/", "/api/docs/"), wait_until="networkidle")
    operation = page.locator("#operations-accounts-accounts_list")
    operation.wait_for()
    # From here on only the token tells who calls.
    page.context.clear_cookies()
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".auth-container input").first.fill(text)
    page.locator(".auth-btn-wrapper .authorize").first.click()
    page.locator(".auth-btn-wrapper .btn-done").first.click()
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table")
    answer.get_by_text("Healthy Hats").wait_for()
    assert "200" in answer.inner_text()
    assert "ratelimit-remaining" in answer.inner_text()
    assert not page.problems
