"""The daily sums of the newest night follow accounts scored again by day: moved by the difference.

What the sums held of an account is known from its current health and from what it was when it was first
marked as changed. Where that is not certain, the night's sums are counted anew from current health.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from accounts.models import ChangedAccount
from csm.lib.money import in_own_currency
from scoring.engine import codec
from scoring.engine.score import Scored
from scoring.engine.spec import ScorecardSpec
from scoring.models import AccountHealth, DailyRollup, ScoreRun
from scoring.services import rollups
from scoring.services.populations import Group


class Place(NamedTuple):
    """A row of the sums."""

    version_id: int
    owner_id: int | None
    team_id: int | None
    industry: str
    size_segment: str
    band: int


class Part(NamedTuple):
    """One account's part of a row; `arr_amount` in minor units, None unknown."""

    place: Place
    score: float | None
    arr_amount: int | None


class Before(NamedTuple):
    """What the sums hold of an account, as far as is known: `was` None when it was never marked."""

    version_id: int
    band: int
    score: float | None
    # When they were last moved for it; None: as the night left them.
    rescored_at: datetime | None
    was: ChangedAccount | None


Sums = list[float]
_ATTRIBUTES: Final = ("owner_id", "team_id", "industry", "size_segment", "arr_amount")
_SUMS: Final = ("accounts", "scored", "score_sum", "arr_amount", "arr_known")

_OWNER = """
CASE WHEN EXISTS (SELECT 1 FROM accounts_ownerperiod p WHERE p.account_id = a.id) THEN (
  SELECT p.owner_id FROM accounts_ownerperiod p WHERE p.account_id = a.id AND p.valid_from <= %s
    AND (p.valid_to IS NULL OR p.valid_to > %s) ORDER BY p.valid_from DESC, p.id DESC LIMIT 1
) ELSE a.owner_id END
"""
_COUNT = f"""
INSERT INTO scoring_dailyrollup (as_of, run_id, owner_id, team_id, industry, size_segment, version_id,
    band, band_name, tone, accounts, scored, score_sum, arr_amount, arr_known)
SELECT as_of, run_id, owner_id, team_id, industry, size_segment, version_id, band, band_name, tone,
    COUNT(*), COUNT(score), COALESCE(SUM(score), 0), COALESCE(SUM(arr_amount), 0), COUNT(arr_amount)
FROM (
  SELECT h.as_of, h.run_id, {_OWNER} AS owner_id, a.team_id, a.industry, a.size_segment, h.version_id,
    h.band, h.band_name, h.tone, h.score, {{arr}} AS arr_amount
  FROM scoring_accounthealth h JOIN accounts_account a ON a.id = h.account_id WHERE h.run_id = %s
) counted
GROUP BY as_of, run_id, owner_id, team_id, industry, size_segment, version_id, band, band_name, tone
"""


def counted(
    run: ScoreRun, ids: Collection[int], marked: Mapping[int, ChangedAccount]
) -> dict[int, Before]:
    """What the sums of `run` hold of these accounts; those it has not scored are left out. One query."""
    rows = AccountHealth.objects.filter(account_id__in=ids, run=run).values_list(
        "account_id", "version_id", "band", "score", "rescored_at"
    )
    return {
        pk: Before(version_id, band, score, rescored_at, marked.get(pk))
        for pk, version_id, band, score, rescored_at in rows
    }


def move(
    run: ScoreRun,
    specs: Mapping[int, ScorecardSpec],
    old: Mapping[int, Before],
    scored: Sequence[tuple[Group, Scored]],
) -> None:
    """Take out what accounts were (`old`), add what they are. The caller holds the transaction."""
    parts = _parts(scored)
    deltas: dict[Place, Sums] = defaultdict(lambda: [0.0] * len(_SUMS))
    for pk, part in parts.items():
        _add(deltas, part, 1)
        if (before := old.get(pk)) is not None:
            was = _was(run, before, part)
            if was is None:
                count_anew(run)
                return
            _add(deltas, was, -1)
    deltas = {place: sums for place, sums in deltas.items() if any(sums)}
    if not deltas:
        return
    if _apply(run, specs, deltas):
        _total(run)
    else:
        count_anew(run)


def count_anew(run: ScoreRun) -> None:
    """The sums of the night from current health: one read of the book. The caller holds the transaction."""
    DailyRollup.objects.filter(as_of=run.as_of).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT.format(arr=in_own_currency("a.arr_amount", "a.currency")),
            [run.as_of, run.as_of, run.pk],
        )
    _total(run)


