"""A book whose every text is a script, in a real browser: nothing of it runs, and nothing of it is a tag."""

from django.urls import reverse

from scoring.metrics.catalogue import forget_definitions
from scoring.selectors import newest_run
from scoring.services import versions
from tests.pages import admin_pages, pages
from tests.security import hostile
from tests.security.conftest import filled  # noqa: F401

NAMES = [
    "home",
    "portfolio",
    "at risk",
    "account",
    "account health",
    "account timeline",
    "account usage",
    "account contacts",
    "account commercial",
    "account plans",
    "account notes",
    "plan",
    "plans by state",
    "tasks",
    "calendar",
    "alerts",
    "playbook",
    "trigger",
    "trigger, edit",
    "insights",
    "metric",
    "effect",
    "team",
    "search",
    "imports",
    "audit trail",
    "colleagues",
    "sources",
    "a contradiction",
]
# What the texts would do, and what the browser says it kept from them.
WATCH = """
window.pwn = () => { window.__pwned = location.href };
document.addEventListener('securitypolicyviolation',
    event => (window.__violated ??= []).push(event.violatedDirective + ' ' + event.sample));
"""
# Everything that opens is opened; then every attribute of every element is one of ours.
LOOK = """() => {
    document.querySelectorAll('details').forEach(each => each.open = true);
    document.querySelectorAll('[aria-expanded=false]').forEach(
        each => each.closest('form') || each.click());
    document.querySelectorAll('[data-tip],[title],canvas').forEach(
        each => each.dispatchEvent(new MouseEvent('mouseover', {bubbles: true})));
    const alive = [...document.querySelectorAll('*')].flatMap(each =>
        [...each.attributes].filter(one => /zq[0-9a-z]{2}|^on/.test(one.name))
            .map(one => `${each.tagName} ${one.name}`));
    const code = [...document.querySelectorAll('[href^="javascript:" i],[src^="javascript:" i]')]
        .map(each => each.outerHTML.slice(0, 90));
    return {alive, code, pwned: window.__pwned || '', violated: window.__violated || []};
}"""
CLEAN = {"alive": [], "code": [], "pwned": "", "violated": []}


def test_nothing_of_it_comes_alive(filled, book, admin, visit):  # noqa: F811
    rows = filled()
    every = pages(book[0], newest_run()) | admin_pages()
    alert = next(row for model, row in rows.items() if model.__name__ == "Alert")
    shown = {name: every[name] for name in NAMES} | {
        "alert": reverse("alert", args=[alert.pk]),
        "search of all": reverse("search") + "?q=javascript",
    }
    # Or a list would show nothing.
    hostile.spoil(but={"PlaybookVersion.applies"})
    versions.published_spec.cache_clear()
    forget_definitions()
    page = visit("/account/security/", admin)
    page.context.add_init_script(WATCH)
    dialogs, faults, seen = [], {}, set()
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    start = page.url.partition("/account/")[0]
    for name, url in shown.items():
        page.goto(start + url, wait_until="load")
        page.evaluate(LOOK)
        page.wait_for_timeout(150)
        if (found := page.evaluate(LOOK)) != CLEAN:
            faults[name] = found
        seen |= set(hostile.MARKER.findall(page.content()))
    # As one types: what the search offers comes by itself.
    page.goto(start + "/", wait_until="load")
    page.keyboard.press("/")
    page.keyboard.type("javascript", delay=20)
    page.wait_for_load_state("networkidle")
    if (found := page.evaluate(LOOK)) != CLEAN:
        faults["typing in the search"] = found
    assert not faults
    assert not dialogs
    assert not [each for each in page.problems if "Content Security Policy" in each]
    assert len(seen) > 60, len(seen)
