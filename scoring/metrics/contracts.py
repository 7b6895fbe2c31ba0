"""What the customer has under contract, and how that changed.

A subscription's value on a day is what its last event by then left it at; without one, what the subscription
itself says. An account without subscriptions has what the events of its whole contract say. When a contract
ends is known as last told: a renewal moves the end, and no fact says where it was.
"""

from scoring.metrics.arithmetic import change, difference, major
from scoring.metrics.facts import Part, Table
from scoring.metrics.metric import Metric


def _contracts(ago: int) -> Table:
    """One row per subscription that ran on the day `ago` days before the night, and per bare account."""
    day = f"$d{ago}"
    latest = (
        "(SELECT e.{field} FROM accounts_subscriptionevent e WHERE e.subscription_id = s.id "
        f'AND e."on" <= {day} AND e.{{field}} IS NOT NULL ORDER BY e."on" DESC, e.id DESC LIMIT 1)'
    )
    whole = (
        "(SELECT e.{field} FROM accounts_subscriptionevent e WHERE e.account_id = a.id "
        f'AND e.subscription_id IS NULL AND e."on" <= {day} AND e.{{field}} IS NOT NULL '
        'ORDER BY e."on" DESC, e.id DESC LIMIT 1)'
    )
    arr, seats = latest.format(field="arr_amount"), latest.format(field="seats")
    return Table(
        "accounts_subscription",
        feed="subscriptions",
        on="started_on",
        also=(("accounts_subscriptionevent", "on"),),
        rows=(
            "FROM ("
            f"SELECT s.account_id, COALESCE({arr}, s.arr_amount) AS arr, "
            f"COALESCE({seats}, s.seats) AS seats, s.ends_on, "
            f"CASE WHEN s.ended_on IS NULL OR s.ended_on > {day} THEN 1 ELSE 0 END AS runs "
            "FROM accounts_subscription s WHERE s.account_id BETWEEN $first AND $last "
            f"AND s.started_on <= {day} "
            "UNION ALL "
            f"SELECT a.id, {whole.format(field='arr_amount')}, {whole.format(field='seats')}, "
            "NULL, 1 FROM accounts_account a WHERE a.id BETWEEN $first AND $last "
            "AND EXISTS (SELECT 1 FROM accounts_subscriptionevent e WHERE e.account_id = a.id "
            f'AND e.subscription_id IS NULL AND e."on" <= {day}) '
            "AND NOT EXISTS (SELECT 1 FROM accounts_subscription s WHERE s.account_id = a.id "
            f"AND s.started_on <= {day})"
            ") f"
        ),
    )


_NOW, _YEAR_AGO = _contracts(0), _contracts(365)
_EVENTS = Table("accounts_subscriptionevent", feed="subscriptions", on="on")


def _arr(table: Table) -> Part:
    return Part(
        table,
        "CASE WHEN SUM(f.runs) = 0 THEN 0.0 ELSE "
        "CAST(SUM(f.arr) FILTER (WHERE f.runs = 1) AS double precision) END",
    )


def _events(kinds: str) -> Part:
    return Part(
        _EVENTS, f'COUNT(*) FILTER (WHERE f."on" > $d365 AND f.kind IN ({kinds}))', counts=True
    )


ARR, _ARR_BEFORE = _arr(_NOW), _arr(_YEAR_AGO)

METRICS = (
    Metric(
        key="arr",
        label="Recurring contract value",
        kind="money",
        direction="up",
        description="Yearly recurring value of the contracts that run on the as-of date.",
        parts=(ARR,),
        value=major,
        attribute="arr",
    ),
    Metric(
        key="arr_change_12m",
        label="Contract value gained in 12 months",
        kind="money",
        direction="up",
        description="Recurring contract value now less that of 365 days ago.",
        signed=True,
        window_days=365,
        parts=(ARR, _ARR_BEFORE),
        value=lambda now, before: major(difference(now, before)),
    ),
    Metric(
        key="contract_value_change_rate",
        label="Contract-value change over 12 months",
        kind="ratio",
        direction="up",
        description="Relative change of the recurring contract value over 12 months (0.1 = +10 %).",
        signed=True,
        window_days=365,
        parts=(ARR, _ARR_BEFORE),
        value=change,
    ),
    Metric(
        key="contracted_seats",
        label="Seats under contract",
        kind="count",
        direction="up",
        description="Seats of the subscriptions that run on the as-of date.",
        parts=(Part(_NOW, "SUM(f.seats) FILTER (WHERE f.runs = 1)"),),
    ),
    Metric(
        key="active_subscriptions",
        label="Subscriptions",
        kind="count",
        direction="up",
        description="Subscriptions that run on the as-of date.",
        parts=(Part(_NOW, "SUM(f.runs)", counts=True),),
    ),
    Metric(
        key="contract_reductions_365d",
        label="Contract reductions in 12 months",
        kind="count",
        direction="down",
        description="Downsells and cancelled subscriptions of the last 365 days.",
        window_days=365,
        parts=(_events("'downsell', 'churn'"),),
    ),
    Metric(
        key="contract_expansions_365d",
        label="Contract expansions in 12 months",
        kind="count",
        direction="up",
        description="Upsells of the last 365 days.",
        window_days=365,
        parts=(_events("'upsell'"),),
    ),
    Metric(
        key="renewal_days_left",
        label="Days to renewal",
        kind="days",
        direction="up",
        description="Whole days until the next running contract ends, as last told; below 0 it is past. "
        "The account's own renewal date where no contract says.",
        signed=True,
        parts=(Part(_NOW, "$ago[MIN(f.ends_on) FILTER (WHERE f.runs = 1)]"),),
        value=lambda ago: -ago,
        attribute="renewal_days_left",
    ),
)