def _total(run: ScoreRun) -> None:
    rollups.total(run.as_of)
    ScoreRun.objects.filter(pk=run.pk).update(sums_moved_at=timezone.now())


def _parts(scored: Sequence[tuple[Group, Scored]]) -> dict[int, Part]:
    found: dict[int, Part] = {}
    for group, result in scored:
        rows = zip(
            group.account_ids.tolist(),
            *(group.attributes[name].tolist() for name in _ATTRIBUTES),
            result.band.tolist(),
            codec.nullable(result.score),
            strict=True,
        )
        for pk, owner, team, industry, size, arr, band, score in rows:
            place = Place(
                group.version_id,
                _number(owner),
                _number(team),
                _text(industry),
                _text(size),
                band,
            )
            found[pk] = Part(place, score, _number(arr))
    return found


def _was(run: ScoreRun, before: Before, now: Part) -> Part | None:
    """What the sums hold of an account; None where nobody knows."""
    if before.was is None:
        place = now.place._replace(version_id=before.version_id, band=before.band)
        return Part(place, before.score, now.arr_amount)
    was = before.was
    place = Place(
        before.version_id,
        was.was_owner,
        was.was_team,
        was.was_industry,
        was.was_size_segment,
        before.band,
    )
    part = Part(place, before.score, was.was_arr_amount)
    same = (place[1:5], part.arr_amount) == (now.place[1:5], now.arr_amount)
    if not same and _is_uncertain(run, before, was, now):
        return None
    return part


def _is_uncertain(run: ScoreRun, before: Before, was: ChangedAccount, now: Part) -> bool:
    """Whether the sums may hold something else than what was kept: as of another moment, or another day."""
    counted_at = before.rescored_at or run.finished_at
    if counted_at is None or was.was_at <= counted_at:
        return True
    has_other_owner = was.was_owner != now.place.owner_id
    return has_other_owner and timezone.localdate(was.was_at) != run.as_of


def _add(deltas: dict[Place, Sums], part: Part, sign: int) -> None:
    sums = deltas[part.place]
    known = (
        1,
        part.score is not None,
        part.score or 0.0,
        part.arr_amount or 0,
        part.arr_amount is not None,
    )
    for at, value in enumerate(known):
        sums[at] += sign * value


def _apply(run: ScoreRun, specs: Mapping[int, ScorecardSpec], deltas: Mapping[Place, Sums]) -> bool:
    """Add the differences to the rows there are; False, and nothing written, where they do not fit."""
    owners = {place.owner_id for place in deltas}
    of_owners = Q(owner_id__in=owners - {None})
    if None in owners:
        of_owners |= Q(owner_id=None)
    rows = DailyRollup.objects.filter(
        of_owners,
        as_of=run.as_of,
        run=run,
        industry__in={place.industry for place in deltas},
        size_segment__in={place.size_segment for place in deltas},
    )
    here = {
        Place(
            row.version_id, row.owner_id, row.team_id, row.industry, row.size_segment, row.band
        ): row
        for row in rows
    }
    new: list[DailyRollup] = []
    changed: list[DailyRollup] = []
    empty: list[int] = []
    for place, sums in deltas.items():
        row = here.get(place)
        if row is None:
            name, tone = specs[place.version_id].band_words[place.band]
            row = DailyRollup(
                as_of=run.as_of,
                run=run,
                **place._asdict(),
                band_name=name,
                tone=tone,
                **dict.fromkeys(_SUMS, 0),
            )
        for name, value in zip(_SUMS, sums, strict=True):
            total = getattr(row, name) + value
            setattr(row, name, total if name == "score_sum" else round(total))
        if min(row.accounts, row.scored, row.arr_amount, row.arr_known) < 0:
            return False
        if not row.accounts:
            empty += [row.pk] if row.pk else []
        elif row.pk:
            changed.append(row)
        else:
            new.append(row)
    DailyRollup.objects.filter(pk__in=empty).delete()
    if changed:
        DailyRollup.objects.bulk_create(
            changed, update_conflicts=True, unique_fields=["id"], update_fields=list(_SUMS)
        )
    DailyRollup.objects.bulk_create(new)
    return True


def _number(value: float | None) -> int | None:
    return None if value is None or value != value else int(value)


def _text(value: str | float | None) -> str:
    # A frame may hold NaN for no text.
    return value if isinstance(value, str) else ""
