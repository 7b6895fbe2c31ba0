"""Every address of the resolver, led to a row of the filled book where it asks for one."""

from uuid import UUID

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts import models as facts
from accounts.api.resources import RESOURCES
from csm.models import ApiToken, Job, User
from playbooks import models as work
from scoring.models import ScoreRun

# By the beginning of an address's name; the longest that fits.
ROWS = {
    "account": facts.Account,
    "alert": work.Alert,
    "api_alerts": work.Alert,
    "api_health": facts.Account,
    "api_interventions": work.Intervention,
    "api_tasks": work.InterventionTask,
    "assignment": work.Assignment,
    "clock_act": work.Clock,
    "clock_calendar": work.BusinessCalendar,
    "event_key": facts.WriteKey,
    "event_rule": facts.EventRule,
    "handover": facts.Account,
    "import": facts.ImportRun,
    "job": Job,
    "night": ScoreRun,
    "note_": work.Note,
    "note_file": work.NoteFile,
    "person": User,
    "plan": work.Intervention,
    "quality_freeze": facts.Source,
    "quality_lift": facts.Freeze,
    "quality_merge": facts.Merge,
    "quality_source": facts.Source,
    "quality_unsettle": facts.NotADuplicate,
    "replay": work.Replay,
    "task": work.InterventionTask,
    "token_revoke": ApiToken,
    "webhook": work.Webhook,
    **{f"api_{resource.key}_one": resource.model for resource in RESOURCES},
}
KEYS = {
    "metric": "total_contacts",
    "playbook": "wake-up",
    "quality_contradiction": "arr-differs",
    "schedule": "night",
    "scorecard": "crm-engagement",
    "trigger": "a-low-score",
}
OTHERS = {
    "tab": "contacts",
    "table": "bands",
    "name": "portfolio",
    "number": 0,
    "batch": UUID(int=1),
    "token": "nobody-was-given-this",
}
# Its sessions are the framework's rows: nobody has one here.
WITHOUT_ROW = {"session_end"}


def _named(resolver: URLResolver, prefix: str = "") -> list[tuple[str, URLPattern]]:
    found = []
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            space = f"{prefix}{entry.namespace}:" if entry.namespace else prefix
            found += _named(entry, space)
        elif entry.name:
            found.append((f"{prefix}{entry.name}", entry))
    return found


def _of(table, name):
    """What `table` says of the longest beginning of `name`. Fails on an address nobody thought of."""
    fitting = [key for key in table if name.startswith(key)]
    assert fitting, f"{name} asks for a row: say in tests/security/addresses.py which"
    return table[max(fitting, key=len)]


def _argument(name, argument, rows):
    if name == "person_token" and argument == "token":
        return rows[ApiToken].pk
    if name.startswith("account_facts_csv"):
        return "contacts" if argument == "key" else rows[facts.Account].pk
    if argument in OTHERS:
        return OTHERS[argument]
    if argument == "key":
        return _of(KEYS, name)
    assert argument == "pk", f"{name}: what is {argument}?"
    return 1 if name in WITHOUT_ROW else rows[_of(ROWS, name)].pk


def addresses(rows) -> dict[str, str]:
    """Every address of ours by its name; the administration's own pages are of the framework."""
    found = {}
    for name, pattern in _named(get_resolver()):
        if name.startswith("admin:"):
            continue
        wanted = pattern.pattern.converters
        # The callback's provider is fixed by the pattern, not by the address.
        found[name] = reverse(name, kwargs={key: _argument(name, key, rows) for key in wanted})
    return found


def administration(rows) -> dict[str, str]:
    """A list and a form of every model of the administration."""
    from django.contrib import admin

    found = {"admin:index": "/admin/"}
    for model in admin.site._registry:
        where = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found[where] = reverse(f"{where}_changelist")
        if row := rows.get(model):
            found[f"{where}_change"] = reverse(f"{where}_change", args=[row.pk])
    return found
