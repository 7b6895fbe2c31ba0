"""How the product is used and how well it runs for the customer."""

from scoring.metrics.arithmetic import change, first_known, share, share_without
from scoring.metrics.facts import Part, Table
from scoring.metrics.metric import Metric

# How far back the last value of a standing figure (seats, what was agreed) is looked for.
LAST_DAYS = 400

# Each measure is sought by itself: the index is (account, measure, day), and histories are long.
USAGE = Table(
    "accounts_usage",
    feed="usage",
    on="on",
    windowed=True,
    where="f.measure_id IN ($measures)",
)
_LATEST = Table(
    "accounts_usage",
    feed="usage",
    on="on",
    rows="FROM accounts_account f WHERE f.id BETWEEN $first AND $last",
    account="f.id",
    grouped=False,
)


def total_of(measure: str, days: int, until: int = 0) -> Part:
    return _over("SUM", measure, days, until, counts=True)


def mean_of(measure: str, days: int, until: int = 0) -> Part:
    return _over("AVG", measure, days, until, counts=False)


def _over(aggregate: str, measure: str, days: int, until: int, *, counts: bool) -> Part:
    inside = f'f.measure_id = $m[{measure}] AND f."on" > $d{days} AND f."on" <= $d{until}'
    sql = f"{aggregate}(f.value) FILTER (WHERE {inside})"
    return Part(USAGE, sql, days=days, counts=counts, measure=measure)


def last_of(measure: str, days: int = LAST_DAYS) -> Part:
    """The newest value; of two sources on one day the first by name, as for reported values."""
    sql = (
        f"(SELECT u.value FROM accounts_usage u WHERE u.account_id = f.id "
        f'AND u.measure_id = $m[{measure}] AND u."on" <= $as_of AND u."on" > $d{days} '
        'ORDER BY u."on" DESC, u.source LIMIT 1)'
    )
    return Part(_LATEST, sql, days=days, measure=measure)


def days_since(measure: str, days: int = LAST_DAYS) -> Part:
    """Days since the measure was last above 0."""
    sql = (
        f'$ago[(SELECT MAX(u."on") FROM accounts_usage u WHERE u.account_id = f.id '
        f'AND u.measure_id = $m[{measure}] AND u."on" <= $as_of AND u."on" > $d{days} '
        "AND u.value > 0)]"
    )
    return Part(_LATEST, sql, days=days, measure=measure)


