"""Rows of the pages of playbooks, prepared so that templates only place them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import Account
from csm.lib import display, markup
from playbooks import recipe_words as words
from playbooks.models import Intervention, Playbook, PlaybookVersion
from playbooks.rules import Labels
from playbooks.selectors.playbooks import Listed, Rehearsal, RoleTable
from playbooks.services.recipes import Recipe

Cell = tuple[str, Any]
LIBRARY: Final[tuple[Cell, ...]] = (
    ("wrap", "Playbook"),
    ("wrap", "Recommended for"),
    ("r", "Steps"),
    ("r", "Target"),
    ("r", "Running"),
    ("r", "Fits now"),
)
ROLES_FIRST: Final[tuple[Cell, ...]] = (("", "Role"), ("", "Everywhere"))


def groups(
    rows: Iterable[Listed], triggers: Mapping[str, str]
) -> list[tuple[str, int, list[list[Cell]]]]:
    """The library by kind: (kind, number of playbooks, rows)."""
    found: dict[str, list[list[Cell]]] = {kind: [] for kind in Playbook.Kind.values}
    for row in rows:
        found[row.playbook.kind].append(listed(row, triggers))
    return [
        (str(Playbook.Kind(kind).label), len(mine), mine) for kind, mine in found.items() if mine
    ]


def listed(row: Listed, triggers: Mapping[str, str]) -> list[Cell]:
    """A playbook in the library."""
    playbook, version = row.playbook, row.version or row.draft
    here = reverse("playbook", args=[playbook.key])
    line = words.applies_line(version.applies, triggers) if version else ""
    return [
        ("wrap", _name(row, here, version.purpose if version else "")),
        ("wrap", line or markup.unknown("started by hand only")),
        ("r", markup.number(row.steps)),
        ("r", format_html("{} d", version.target_days) if version else ""),
        ("r", _linked(row.running, f"{reverse('plans')}?playbook={playbook.key}&scope=all")),
        ("r", _fits(row)),
    ]


def _name(row: Listed, url: str, purpose: str) -> SafeString:
    badges = []
    if not row.playbook.is_active:
        badges.append("Off")
    if row.version is None:
        badges.append("Never published")
    elif row.draft is not None:
        badges.append("Draft open")
    shown = [format_html(' <span class="badge">{}</span>', badge) for badge in badges]
    first = purpose.split(". ")[0].rstrip(".") + "." if purpose else ""
    return format_html(
        '<a{} href="{}">{}</a>{}<span class="detail">{}</span>',
        # Beside other words colour alone does not tell a link.
        SafeString(' class="marked"' if shown else ""),
        url,
        row.playbook.name,
        SafeString("".join(shown)),
        first,
    )


def _fits(row: Listed) -> SafeString | str:
    if not row.playbook.is_active:
        return markup.unknown("switched off: fits nobody")
    if row.fits is None:
        return markup.unknown("counted once it is published and a night was scored")
    return _linked(row.fits, reverse("playbook_audience", args=[row.playbook.key]))


def _linked(count: int, url: str) -> SafeString | str:
    if not count:
        return format_html('<span class="quiet">{}</span>', 0)
    return format_html('<a class="num" href="{}">{}</a>', url, display.number(count))


def steps(recipe: Recipe) -> list[dict[str, Any]]:
    """The steps of a recipe in the order they come."""
    return [
        {
            "title": step.title or "Without a title",
            "when": words.when(step),
            "role": words.role(step.role),
            "guidance": step.guidance,
            "blocks": step.blocks,
            "needs_approval": step.needs_approval,
            "number": number,
        }
        for number, step in enumerate(recipe.steps, 1)
    ]


def kpis(recipe: Recipe, labels: Labels) -> list[list[Cell]]:
    """The KPIs of a recipe."""
    known = words.with_score(labels)
    return [
        [
            ("wrap", words.kpi(row, known)),
            ("wrap", words.target(row, known)),
            ("", words.due(row)),
        ]
        for row in recipe.kpis
    ]


def plan(row: Intervention, newest: int | None) -> dict[str, Any]:
    """A running plan; `old` when it runs on another version than the active one."""
    version = row.playbook_version
    return {
        "pk": row.pk,
        "title": markup.link(reverse("plan", args=[row.pk]), row.account.name, row.title),
        "owner": markup.owner(str(row.owner)) if row.owner else markup.unknown("nobody's"),
        "state": row.get_state_display(),
        "target_on": row.target_on,
        "number": version.number if version else None,
        "old": version is not None and version.number != newest,
    }


def audience(
    rows: Sequence[Account], why: Mapping[int, Sequence[str]], plans: Mapping[int, int]
) -> list[dict[str, Any]]:
    """Accounts a playbook fits; `plans` are those of it that run, by account."""
    found = []
    for account in rows:
        running = plans.get(account.pk)
        health: Any = account
        found.append(
            {
                "pk": account.pk,
                "name": account.name,
                "link": markup.link(
                    reverse("account", args=[account.pk]),
                    account.name,
                    ", ".join(filter(None, (account.industry, account.size_segment))),
                ),
                "band": markup.band(health.band_name, health.tone, plain=True)
                if health.band_name
                else markup.unknown("not scored yet"),
                "score": markup.score(health.score),
                "arr": markup.money(account.arr_amount, account.currency),
                "renewal": markup.day(account.renewal_on),
                "owner": markup.owner(str(account.owner))
                if account.owner
                else markup.unknown("no owner"),
                "why": "; ".join(why.get(account.pk, ())),
                "plan": markup.link(reverse("plan", args=[running]), "Running") if running else "",
            }
        )
    return found


def rehearsal(tried: Rehearsal, labels: Labels) -> dict[str, Any]:
    """Tasks and KPIs of a dry run as rows."""
    known = words.with_score(labels)
    person: dict[int | None, SafeString] = {
        None: markup.unknown("nobody: the account has no owner")
    }
    person |= {pk: markup.owner(str(user)) for pk, user in tried.people.items()}
    tasks = [
        [
            ("wrap", _task(task.title, task.waits, task.needs_approval)),
            ("", format_html("{}{}", markup.day(task.due_on), _detail(task.remark))),
            ("", person.get(task.assignee_id, person[None])),
            ("", words.role(task.role)),
        ]
        for task in tried.draft.tasks
    ]
    figures = [
        [
            ("wrap", kpi.label),
            ("r", _figure(kpi.baseline, kpi.metric, known, "not known on that night")),
            (
                "r",
                _figure(
                    kpi.target,
                    kpi.metric,
                    known,
                    "follows from the start, which is unknown or zero",
                ),
            ),
            ("", words_of_kind(kpi.target_kind)),
            ("", markup.day(kpi.due_on)),
        ]
        for kpi in tried.draft.kpis
    ]
    return {"tasks": tasks, "kpis": figures}


def words_of_kind(kind: str) -> str:
    """How a target is meant."""
    return {"at_least": "at least", "at_most": "at most", "change": "from the start"}.get(
        kind, kind
    )


def _task(title: str, waits: bool, approval: bool) -> SafeString:
    notes = []
    if waits:
        notes.append("waits for the steps before it")
    if approval:
        notes.append("a manager approves")
    return format_html("{}{}", title, _detail(", ".join(notes)))


def _detail(text: str) -> SafeString | str:
    return format_html('<span class="detail">{}</span>', text) if text else ""


def _figure(value: float | None, metric: str, labels: Labels, why: str) -> SafeString:
    if value is None:
        return markup.unknown(why)
    return format_html('<span class="num">{}</span>', words.figure(value, words.of(metric, labels)))


def role_rows(table: RoleTable) -> list[list[Cell]]:
    """Roles with who holds them, everywhere and in each team."""
    return [
        [("", words.role(role)), *(("", _holder(user)) for user in (everywhere, *teams))]
        for role, everywhere, teams in table.rows
    ]


def _holder(user: Any) -> SafeString:
    if user is None:
        return format_html('<span class="quiet">{}</span>', "–")
    return markup.owner(str(user))


def publish_tiles(
    draft: PlaybookVersion,
    active: PlaybookVersion | None,
    sizes: Mapping[int, int],
    plans: int,
) -> list[dict[str, Any]]:
    """The figures to weigh before publishing: whom the draft fits, whom the active version fits, plans."""
    tiles = [
        {
            "label": "Would apply to",
            "value": _tile(sizes.get(draft.pk)),
            "unit": "accounts",
            "definition": "Customers you may see whom the draft would be recommended for.",
        }
    ]
    if active is not None:
        tiles.append(
            {
                "label": f"Version {active.number} applies to",
                "value": _tile(sizes.get(active.pk)),
                "unit": "accounts",
                "definition": "Customers you may see whom the active version is recommended for.",
            }
        )
    tiles.append(
        {
            "label": "Plans that stay as they are",
            "value": display.number(plans),
            "unit": "",
            "definition": "Open plans on earlier versions. On the page of the playbook you can move them.",
        }
    )
    return tiles


def _tile(count: int | None) -> str | None:
    return None if count is None else display.number(count)
