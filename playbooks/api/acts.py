"""What a program may do about an alert, a plan or a task: the same services the pages call."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from accounts.access import changeable_by, visible_to
from accounts.api.errors import Refused, fault
from accounts.api.fields import Schema
from accounts.models import Account
from csm.lib.dates import today
from playbooks import access
from playbooks.models import Intervention, PlaybookVersion
from playbooks.services import alerts, intervention_tasks, interventions

Values = dict[str, Any]


def _as_sent(sent: Values) -> Values:
    return sent


@dataclass(frozen=True)
class Act:
    """One thing to do: the body it takes, and the service it calls.

    Every service takes the row, `by`, `at` and `seen` (the version the program saw), and what `given`
    makes of the other values of the body. Rows come from `changeable_by`: another's does not exist.
    """

    summary: str
    service: Callable[..., Any]
    changeable_by: Callable[[Any], QuerySet[Any]]
    properties: dict[str, Schema] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    words: str = ""
    given: Callable[[Values], Values] = _as_sent

    def do(self, row: Any, sent: Values, *, by: Any, at: datetime) -> None:
        """Call the service with the values of a body, days as dates."""
        values = {name: value for name, value in sent.items() if name != "version"}
        self.service(row, by=by, at=at, seen=sent.get("version"), **self.given(values))


def _text(words: str, longest: int = 255) -> Schema:
    return {
        "type": "string",
        "maxLength": longest,
        "pattern": r"^[^\u0000]*\S[^\u0000]*$",
        "description": words,
    }


_SEEN: Final[dict[str, Schema]] = {
    "version": {
        "type": "integer",
        "minimum": 1,
        "maximum": 2**31 - 1,
        "description": "Act only if the row is still at this version; 409 otherwise.",
    }
}
_DAY: Final[Schema] = {"type": "string", "format": "date"}
_COLLEAGUE: Final = _text("A colleague's user name.", 150)


def _alerts(user: Any) -> QuerySet[Any]:
    return access.alerts_changeable_by(user, on=today()).select_related("account", "trigger")


def _plans(user: Any) -> QuerySet[Any]:
    return access.interventions_changeable_by(user, on=today()).select_related("account")


def _tasks(user: Any) -> QuerySet[Any]:
    return access.tasks_changeable_by(user, on=today()).select_related("intervention")


def _colleague(name: str, column: str = "to") -> Any:
    found = get_user_model().objects.filter(username=name, is_active=True).first()
    if found is None:
        raise Refused(
            "There is no such colleague.",
            faults=[fault(column, name, "No active colleague has it.", "Send a user name.")],
        )
    return found


def _version(key: str) -> PlaybookVersion:
    found = (
        PlaybookVersion.objects.filter(
            playbook__key=key, playbook__is_active=True, state=PlaybookVersion.State.ACTIVE
        )
        .select_related("playbook")
        .first()
    )
    if found is None:
        raise Refused(
            "There is no such playbook in use.",
            faults=[fault("playbook", key, "None that is switched on has it.", "Send its key.")],
        )
    return found


def _act(
    summary: str,
    service: Callable[..., Any],
    rows: Callable[[Any], QuerySet[Any]],
    *required: str,
    words: str = "",
    given: Callable[[Values], Values] = _as_sent,
    **properties: Schema,
) -> Act:
    return Act(summary, service, rows, properties | _SEEN, required, words, given)


def _today(sent: Values) -> Values:
    return sent | {"on": today()}


_REASON: Final = _text("Why, in a sentence.")
_PLAYBOOK: Final = _text("A playbook's key.", 60)

ALERT: Final = {
    "take": _act("Take an alert", alerts.take, _alerts),
    "assign": _act(
        "Give an alert to a colleague",
        alerts.assign,
        _alerts,
        "to",
        given=lambda sent: {"to": _colleague(sent["to"])},
        to=_COLLEAGUE,
    ),
    "snooze": _act(
        "Snooze an alert",
        alerts.snooze,
        _alerts,
        "until",
        "reason",
        until=_DAY | {"description": "The day it comes back; a day to come."},
        reason=_REASON,
    ),
    "dismiss": _act(
        "Say that an alert is no risk",
        alerts.dismiss,
        _alerts,
        "reason",
        words="Ends the alert; it counts as a false alarm in the trigger's precision.",
        reason=_REASON,
    ),
    "start": _act(
        "Start a playbook on an alert",
        alerts.start_playbook,
        _alerts,
        "playbook",
        given=lambda sent: {"version": _version(sent["playbook"])},
        playbook=_PLAYBOOK,
    ),
}
INTERVENTION: Final = {
    "assign": _act(
        "Give a plan to a colleague",
        interventions.assign,
        _plans,
        "to",
        given=lambda sent: {"owner": _colleague(sent["to"])},
        to=_COLLEAGUE,
    ),
    "cause": _act(
        "Note a plan's root cause",
        interventions.set_cause,
        _plans,
        "cause",
        given=lambda sent: {"text": ""} | sent,
        cause={
            "type": "string",
            "enum": list(Intervention.Cause.values),
            "description": "What kind of cause.",
        },
        text=_text("In words.", 5_000),
    ),
    "close": _act(
        "Close a plan",
        interventions.close,
        _plans,
        "outcome",
        given=_today,
        outcome={
            "type": "string",
            "enum": list(Intervention.Outcome.values),
            "description": "How it ended.",
        },
        note=_text("In words.", 5_000),
    ),
    "reopen": _act(
        "Open a closed plan again",
        interventions.reopen,
        _plans,
        "reason",
        given=_today,
        reason=_REASON,
    ),
}
TASK: Final = {
    "finish": _act(
        "Mark a task as done",
        intervention_tasks.finish,
        _tasks,
        words="Where a manager has to agree, it then waits for that.",
    ),
    "approve": _act(
        "Agree that a task is done",
        intervention_tasks.approve,
        _tasks,
        words="Managers and admins.",
    ),
    "send-back": _act(
        "Send a task back",
        intervention_tasks.send_back,
        _tasks,
        "reason",
        words="Managers and admins.",
        reason=_REASON,
    ),
    "skip": _act("Skip a task", intervention_tasks.skip, _tasks, "reason", reason=_REASON),
    "reopen": _act("Open a task again", intervention_tasks.reopen, _tasks),
    "reschedule": _act(
        "Give a task another day",
        intervention_tasks.edit,
        _tasks,
        "due_on",
        given=lambda sent: {"values": sent},
        due_on=_DAY | {"description": "The day it is due."},
    ),
}


def start(values: Values, *, by: Any, at: datetime) -> Intervention:
    """A playbook on an account, or with a title a plan by hand. Raises Refused and WorkbenchError."""
    account = (
        Account.objects.filter(pk=values["account"])
        .filter(pk__in=changeable_by(by).order_by().values("pk"))
        .first()
    )
    if account is None:
        seen = visible_to(by).filter(pk=values["account"]).exists()
        raise Refused(
            "This account is not yours to change." if seen else "There is no such account.",
            faults=[fault("account", values["account"], "Not one you may change.", "Send its id.")],
        )
    if not values.get("playbook") and not values.get("title"):
        raise Refused(
            "Send a playbook, or the title of a plan by hand.",
            faults=[fault("playbook", None, "Neither it nor a title is there.", "Send one.")],
        )
    return interventions.start(
        account,
        by=by,
        at=at,
        on=today(),
        version=_version(values["playbook"]) if values.get("playbook") else None,
        owner=_colleague(values["owner"], "owner") if values.get("owner") else None,
        title=values.get("title", ""),
        issue=values.get("issue", ""),
        target_days=values.get("target_days"),
    )


START: Final = Act(
    "Start a plan",
    start,
    lambda user: Intervention.objects.none(),
    {
        "account": {
            "type": "integer",
            "minimum": 1,
            "maximum": 2**63 - 1,
            "description": "This workbench's id of the account.",
        },
        "playbook": _PLAYBOOK,
        "title": _text("What a plan by hand is called.", 160),
        "issue": _text("What is wrong.", 5_000),
        "owner": _COLLEAGUE,
        "target_days": {
            "type": "integer",
            "minimum": 1,
            "maximum": 365,
            "description": "Days until it is to be over; the playbook's own when absent.",
        },
    },
    ("account",),
    "With `playbook` a run of it; without, a plan by hand named `title`. A playbook that is already running "
    "on the account is not started twice.",
)