METRICS = (
    Metric(
        key="dashboards_per_user",
        label="Dashboards per user",
        kind="number",
        direction="up",
        description="Dashboards created so far divided by active users.",
        parts=(last_of("dashboards"), last_of("active_users")),
        value=share,
    ),
    Metric(
        key="active_users",
        label="Active users",
        kind="count",
        direction="up",
        description="The last told number of users active in 30 days.",
        parts=(last_of("active_users"),),
    ),
    Metric(
        key="logins_7d",
        label="Log-ins in 7 days",
        kind="count",
        direction="up",
        description="Log-ins of all users in the last 7 days.",
        window_days=7,
        parts=(total_of("logins", 7),),
    ),
    Metric(
        key="logins_previous_7d",
        label="Log-ins in the 7 days before",
        kind="count",
        direction="up",
        description="Log-ins of all users 7 to 14 days ago.",
        window_days=14,
        parts=(total_of("logins", 14, 7),),
    ),
    Metric(
        key="login_change_week_rate",
        label="Log-ins week over week",
        kind="ratio",
        direction="up",
        description="Relative change of the log-ins of the last 7 days against the 7 days before "
        "(−0.2 = 20 % fewer).",
        signed=True,
        window_days=14,
        parts=(total_of("logins", 7), total_of("logins", 14, 7)),
        value=change,
    ),
    Metric(
        key="logins_per_user_month",
        label="Logins per user per month",
        kind="number",
        direction="up",
        description="Logins in the last 30 days divided by active users.",
        window_days=30,
        parts=(total_of("logins", 30), last_of("active_users")),
        value=share,
    ),
    Metric(
        key="executive_logins_30d",
        label="Executive log-ins in 30 days",
        kind="count",
        direction="up",
        description="Log-ins of the customer's executives in the last 30 days.",
        window_days=30,
        parts=(total_of("executive_logins", 30),),
    ),
    Metric(
        key="days_since_executive_login",
        label="Days since executive log-in",
        kind="days",
        direction="down",
        description="Whole days since an executive of the customer last logged in; unknown when none did for "
        "400 days.",
        parts=(days_since("executive_logins"),),
    ),
    Metric(
        key="usage_change_14d_rate",
        label="Use over two weeks",
        kind="ratio",
        direction="up",
        description="Relative change of the sessions of the last 14 days against the 14 days before; of the "
        "log-ins where no sessions are told.",
        signed=True,
        window_days=28,
        parts=(
            total_of("sessions", 14),
            total_of("sessions", 28, 14),
            total_of("logins", 14),
            total_of("logins", 28, 14),
        ),
        value=lambda now, before, logins, logins_before: first_known(
            change(now, before), change(logins, logins_before)
        ),
    ),
    Metric(
        key="core_actions_30d",
        label="Core actions in 30 days",
        kind="count",
        direction="up",
        description="Core actions, what the product is bought for, in the last 30 days.",
        window_days=30,
        parts=(total_of("core_actions", 30),),
    ),
    Metric(
        key="core_actions_change_rate",
        label="Core actions month over month",
        kind="ratio",
        direction="up",
        description="Relative change of the core actions of the last 30 days against the 30 days before.",
        signed=True,
        window_days=60,
        parts=(total_of("core_actions", 30), total_of("core_actions", 60, 30)),
        value=change,
    ),
    Metric(
        key="core_actions_per_user_month",
        label="Core actions per user per month",
        kind="number",
        direction="up",
        description="Core actions of the last 30 days divided by active users; compared with its own past.",
        window_days=30,
        parts=(total_of("core_actions", 30), last_of("active_users")),
        value=share,
    ),
    Metric(
        key="data_source_connections",
        label="Data-source connections",
        kind="count",
        direction="up",
        description="Data sources connected at the as-of date.",
        parts=(last_of("connections"),),
    ),
    Metric(
        key="departments_active",
        label="Departments active",
        kind="count",
        direction="up",
        description="Departments of the customer that use the product, as last told.",
        parts=(last_of("departments_active"),),
    ),
    Metric(
        key="knowledge_base_views_month",
        label="Knowledge-base views per month",
        kind="count",
        direction="up",
        description="Knowledge-base articles opened in the last 30 days.",
        window_days=30,
        parts=(total_of("kb_views", 30),),
    ),
    Metric(
        key="daily_active_vs_expected_rate",
        label="Daily active users against expected",
        kind="ratio",
        direction="up",
        description="Average daily active users of the last 30 days divided by the expected number.",
        window_days=30,
        parts=(mean_of("daily_active_users", 30), last_of("expected_daily_users")),
        value=share,
    ),
    Metric(
        key="seats_licensed",
        label="Seats licensed",
        kind="count",
        direction="up",
        description="Seats bought, as last told with the usage.",
        parts=(last_of("seats_licensed"),),
    ),
    Metric(
        key="active_seat_rate",
        label="Seats in use",
        kind="ratio",
        direction="up",
        description="Share of bought seats used at least once in the last 30 days.",
        window_days=30,
        parts=(last_of("seats_active"), last_of("seats_licensed")),
        value=share,
    ),
    Metric(
        key="api_calls_30d",
        label="API calls in 30 days",
        kind="count",
        direction="up",
        description="API and integration calls in the last 30 days.",
        window_days=30,
        parts=(total_of("api_calls", 30),),
    ),
    Metric(
        key="api_calls_change_rate",
        label="API calls month over month",
        kind="ratio",
        direction="up",
        description="Relative change of the API calls of the last 30 days against the 30 days before.",
        signed=True,
        window_days=60,
        parts=(total_of("api_calls", 30), total_of("api_calls", 60, 30)),
        value=change,
    ),
    Metric(
        key="api_usage_vs_expected_rate",
        label="API use against expected",
        kind="ratio",
        direction="up",
        description="API and integration calls of the last 30 days divided by the expected number.",
        window_days=30,
        parts=(total_of("api_calls", 30), last_of("expected_api_calls")),
        value=share,
    ),
    Metric(
        key="performance_target_rate",
        label="Requests within target time",
        kind="ratio",
        direction="up",
        description="Share of the customer's requests of the last 30 days answered within the target time.",
        window_days=30,
        parts=(total_of("requests_on_time", 30), total_of("requests", 30)),
        value=share,
    ),
    Metric(
        key="availability_30d",
        label="Availability",
        kind="ratio",
        direction="up",
        description="Mean share of time the product was up for the customer in the last 30 days.",
        window_days=30,
        parts=(mean_of("availability", 30),),
    ),
    Metric(
        key="error_rate_30d",
        label="Error rate",
        kind="ratio",
        direction="down",
        description="Mean share of the customer's requests of the last 30 days that failed.",
        window_days=30,
        parts=(mean_of("error_rate", 30),),
    ),
    Metric(
        key="integration_success_rate",
        label="Integration runs without error",
        kind="ratio",
        direction="up",
        description="Share of integration runs of the last 30 days that ended without an error.",
        window_days=30,
        parts=(total_of("integration_failures", 30), total_of("integration_runs", 30)),
        value=share_without,
    ),
    Metric(
        key="integration_failures_30d",
        label="Integration failures in 30 days",
        kind="count",
        direction="down",
        description="Integration runs of the last 30 days that ended in an error.",
        window_days=30,
        parts=(total_of("integration_failures", 30),),
    ),
    Metric(
        key="data_quality_rate",
        label="Valid records",
        kind="ratio",
        direction="up",
        description="Share of the customer's records that pass validation.",
        window_days=30,
        parts=(mean_of("data_quality", 30),),
    ),
)
