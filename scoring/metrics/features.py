"""Which parts of the product are used, and which were taken up lately."""

from scoring.metrics.arithmetic import share_at_most_one
from scoring.metrics.facts import Part, Table
from scoring.metrics.metric import Metric
from scoring.metrics.usage import last_of

# A feature not used for so long counts as new when it is used again.
_DAYS = 400

# First and last use of each feature of an account.
_USES = Table(
    "accounts_featureuse",
    feed="features",
    on="on",
    windowed=True,
    by="f.feature_id",
    fold='MIN(f."on") AS first, MAX(f."on") AS last',
)
_USED = Part(_USES, "COUNT(*) FILTER (WHERE f.last > $d30)", days=30, reach=_DAYS, counts=True)

METRICS = (
    Metric(
        key="feature_utilisation_rate",
        label="Feature utilisation rate",
        kind="ratio",
        direction="up",
        description="Share of the features the contract includes that were used in the last 30 days.",
        window_days=30,
        parts=(_USED, last_of("features_included")),
        value=share_at_most_one,
    ),
    Metric(
        key="features_used_30d",
        label="Features used in 30 days",
        kind="count",
        direction="up",
        description="Different features used in the last 30 days.",
        window_days=30,
        parts=(_USED,),
    ),
    Metric(
        key="core_features_used_30d",
        label="Core features used in 30 days",
        kind="count",
        direction="up",
        description="Different features marked as core that were used in the last 30 days.",
        window_days=30,
        parts=(
            Part(
                _USES,
                "COUNT(*) FILTER (WHERE f.last > $d30 AND f.feature_id IN "
                "(SELECT c.id FROM accounts_feature c WHERE c.is_core))",
                days=30,
                reach=_DAYS,
                counts=True,
            ),
        ),
    ),
    Metric(
        key="features_adopted_60d",
        label="Features adopted in 60 days",
        kind="count",
        direction="up",
        description="Features first used in the last 60 days; one not used for 400 days counts as new again.",
        window_days=60,
        parts=(
            Part(
                _USES,
                "COUNT(*) FILTER (WHERE f.first > $d60)",
                days=60,
                reach=_DAYS,
                counts=True,
            ),
        ),
    ),
    Metric(
        key="days_since_new_feature",
        label="Days since a new feature",
        kind="days",
        direction="down",
        description="Whole days since the account first used a feature it had not used for 400 days.",
        parts=(Part(_USES, "$ago[MAX(f.first)]", days=_DAYS),),
    ),
)
