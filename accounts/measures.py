"""Usage measures that ship, and finding or making measures by key.

What an expected figure is (`expected_…`) is told like any other value: it changes with the contract.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.models import UsageMeasure
from accounts.models.usage import Aggregate


@dataclass(frozen=True)
class Measure:
    """A measure that ships; `aggregate` says how its days become one figure."""

    key: str
    label: str
    unit: str
    aggregate: Aggregate
    description: str


_SUM, _MEAN, _LAST = Aggregate.SUM, Aggregate.MEAN, Aggregate.LAST

BUILT_IN = {
    measure.key: measure
    for measure in (
        Measure("logins", "Log-ins", "log-ins", _SUM, "Log-ins of all users."),
        Measure("executive_logins", "Executive log-ins", "log-ins", _SUM, "Log-ins of executives."),
        Measure("sessions", "Sessions", "sessions", _SUM, "Sessions of all users."),
        Measure("core_actions", "Core actions", "actions", _SUM, "What the product is bought for."),
        Measure("dashboards_created", "Dashboards created", "dashboards", _SUM, "New dashboards."),
        Measure("kb_views", "Knowledge-base views", "views", _SUM, "Help articles opened."),
        Measure("api_calls", "API calls", "calls", _SUM, "API and integration calls."),
        Measure("requests", "Requests", "requests", _SUM, "Requests served."),
        Measure("requests_on_time", "Requests within target", "requests", _SUM, "Served in time."),
        Measure("integration_runs", "Integration runs", "runs", _SUM, "Runs of integrations."),
        Measure("integration_failures", "Failed integration runs", "runs", _SUM, "Ended in error."),
        Measure(
            "daily_active_users", "Daily active users", "users", _MEAN, "Users active that day."
        ),
        Measure("availability", "Availability", "share", _MEAN, "Share of time up, 0 to 1."),
        Measure("error_rate", "Error rate", "share", _MEAN, "Share of requests failed, 0 to 1."),
        Measure("data_quality", "Valid records", "share", _MEAN, "Share of records valid, 0 to 1."),
        Measure(
            "active_users", "Active users", "users", _LAST, "Users active in the last 30 days."
        ),
        Measure("seats_licensed", "Seats licensed", "seats", _LAST, "Seats bought."),
        Measure("seats_active", "Seats active", "seats", _LAST, "Seats used in the last 30 days."),
        Measure("dashboards", "Dashboards", "dashboards", _LAST, "Dashboards there are."),
        Measure("connections", "Data-source connections", "sources", _LAST, "Sources connected."),
        Measure("departments_active", "Departments active", "departments", _LAST, "Using it."),
        Measure("features_included", "Features included", "features", _LAST, "In the contract."),
        Measure("expected_daily_users", "Expected daily users", "users", _LAST, "As agreed."),
        Measure(
            "expected_api_calls", "Expected API calls", "calls per 30 days", _LAST, "As agreed."
        ),
    )
}


def measure_ids(keys: Iterable[str]) -> dict[str, int]:
    """Primary keys by measure key; measures not seen before are made, those that ship as they ship."""
    wanted = set(keys)
    found = dict(UsageMeasure.objects.filter(key__in=wanted).values_list("key", "pk"))
    missing = sorted(wanted - found.keys())
    if missing:
        UsageMeasure.objects.bulk_create((_new(key) for key in missing), ignore_conflicts=True)
        found = dict(UsageMeasure.objects.filter(key__in=wanted).values_list("key", "pk"))
    return found


def _new(key: str) -> UsageMeasure:
    known = BUILT_IN.get(key)
    if known is None:
        return UsageMeasure(key=key, label=key.replace("_", " ").replace("-", " ").capitalize())
    return UsageMeasure(
        key=key,
        label=known.label,
        unit=known.unit,
        aggregate=known.aggregate,
        description=known.description,
        built_in=True,
    )
