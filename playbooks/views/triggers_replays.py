"""Replays: ask for one, watch it, read what it found."""

import logging
from datetime import date
from threading import Thread
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.db import connections
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from accounts.access import require_admin, visible_to
from csm.lib import display, markup
from csm.lib.errors import WorkbenchError
from playbooks import tasks
from playbooks.models import Replay, Trigger
from playbooks.selectors import triggers as selectors
from playbooks.selectors.measures import Share, median
from playbooks.services import readings, replays
from playbooks.services.trigger_changes import draft_of
from playbooks.views.shown_night import night_of
from playbooks.views.triggers_cells import account_link, evidence_text

log = logging.getLogger("playbooks.replays")
_SHOWN: Final = 25
_USUAL: Final = 90
_OVERLAPS: Final = 6


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Replay a trigger as it is kept; the editor asks for its own drafts itself."""
    user = require_admin(request)
    trigger = get_object_or_404(Trigger, key=request.POST.get("trigger", ""))
    try:
        replay = replays.ask(
            draft=draft_of(vars(trigger)),
            name=trigger.name,
            trigger=trigger,
            days=span_of(request.POST),
            by=user,
            at=timezone.now(),
        )
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect("trigger", trigger.key)
    wake(replay)
    return redirect("replay", replay.pk)


def span_of(post: QueryDict) -> int:
    """The days asked for, of those offered."""
    return next((days for days in replays.SPANS if str(days) == post.get("days")), _USUAL)


@require_POST
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Go on with a replay whose worker is gone."""
    require_admin(request)
    replay = get_object_or_404(Replay, pk=pk)
    if replays.is_stalled(replay):
        wake(replay)
    return redirect("replay", replay.pk)


def wake(replay: Replay) -> None:
    """Have somebody work on a replay: a Celery worker, or a thread of this process when embedded."""
    if settings.REDIS_URL:
        tasks.work_replay.delay(replay.pk)
    else:
        Thread(target=_work, args=(replay.pk,), name=f"replay-{replay.pk}", daemon=True).start()


def _work(pk: int) -> None:
    try:
        replays.work(pk)
    finally:
        connections.close_all()


@require_safe
def replay(request: HttpRequest, pk: int) -> HttpResponse:
    """One replay: its progress while it runs (htmx asks for that alone), then what it found."""
    found = get_object_or_404(Replay.objects.select_related("trigger", "asked_by"), pk=pk)
    user: Any = request.user
    if found.trigger is None and not user.is_admin:
        raise Http404("No such replay.")
    context: dict[str, Any] = {
        "replay": found,
        "is_open": found.state in replays.OPEN,
        "is_stalled": user.is_admin and replays.is_stalled(found),
        "may_edit": user.is_admin,
    }
    if request.headers.get("HX-Request"):
        response = render(request, "playbooks/replay_progress.html", context)
        patch_vary_headers(response, ["HX-Request"])
        if not context["is_open"] or context["is_stalled"]:
            response["HX-Refresh"] = "true"
        return response
    run = night_of(request)
    context["told"] = selectors.told(found.draft, readings.labels(run))
    context["is_weekly"] = found.days > replays.DAILY_DAYS
    context["is_current"] = found.trigger is not None and found.draft == draft_of(
        vars(found.trigger)
    )
    if found.state == Replay.State.DONE:
        context |= _results(found, user)
    return render(request, "playbooks/replay.html", context)


def _results(found: Replay, user: Any) -> dict[str, Any]:
    result = found.result
    weeks = max(1.0, found.days / 7)
    return {
        "result": result,
        "tiles": _tiles(found),
        "chart": _chart(result),
        "owner_headers": (
            ("", "Owner"),
            ("r", "Alerts"),
            ("r", "A week"),
            ("r", "Busiest week"),
        ),
        "owner_rows": _owner_rows(result, weeks),
        "overlap_headers": (("wrap", "Trigger"), ("r", "Accounts")),
        "overlap_rows": _overlap_rows(result),
        **_examples(result, user),
    }


def _tiles(found: Replay) -> list[dict[str, Any]]:
    result = found.result
    leads = median({int(days): n for days, n in result["leads"].items()})
    asked = result["judged"] + result["unknown"]
    return [
        {
            "label": "Would have fired",
            "value": display.number(result["fired"]),
            "unit": "times",
            "note": f"{display.number(result['first_night'])} of them on the first night",
            "definition": "Alerts opened over the span, exit and cool-down observed. On its first night a rule "
            "fires for everything that held already.",
        },
        {
            "label": "On accounts",
            "value": display.number(result["accounts"]),
            "n": f"of {display.number(result['in_scope'])} in scope",
            "definition": "Different accounts with at least one alert.",
        },
        {
            "label": "Later churned",
            "value": display.number(result["churned"]),
            "unit": "accounts",
            "note": f"{display.number(result['contracted'])} more contracted",
            "definition": "Accounts that churned within 180 days after an alert; contracted: that lost part of "
            "their contract value and did not churn.",
        },
        *(_precision(result, days) for days in _horizons(result)),
        {
            "label": "Lead time",
            "value": None if leads is None else display.number(leads),
            "unit": "days",
            "n": f"{display.number(sum(result['leads'].values()))} alerts something followed",
            "definition": "Median days from an alert to the churn or contraction that followed it.",
        },
        {
            "label": "Open alerts already",
            "value": display.number(result["open_overlap"]),
            "unit": "accounts",
            "note": f"{display.number(result['same_overlap'])} of this trigger"
            if found.trigger_id
            else "",
            "definition": "Accounts of this replay on which another trigger has an open alert today.",
        },
        {
            "label": "Could not be judged",
            "value": display.percent(result["unknown"] / asked) if asked else None,
            "n": f"of {display.number(asked)} account-nights",
            "definition": "Accounts and nights on which a figure the rule needs was unknown: it neither fires "
            "nor clears then.",
        },
    ]


