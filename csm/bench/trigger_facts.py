"""Dated facts for the triggers, beside activities, tickets and uses of features from `events`.

Per account and 30 days 30 rows of usage, written by day as they would arrive, so that an account's rows lie far
apart; six contacts, a subscription, a goal, and every month a survey and an invoice.
"""

import datetime as dt

from django.db import connection, transaction

from accounts.models import UsageMeasure

WEEK = 7
# What the triggers read, each told once a week: 7 × 30 / 7 rows in 30 days.
MEASURES = (
    "logins",
    "sessions",
    "executive_logins",
    "core_actions",
    "api_calls",
    "seats_active",
    "seats_licensed",
)
_CONTACTS = 6
# A number that looks random, the same on every database: of an account's id, a day and a salt.
_DRAW = "((a.id * 48271 + {day} * 69621 + {salt} * 16807) % 2147483647 % 9973 % {of})"


def write(as_of: dt.date, months: int) -> int:
    """Facts of `months` × 30 days up to `as_of` for every account; returns how many rows."""
    measures = [UsageMeasure.objects.get_or_create(key=key)[0].pk for key in MEASURES]
    days = months * 30
    rows = _run(_standing(as_of, days))
    for ago in range(days - 1, -1, -1):
        on = as_of - dt.timedelta(days=ago)
        statements = [_usage(pk, ago, on) for pk in measures] if ago % WEEK == 0 else []
        if ago % 30 == 0:
            statements += _monthly(ago, on)
        rows += _run(statements)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    return rows


def _run(statements: list[str]) -> int:
    rows = 0
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            rows += cursor.rowcount
    return rows


def _usage(measure: int, day: int, on: dt.date) -> str:
    value = _DRAW.format(day=day, salt=measure, of=20)
    return (
        'INSERT INTO accounts_usage (account_id, measure_id, "on", source, value) '
        f"SELECT a.id, {measure}, {_date(on)}, 'bench', 100 + {value} FROM accounts_account a"
    )


def _monthly(day: int, on: dt.date) -> list[str]:
    score = _DRAW.format(day=day, salt=1, of=11)
    unpaid = _DRAW.format(day=day, salt=2, of=40)
    own = f"'bench', 'm' || a.id || '-{day}', a.id"
    return [
        "INSERT INTO accounts_survey (source, external_id, account_id, kind, sent_on, answered_on, "
        f"score, comment) SELECT {own}, 'nps', {_date(on)}, {_date(on)}, {score}, '' "
        "FROM accounts_account a",
        "INSERT INTO accounts_invoice (source, external_id, account_id, number, issued_on, due_on, "
        f"paid_on, amount) SELECT {own}, '', {_date(on)}, {_date(on + dt.timedelta(days=14))}, "
        f"CASE WHEN {unpaid} > 0 THEN {_date(on + dt.timedelta(days=9))} END, 100000 "
        "FROM accounts_account a",
    ]


def _standing(as_of: dt.date, days: int) -> list[str]:
    since = as_of - dt.timedelta(days=days)
    own = "'bench', 's' || a.id, a.id"
    ends = [_date(as_of + dt.timedelta(days=ahead)) for ahead in (20, 80, 170, 300)]
    term = " ".join(f"WHEN {n} THEN {on}" for n, on in enumerate(ends))
    contacts = " UNION ALL ".join(f"SELECT {n} AS n" for n in range(_CONTACTS))
    people = "'bench', 'c' || a.id || '-' || p.n, a.id, '', '', '', '', '', p.n = 0, p.n = 1, TRUE"
    columns = "is_champion, is_executive_sponsor, is_stakeholder"
    return [
        "INSERT INTO accounts_subscription (source, external_id, account_id, product, started_on, "
        f"ends_on, end_reason, arr_amount, seats) SELECT {own}, '', {_date(since)}, "
        f"CASE {_DRAW.format(day=0, salt=3, of=len(ends))} {term} END, '', 1200000, 120 "
        "FROM accounts_account a",
        "INSERT INTO accounts_goal (source, external_id, account_id, kind, title, unit, agreed_on, "
        f"due_on) SELECT {own}, 'goal', '', '', {_date(since)}, {ends[-1]} FROM accounts_account a",
        "INSERT INTO accounts_contact (source, external_id, account_id, name, email, phone, title, "
        f"role, {columns}, known_on, last_active_on) SELECT {people}, {_date(since)}, {_date(as_of)} "
        f"FROM accounts_account a CROSS JOIN ({contacts}) p",
        "INSERT INTO accounts_contactstate (account_id, contact_id, valid_from, has_email, "
        f"{columns}, last_active_on) SELECT account_id, id, known_on, TRUE, {columns}, "
        "last_active_on FROM accounts_contact WHERE source = 'bench'",
    ]


def _date(on: dt.date) -> str:
    return f"CAST('{on}' AS date)" if connection.vendor == "postgresql" else f"'{on}'"
