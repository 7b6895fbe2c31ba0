"""What the API says of alerts, plans and tasks: every key of an answer, with its unit and words."""

from typing import Any, Final

from accounts.api.fields import ReadField, read
from accounts.ingest.columns import Kind
from playbooks.models import Alert, Intervention, InterventionTask, Severity

_OBJECTS: Final = {"type": "array", "items": {"type": "object", "additionalProperties": True}}
_SEVERITIES: Final = {value: label.lower() for value, label in Severity.choices}


def _one_of(name: str, path: str, values: list[str], words: str, *, absent: bool = False) -> Any:
    kinds: Any = ["string", "null"] if absent else "string"
    listed: list[Any] = [*values, None] if absent else values
    schema = {"type": kinds, "enum": listed, "description": words}
    return ReadField(name, path, schema, (lambda text: text or None) if absent else None)


def _severity() -> ReadField:
    schema = {
        "type": "string",
        "enum": list(_SEVERITIES.values()),
        "description": "How loud, from low to critical.",
    }
    return ReadField("severity", "severity", schema, lambda value: _SEVERITIES[value])


def _account() -> tuple[ReadField, ...]:
    return (
        read("id", "pk", Kind.COUNT, nullable=False, words="This workbench's own id of the row"),
        read("account", "account_id", Kind.COUNT, nullable=False, words="Id of the account"),
        read(
            "account_id",
            "account__external_id",
            Kind.ID,
            nullable=False,
            words="The account's id in the system it came from",
        ),
        read("account_source", "account__source", Kind.TEXT, nullable=False, words="That system"),
    )


def _version() -> ReadField:
    words = "Grows with every change: send it along to act only on what you saw"
    return read("version", "version", Kind.COUNT, nullable=False, words=words)


ALERT: Final = (
    *_account(),
    read("trigger", "trigger__key", Kind.SLUG, nullable=False, words="The trigger's key"),
    read("trigger_name", "trigger__name", Kind.TEXT, nullable=False, words="Its name"),
    read("family", "trigger__family", Kind.SLUG, nullable=False, words="Its family"),
    _severity(),
    _one_of("state", "state", list(Alert.State.values), "Open ones are open or held."),
    read("opened_on", "opened_on", Kind.DATE, nullable=False, words="The night that opened it"),
    read("opened_at", "opened_at", Kind.DATETIME, nullable=False),
    read("last_held_on", "last_held_on", Kind.DATE, nullable=False, words="Last night it held"),
    ReadField(
        "evidence",
        "evidence",
        _OBJECTS | {"description": "One entry per condition: value and threshold as it opened."},
    ),
    read("score", "score", Kind.SCORE, words="Health score as it opened, 0 to 100"),
    read("band", "band_name", Kind.TEXT, words="Band as it opened"),
    read("arr_amount", "arr_amount", Kind.AMOUNT, words="ARR as it opened, major units"),
    read("owner", "owner__username", Kind.OWNER, words="Whose it is"),
    read(
        "overflow", "overflow", Kind.YES_NO, nullable=False, words="Over its owner's cap that day"
    ),
    read("taken_by", "taken_by__username", Kind.OWNER, words="Who took it"),
    read("taken_at", "taken_at", Kind.DATETIME),
    read("snoozed_until", "snoozed_until", Kind.DATE),
    read("snooze_reason", "snooze_reason", Kind.TEXT),
    read("intervention", "intervention_id", Kind.COUNT, words="The plan that answers it"),
    read("ended_on", "ended_on", Kind.DATE),
    read("end_reason", "end_reason", Kind.TEXT),
    _version(),
)
TASK: Final = (
    *_account(),
    read("intervention", "intervention_id", Kind.COUNT, nullable=False, words="Its plan"),
    read("position", "position", Kind.COUNT, nullable=False, words="Place in the plan"),
    read("title", "title", Kind.TEXT, nullable=False),
    read("guidance", "guidance", Kind.TEXT),
    read("role", "role", Kind.SLUG, nullable=False, words="Who does such a thing"),
    read("assignee", "assignee__username", Kind.OWNER, words="Whose job it is"),
    read("due_on", "due_on", Kind.DATE),
    read("blocks", "blocks", Kind.YES_NO, nullable=False, words="Later ones wait for it"),
    read("needs_approval", "needs_approval", Kind.YES_NO, nullable=False, words="By a manager"),
    _one_of("state", "state", list(InterventionTask.State.values), "Where it stands."),
    read("done_at", "done_at", Kind.DATETIME),
    read("done_by", "done_by__username", Kind.OWNER, words="Who did it"),
    read("approved_at", "approved_at", Kind.DATETIME),
    read("approved_by", "approved_by__username", Kind.OWNER, words="Who agreed"),
    _version(),
)
INTERVENTION: Final = (
    *_account(),
    read("playbook", "playbook_version__playbook__key", Kind.SLUG, words="Null: by hand"),
    read("playbook_number", "playbook_version__number", Kind.COUNT, words="Its version"),
    read("title", "title", Kind.TEXT, nullable=False),
    read("issue", "issue", Kind.TEXT),
    _one_of("cause", "cause", list(Intervention.Cause.values), "Root cause.", absent=True),
    read("cause_text", "cause_text", Kind.TEXT, words="Root cause in words"),
    read("objectives", "objectives", Kind.TEXT),
    read("owner", "owner__username", Kind.OWNER, words="Whose it is"),
    read("sponsor", "sponsor__username", Kind.OWNER, words="Executive sponsor"),
    _one_of("state", "state", list(Intervention.State.values), "Where it stands."),
    read("started_on", "started_on", Kind.DATE, nullable=False),
    read("target_on", "target_on", Kind.DATE, nullable=False, words="When it is to be over"),
    read("exit_days", "exit_days", Kind.DAYS, nullable=False, words="Days its exit test must hold"),
    read("exit_holds", "exit_holds", Kind.YES_NO, words="Its exit test; null is unknown"),
    read("exit_since", "exit_since", Kind.DATE, words="Since when it has held"),
    read("score_start", "score_start", Kind.SCORE, words="Health score at the start, 0 to 100"),
    read("band_start", "band_start", Kind.TEXT, words="Band at the start"),
    read("arr_start", "arr_start", Kind.AMOUNT, words="ARR at risk at the start, major units"),
    read("score_end", "score_end", Kind.SCORE, words="Health score at the end, 0 to 100"),
    read("band_end", "band_end", Kind.TEXT, words="Band at the end"),
    read("arr_end", "arr_end", Kind.AMOUNT, words="ARR at the end, major units"),
    _one_of("outcome", "outcome", list(Intervention.Outcome.values), "How it ended.", absent=True),
    read("outcome_note", "outcome_note", Kind.TEXT),
    read("closed_on", "closed_on", Kind.DATE),
    read("reopened_on", "reopened_on", Kind.DATE),
    _version(),
)
