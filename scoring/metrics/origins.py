"""Where the metrics of one account come from on a night."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np

from accounts.models import Account, Reading
from csm.lib.money import per_unit
from scoring.metrics.catalogue import metrics_of
from scoring.metrics.derive import derive
from scoring.metrics.facts import Clock, Frozen
from scoring.metrics.metric import ACCOUNT
from scoring.metrics.readings import LOOK_BACK_DAYS, Good


@dataclass(frozen=True)
class Origin:
    """`source` is who reported it, or the feeds it was derived from; `on` the day that decided.

    `frozen` says that the source or a feed is frozen on that night, so that the value may be old.
    """

    kind: Literal["reported", "derived", "attribute", "unknown"]
    source: str = ""
    on: date | None = None
    frozen: bool = False


# Day, source, values by metric key.
Told = tuple[date, str, dict[str, Any]]


def readings_of(account_id: int, as_of: date) -> Iterator[Told]:
    """What was told of an account up to a night, the newest first; read as far as somebody asks. One query."""
    rows = Reading.objects.filter(
        account_id=account_id, on__lte=as_of, on__gt=as_of - timedelta(days=LOOK_BACK_DAYS)
    ).order_by("-on", "source")
    return rows.values_list("on", "source", "metrics").iterator(chunk_size=32)


def origins(
    keys: Collection[str],
    *,
    as_of: date,
    account_id: int,
    frozen: Frozen | None = None,
    readings: Iterable[Told] | None = None,
    record: Account | None = None,
) -> dict[str, Origin]:
    """The origin of each key as `frame` decides it; a constant number of queries.

    Keys of attributes of the account (industry, size segment, stage) are the account's own record.
    `readings` (as `readings_of`) and `record` spare a query each where they are at hand.
    """
    known = metrics_of(keys)
    clock, good = Clock.of_night(as_of, frozen), Good.of(frozen)
    told = _reported(keys, readings_of(account_id, as_of) if readings is None else readings, good)
    derived = derive(
        known.values(),
        clock=clock,
        ids=np.array([account_id], dtype=np.int64),
        first_id=account_id,
        last_id=account_id,
    )
    record = record or Account.objects.filter(pk=account_id).first()
    found = {}
    for key in keys:
        metric, reported, made = known.get(key), told.get(key), derived.get(key)
        if metric is None or metric.attribute == key == "size_segment":
            found[key] = _of_record(record, key)
        elif (
            made is not None
            and not np.isnan(made.values[0])
            and (reported is None or reported[0] < made.on)
        ):
            feeds = list(dict.fromkeys(part.table.feed for part in metric.parts))
            stale = any(clock.of(p.table.feed, p.measure) < as_of for p in metric.parts)
            found[key] = Origin("derived", ", ".join(feeds), made.on, stale)
        elif reported is not None:
            on, source = reported
            found[key] = Origin("reported", source, on, source in good.days)
        elif metric.attribute and record is not None:
            own = own_figure(
                metric.attribute,
                arr=record.arr_amount,
                renewal_on=record.renewal_on,
                since=record.customer_since,
                as_of=as_of,
            )
            found[key] = Origin("unknown") if own is None else Origin("attribute", ACCOUNT)
        else:
            found[key] = Origin("unknown")
    return found


def own_figure(
    name: str, *, arr: int | None, renewal_on: date | None, since: date | None, as_of: date
) -> float | None:
    """A metric from the account's record: `arr` in major units, the others in days."""
    if name == "arr":
        return None if arr is None else arr / per_unit()
    if name == "renewal_days_left":
        return None if renewal_on is None else float((renewal_on - as_of).days)
    return None if since is None else float((as_of - since).days)


def _reported(
    keys: Collection[str], readings: Iterable[Told], good: Good
) -> dict[str, tuple[date, str]]:
    """Day and source of the newest reading that names each key."""
    found: dict[str, tuple[date, str]] = {}
    missing = set(keys)
    for on, source, metrics in readings:
        if source in good.days and on > good.days[source]:
            continue
        for key in missing & metrics.keys():
            if metrics[key] is not None:
                found[key] = (on, source)
        missing -= found.keys()
        if not missing:
            break
    return found


def _of_record(record: Account | None, key: str) -> Origin:
    value = getattr(record, key, None)
    return Origin("attribute", ACCOUNT) if value else Origin("unknown")
