"""Where accounts stood in their life, who looked after them, which belong together, and their other names."""

from typing import Any

import numpy as np
import pandas as pd
from django.db import connection

from accounts.models import (
    AccountAlias,
    CustomField,
    LifecycleEvent,
    LifecycleStage,
    OwnerPeriod,
    SizeSegment,
)
from csm.demo.facts.ledger import CRM, SUPPORT, Ledger
from csm.demo.facts.table import store
from csm.demo.facts.words import CHURN_REASONS
from csm.demo.facts.world import World
from csm.demo.histories import days_ago
from csm.demo.people import CSMS

_GROUPS = 150
_REGIONS = ("EU", "US", "UK", "APAC")
FIELDS = (
    ("data_residency", "Data residency", CustomField.Kind.TEXT, "Where their data must stay."),
    ("support_hours", "Support hours a month", CustomField.Kind.NUMBER, "As agreed."),
    ("on_site", "On-site installation", CustomField.Kind.YES_NO, "They run it themselves."),
)


def write_stages(ledger: Ledger) -> None:
    """The stages each account went through, as its present one follows from its contract."""
    world = ledger.world
    known = (world.companies["lifecycle_stage"].to_numpy(dtype=object) != "") & (world.since > 0)
    rows = np.flatnonzero(known & (world.story != "silent"))
    since = world.since[rows]
    renewal = days_ago(world.companies["renewal_on"], world.plan.as_of)[rows]
    named = np.array([day is not None for day in world.companies["renewal_on"]])[rows]
    stages = [
        (LifecycleStage.ONBOARDING, since),
        (LifecycleStage.ADOPTION, since - 90),
        (LifecycleStage.GROWTH, since - 300),
        (LifecycleStage.RENEWAL, np.where(named, renewal + 90, -1)),
    ]
    found = pd.concat(
        [pd.DataFrame({"row": rows, "stage": stage.value, "ago": ago}) for stage, ago in stages]
    )
    found = found[(found["ago"] >= 0) & (found["ago"] > world.churned[found["row"]])]
    # A renewal that begins before the account has grown up comes first; then it goes on growing.
    found = found[found["ago"] <= world.since[found["row"]]]
    gone = rows[world.churned[rows] >= 0]
    left = pd.DataFrame(
        {"row": gone, "stage": LifecycleStage.CHURNED.value, "ago": world.churned[gone]}
    )
    found = pd.concat([found, left]).sort_values(["row", "ago"], ascending=[True, False])
    row = found["row"].to_numpy()
    stage = found["stage"].to_numpy(dtype=object)
    reasons = np.array(CHURN_REASONS, dtype=object)[row % len(CHURN_REASONS)]
    store(
        LifecycleEvent,
        {
            **ledger.facts(CRM, "lifecycle", row, "LIFE"),
            "stage": stage,
            "on": world.on(found["ago"].to_numpy()),
            "reason": np.where(stage == LifecycleStage.CHURNED.value, reasons, ""),
        },
    )


def write_owners(ledger: Ledger) -> None:
    """Since when each owner has the account; some changed hands, a few in the last weeks."""
    world = ledger.world
    rng = world.rng(16)
    owner = world.companies["owner"].to_numpy(dtype=object)
    rows = np.flatnonzero((owner != "") & (world.since > 0))
    handed = rng.random(len(rows)) < 0.12
    ago = np.where(handed, rng.integers(3, 300, len(rows)), world.since[rows])
    handed &= ago < world.since[rows] - 30
    ago = np.where(handed, ago, world.since[rows])
    names = [person.username for person in CSMS]
    before = np.array(names, dtype=object)[rng.integers(0, len(names), len(rows))]
    handed &= before != owner[rows]
    ago = np.where(handed, ago, world.since[rows])
    keys = {name: user.pk for name, user in ledger.users.items()}
    now = np.array([keys[name] for name in owner[rows]])
    then = np.array([keys[name] for name in before])[handed]
    earlier = rows[handed]
    store(
        OwnerPeriod,
        {
            "account": ledger.ids[np.r_[rows, earlier]],
            "owner": np.r_[now, then],
            "valid_from": world.on(np.r_[ago, world.since[earlier]]),
            "valid_to": world.on(np.r_[np.full(len(rows), np.nan), ago[handed]]),
        },
    )


def own_columns(world: World) -> dict[str, list[Any]]:
    """What accounts say of themselves beside the company frame: custom, churn_flag, churn_reason by row."""
    rng = world.rng(17)
    chosen = rng.random(world.size) < 0.4
    regions = rng.integers(0, len(_REGIONS), world.size)
    hours = rng.integers(1, 20, world.size)
    custom: list[Any] = [
        {"data_residency": _REGIONS[region], "support_hours": hour, "on_site": hour == 1}
        if told
        else {}
        for told, region, hour in zip(chosen, regions.tolist(), hours.tolist(), strict=True)
    ]
    gone = world.churned >= 0
    flags: list[Any] = [True if left else None for left in gone]
    # A few churn flags say the opposite of the dates.
    for row in np.flatnonzero(~gone & (world.story == "steady"))[3:6]:
        flags[row] = True
    for row in np.flatnonzero(gone)[1:3]:
        flags[row] = False
    reasons = [
        CHURN_REASONS[row % len(CHURN_REASONS)] if left else "" for row, left in enumerate(gone)
    ]
    return {"custom": custom, "churn_flag": flags, "churn_reason": reasons}


def write_relations(ledger: Ledger) -> None:
    """Groups of accounts, this company's own columns, and other systems' ids."""
    world = ledger.world
    rng = world.rng(18)
    for key, label, kind, description in FIELDS:
        CustomField.objects.get_or_create(
            key=key, defaults={"label": label, "kind": kind, "description": description}
        )
    parent = _parents(world, rng)
    children = np.flatnonzero(parent >= 0)
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE accounts_account SET parent_id = %s WHERE id = %s",
            list(
                zip(
                    ledger.ids[parent[children]].tolist(),
                    ledger.ids[children].tolist(),
                    strict=True,
                )
            ),
        )
    other = np.flatnonzero(rng.random(world.size) < 0.02)
    if len(other):
        store(
            AccountAlias,
            {
                "source": SUPPORT,
                "external_id": [f"ORG-{row + 1:06d}" for row in other.tolist()],
                "account": ledger.ids[other],
                "import_run": ledger.run(SUPPORT, "tickets"),
            },
        )


def _parents(world: World, rng: np.random.Generator) -> np.ndarray:
    """The row of the group each account belongs to; −1 for none. Groups are a level deep."""
    size = world.companies["size_segment"].to_numpy(dtype=object)
    here = world.churned < 0
    heads = np.flatnonzero((size == SizeSegment.ENTERPRISE) & here)[
        : max(1, min(_GROUPS, world.size // 60))
    ]
    others = np.flatnonzero((size != SizeSegment.ENTERPRISE) & here & (world.story != "silent"))
    found = np.full(world.size, -1)
    taken = rng.permutation(others)
    start = 0
    for head in heads:
        count = int(rng.integers(1, 6))
        found[taken[start : start + count]] = head
        start += count
    return found
