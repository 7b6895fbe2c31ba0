"""Which playbooks fit which accounts now, and why: the same conditions for one account and for the book."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Value

from accounts.models import Account
from accounts.selectors import customers
from playbooks.models import Alert, Intervention, Playbook, PlaybookVersion, Trigger
from scoring.selectors import newest_run, with_health

# Held alerts are not known to be true yet: nothing is recommended on their account.
_TOLD: Final = Alert.State.OPEN
_BY_ALERT, _BY_TRIGGER = 0, 1
# What stands for a severity in rows of plans.
_NO_ALERT: Final = 0
# After what answers an alert: the strategy of the account, then what fits more loosely.
_RANKS: Final[dict[str, int]] = {
    Playbook.Kind.TRIGGER: 2,
    Playbook.Kind.STRATEGY: 2,
    Playbook.Kind.INDUSTRY: 3,
    Playbook.Kind.LIFECYCLE: 4,
    Playbook.Kind.RENEWAL: 5,
    Playbook.Kind.CADENCE: 6,
}
# `applies` key → field of the account.
_FIELDS: Final = {
    "industries": "industry",
    "tones": "health__tone",
    "sizes": "size_segment",
    "lifecycle": "lifecycle_stage",
}
# Fields of the account a situation is made of.
_READ: Final = (
    "industry",
    "size_segment",
    "lifecycle_stage",
    "customer_since",
    "renewal_on",
)


@dataclass(frozen=True)
class Recommendation:
    """A playbook that fits an account in its active version; `reasons` are sentences, the weightiest first."""

    playbook: Playbook
    version: PlaybookVersion
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class OpenAlert:
    """What recommending reads of an open alert."""

    key: str
    name: str
    severity: int
    playbook_id: int | None


@dataclass(frozen=True)
class Situation:
    """What an account is and has on a day: all that matching reads."""

    as_of: date
    industry: str = ""
    size: str = ""
    stage: str = ""
    tone: str = ""
    band: str = ""
    customer_since: date | None = None
    renewal_on: date | None = None
    alerts: tuple[OpenAlert, ...] = ()
    # Playbooks that run on it, each with its plan.
    running: Mapping[int, int] = field(default_factory=dict)


def recommended(
    account_ids: Collection[int], *, as_of: date | None = None
) -> dict[int, list[Recommendation]]:
    """What fits each account on the day (the newest night without one), best first; {} values possible.

    First the playbooks of its open alerts' triggers, the loudest alert first, then those that name the
    triggers, the strategy, kits, lifecycle, renewal, cadence. Left out: what runs there already, what is
    switched off, accounts that churned. Three queries however many accounts, one more without a day.
    """
    if as_of is None:
        as_of = _today()
    found: dict[int, list[Recommendation]] = {pk: [] for pk in account_ids}
    if as_of is None or not found:
        return found
    versions = active_versions()
    for pk, situation in situations(found, as_of).items():
        found[pk] = best(versions, situation)
    return found


def best(versions: Sequence[PlaybookVersion], situation: Situation) -> list[Recommendation]:
    """The versions that fit a situation, best first. Pure: their playbooks must be there already."""
    ranked = []
    for version in versions:
        playbook = version.playbook
        if playbook.pk in situation.running:
            continue
        reasons = reasons_for(version, situation)
        if reasons is None:
            continue
        mine = _answered(version, situation)
        loose = _BY_TRIGGER if version.applies.get("triggers") else _RANKS[playbook.kind]
        rank = _BY_ALERT if mine else loose
        named = set(version.applies.get("triggers", ()))
        loudest = max(
            (a.severity for a in situation.alerts if a in mine or a.key in named), default=0
        )
        order = (rank, -loudest, playbook.position, playbook.key)
        ranked.append((order, Recommendation(playbook, version, tuple(reasons))))
    return [each for _, each in sorted(ranked, key=lambda pair: pair[0])]


def reasons_for(version: PlaybookVersion, situation: Situation) -> list[str] | None:
    """Why a version fits a situation, in sentences; None when it does not."""
    answered = [alert.name for alert in _answered(version, situation)]
    found = _match(version.applies, situation)
    if found is None and not answered:
        return None
    named, reasons = found or ([], [])
    return [*_told(dict.fromkeys([*answered, *named])), *reasons]


def _answered(version: PlaybookVersion, situation: Situation) -> list[OpenAlert]:
    """Open alerts whose trigger names the playbook."""
    return [alert for alert in situation.alerts if alert.playbook_id == version.playbook_id]


def match(applies: Mapping[str, Any], situation: Situation) -> list[str] | None:
    """Why `applies` fits a situation, in sentences; None when it does not. `{}` fits nowhere."""
    found = _match(applies, situation)
    return None if found is None else [*_told(found[0]), *found[1]]


def _told(names: Iterable[str]) -> list[str]:
    listed = list(names)
    return [f"Open alert{'s' * (len(listed) != 1)}: {', '.join(listed)}"] if listed else []


def _match(applies: Mapping[str, Any], situation: Situation) -> tuple[list[str], list[str]] | None:
    """Names of the open alerts that matched, and the other reasons."""
    if not applies:
        return None
    reasons: list[str] = []
    told: list[str] = []
    if names := applies.get("triggers"):
        told = [alert.name for alert in situation.alerts if alert.key in names]
        if not told:
            return None
    traits = []
    for key, value, words in (
        ("industries", situation.industry, situation.industry),
        ("tones", situation.tone, f"Health {situation.band}"),
        ("sizes", situation.size, situation.size),
    ):
        if allowed := applies.get(key):
            if not value or value not in allowed:
                return None
            traits.append(words)
    if traits:
        reasons.append(", ".join(traits))
    if "lifecycle" in applies or "new_within_days" in applies:
        stage = _stage(applies, situation)
        if not stage:
            return None
        reasons.append(stage)
    if (within := applies.get("renewal_within_days")) is not None:
        left = (situation.renewal_on - situation.as_of).days if situation.renewal_on else -1
        if not 0 <= left <= within:
            return None
        reasons.append(
            "Renewal today" if left == 0 else f"Renewal in {left} day{'s' * (left != 1)}"
        )
    return told, reasons


def _stage(applies: Mapping[str, Any], situation: Situation) -> str:
    """New enough or in one of the stages: either will do, because not every source tells both."""
    since, within = situation.customer_since, applies.get("new_within_days")
    if within is not None and since is not None:
        days = (situation.as_of - since).days
        if 0 <= days < within:
            return f"Customer for {days} day{'s' * (days != 1)}"
    if situation.stage and situation.stage in applies.get("lifecycle", ()):
        return f"In the {situation.stage.lower()} stage"
    return ""


def audience(
    version: PlaybookVersion,
    *,
    accounts: QuerySet[Account] | None = None,
    as_of: date | None = None,
) -> QuerySet[Account]:
    """Customers of `accounts` (all without) a version fits on the day (the newest night without one).

    Those it runs on are among them. Conditions in the database, so that it may be counted and paged.
    """
    rows = Account.objects.filter(merged_into=None) if accounts is None else accounts
    as_of = as_of or _today()
    if as_of is None:
        return rows.none()
    by_alert = Exists(_alerts(Q(trigger__playbook=version.playbook_id)))
    return customers(rows, as_of).filter(Q(by_alert) | _fits(version.applies, as_of))


def audience_sizes(
    versions: Collection[PlaybookVersion],
    accounts: QuerySet[Account],
    *,
    as_of: date,
    triggers: Collection[Trigger] | None = None,
) -> dict[int, int]:
    """How many of `accounts` each version fits, by version id; three queries for a whole library.

    `triggers` are all there are, where the caller has them.
    """
    sizes = dict.fromkeys((version.pk for version in versions), 0)
    ids: dict[str, int] = {}
    direct: dict[int, list[int]] = defaultdict(list)
    for trigger in Trigger.objects.only("key", "playbook") if triggers is None else triggers:
        ids[trigger.key] = trigger.pk
        if trigger.playbook_id is not None:
            direct[trigger.playbook_id].append(trigger.pk)
    by_account: dict[str, Count] = {}
    by_alert: dict[str, Count] = {}
    for version in versions:
        applies, mine = dict(version.applies), direct.get(version.playbook_id, [])
        alias = f"v{version.pk}"
        if applies and "triggers" not in applies:
            fits = _fits(applies, as_of)
            if mine:
                fits |= Q(Exists(_alerts(Q(trigger__in=mine))))
            by_account[alias] = Count("pk", filter=fits)
            continue
        named = [ids[key] for key in applies.pop("triggers", ()) if key in ids]
        fits = Q(trigger__in=named) & _traits(applies, as_of, "account__")
        if mine:
            fits |= Q(trigger__in=mine)
        by_alert[alias] = Count("account", distinct=True, filter=fits)
    rows = customers(accounts, as_of).order_by()
    counted: dict[str, int] = rows.aggregate(**by_account) if by_account else {}
    if by_alert:
        told = Alert.objects.filter(state=_TOLD, account__in=rows.values("pk")).order_by()
        counted |= told.aggregate(**by_alert)
    return sizes | {int(alias[1:]): count for alias, count in counted.items()}


def active_versions() -> list[PlaybookVersion]:
    """Active versions of playbooks that are on, with their playbooks."""
    rows = PlaybookVersion.objects.filter(
        state=PlaybookVersion.State.ACTIVE, playbook__is_active=True
    )
    return list(rows.select_related("playbook").order_by("playbook__position", "playbook__key"))


def _fits(applies: Mapping[str, Any], as_of: date) -> Q:
    """`applies` as a condition on accounts."""
    if not applies:
        return Q(pk__in=[])
    fits = _traits(applies, as_of)
    if names := applies.get("triggers"):
        fits &= Q(Exists(_alerts(Q(trigger__key__in=names))))
    return fits


def _traits(applies: Mapping[str, Any], as_of: date, path: str = "") -> Q:
    """What `applies` says of the account itself; `path` leads to the account."""
    fits = Q()
    for key, name in _FIELDS.items():
        if key != "lifecycle" and applies.get(key):
            fits &= Q(**{f"{path}{name}__in": applies[key]})
    stage = Q(**{f"{path}lifecycle_stage__in": applies.get("lifecycle", [])})
    if (within := applies.get("new_within_days")) is not None:
        since = as_of - timedelta(days=within)
        fits &= stage | Q(
            **{f"{path}customer_since__gt": since, f"{path}customer_since__lte": as_of}
        )
    elif "lifecycle" in applies:
        fits &= stage
    if (within := applies.get("renewal_within_days")) is not None:
        until = as_of + timedelta(days=within)
        fits &= Q(**{f"{path}renewal_on__range": (as_of, until)})
    return fits


def _alerts(condition: Q) -> QuerySet[Alert]:
    return Alert.objects.filter(condition, account=OuterRef("pk"), state=_TOLD).order_by()


def _today() -> date | None:
    run = newest_run(defer=True)
    return run.as_of if run else None


def situations(account_ids: Collection[int], as_of: date) -> dict[int, Situation]:
    """What matching reads of each account; churned and merged ones are left out. Two queries."""
    rows = customers(Account.objects.filter(pk__in=account_ids, merged_into=None), as_of)
    return situations_of(with_health(rows.order_by()).only(*_READ), as_of)


def situations_of(accounts: Iterable[Account], as_of: date) -> dict[int, Situation]:
    """The same of customers that were read `with_health`; one query."""
    read: dict[int, Any] = {account.pk: account for account in accounts}
    alerts, running = _open_on(read)
    return {
        pk: Situation(
            as_of=as_of,
            industry=account.industry,
            size=account.size_segment,
            stage=account.lifecycle_stage,
            tone=account.tone or "",
            band=account.band_name or "",
            customer_since=account.customer_since,
            renewal_on=account.renewal_on,
            alerts=tuple(alerts[pk]),
            running=running[pk],
        )
        for pk, account in read.items()
    }


def _open_on(
    account_ids: Collection[int],
) -> tuple[dict[int, list[OpenAlert]], dict[int, dict[int, int]]]:
    """Open alerts, the loudest first, and playbooks that run with their plans, by account; one query."""
    told = (
        Alert.objects.filter(account__in=account_ids, state=_TOLD)
        .order_by()
        .values_list(
            "account_id",
            "trigger__playbook_id",
            "pk",
            "severity",
            "trigger__key",
            "trigger__name",
        )
    )
    plans = (
        Intervention.objects.filter(
            account__in=account_ids,
            state__in=Intervention.OPEN_STATES,
            playbook_version__isnull=False,
        )
        .order_by()
        .values_list(
            "account_id",
            "playbook_version__playbook_id",
            "pk",
            Value(_NO_ALERT),
            Value(""),
            Value(""),
        )
    )
    alerts: dict[int, list[OpenAlert]] = defaultdict(list)
    running: dict[int, dict[int, int]] = defaultdict(dict)
    both: QuerySet[Any, Any] = told.union(plans, all=True)
    for pk, playbook_id, row_id, severity, key, name in sorted(
        both, key=lambda row: (-row[3], row[2])
    ):
        if severity == _NO_ALERT:
            running[pk][playbook_id] = row_id
        else:
            alerts[pk].append(OpenAlert(key, name, severity, playbook_id))
    return alerts, running