def _horizons(result: dict[str, Any]) -> list[int]:
    """Those the span is long enough for; the shortest in any case."""
    found = [int(days) for days in result["precision"]]
    return [days for days in found if days == min(found) or result["precision"][str(days)][1]]


def _precision(result: dict[str, Any], days: int) -> dict[str, Any]:
    part, base = Share(*result["precision"][str(days)]), Share(*result["base"][str(days)])
    usual = "" if base.value is None else f"any account: {display.percent(base.value, 1)}"
    enough = part.value is not None
    return {
        "label": f"Followed within {days} days",
        "value": display.percent(part.value, 1) if enough else None,
        "n": f"{display.number(part.hits)} of {display.number(part.n)} alerts"
        + ("" if enough else ": not enough data"),
        "note": usual,
        "definition": f"Share of alerts at least {days} days old whose account churned or contracted within "
        f"{days} days; beside it the same share of every account in scope on any of those nights. A rule that "
        "does not beat it picks no better than chance.",
    }


def _chart(result: dict[str, Any]) -> dict[str, Any]:
    # The backlog of the first night would flatten all others.
    rows = result["by_night"][1:]
    return {
        "id": "by-night",
        "kind": "histogram",
        "size": "low",
        "label": "Alerts by night, without the first one",
        "data": {
            "bins": [{"label": day, "count": n} for day, n in rows],
            "x": "Night",
            "y": "Alerts",
        },
        "headers": [("", "Night"), ("r", "Alerts")],
        "rows": [
            [("num", _day(day)), ("r", display.number(n))]
            for day, n in reversed(result["by_night"])
        ],
    }


def _owner_rows(result: dict[str, Any], weeks: float) -> list[list[tuple[str, Any]]]:
    owners = result["owners"]
    names = get_user_model().objects.in_bulk([int(pk) for pk in owners if pk])
    ranked = sorted(owners.items(), key=lambda pair: -sum(pair[1]))
    return [
        [
            ("", markup.owner(str(names[int(pk)])) if pk and int(pk) in names else "Nobody"),
            ("r", display.number(sum(by_week))),
            # The first week carries the backlog: a usual one is one of the others.
            (
                "r",
                display.number(sum(by_week[1:]) / (weeks - 1), 1)
                if weeks > 1
                else markup.unknown("one week only"),
            ),
            ("r", display.number(max(by_week[1:], default=by_week[0]))),
        ]
        for pk, by_week in ranked[:30]
    ]


def _overlap_rows(result: dict[str, Any]) -> list[list[tuple[str, Any]]]:
    ranked = sorted(result["overlaps"].items(), key=lambda pair: -pair[1])[:_OVERLAPS]
    known = Trigger.objects.in_bulk([int(pk) for pk, _ in ranked])
    return [
        [
            (
                "wrap",
                markup.link(reverse("trigger", args=[known[int(pk)].key]), known[int(pk)].name),
            ),
            ("r", display.number(n)),
        ]
        for pk, n in ranked
        if int(pk) in known
    ]


def _examples(result: dict[str, Any], user: Any) -> dict[str, Any]:
    """The newest examples on accounts the reader may see."""
    rows = result["examples"]
    names = dict(
        visible_to(user)
        .filter(pk__in={row["account_id"] for row in rows})
        .values_list("pk", "name")
    )
    mine = [row for row in rows if row["account_id"] in names]
    return {
        "example_headers": (("", "Account"), ("num", "Night"), ("wrap", "Why"), ("", "Afterwards")),
        "example_rows": [
            [
                ("", account_link(row["account_id"], names[row["account_id"]])),
                ("num", _day(row["on"])),
                ("wrap", evidence_text(row["evidence"])),
                ("", _after(row)),
            ]
            for row in mine[:_SHOWN]
        ],
        "example_note": f"{min(len(mine), _SHOWN)} of those looked at closely, on accounts you may see.",
    }


def _day(text: str) -> str:
    return display.day(date.fromisoformat(text))


def _after(row: dict[str, Any]) -> Any:
    if row["churned_on"]:
        return markup.band(f"Churned {_day(row['churned_on'])}", "poor", plain=True)
    if row["contracted_on"]:
        return markup.band(f"Contracted {_day(row['contracted_on'])}", "fair", plain=True)
    return ""
