"""Values of measures by day, and features used."""

from typing import Final

from accounts.ingest.columns import MEASURE_PREFIX, Kind
from accounts.ingest.feeds.feed import ACCOUNT_ID, Feed, column, own_id
from accounts.measures import BUILT_IN
from accounts.models import FeatureUse

DAY: Final = column(
    "on", Kind.DATE, "date", "day", "usage_date", "at", "timestamp", "as_of", "period", "month"
)

USAGE: Final = Feed(
    "usage",
    "Usage",
    "usage value",
    (
        ACCOUNT_ID,
        DAY,
        column("measure", Kind.SLUG, "usage_measure", "event", "metric", "key", max_length=60),
        column("value", Kind.NUMBER, "count", "amount", "quantity", "total"),
        *(column(f"{MEASURE_PREFIX}{key}", Kind.NUMBER, field=key, minimum=0) for key in BUILT_IN),
    ),
    ("account_id", "on"),
    (("measure", *(f"{MEASURE_PREFIX}{key}" for key in BUILT_IN)),),
    prefixes=(MEASURE_PREFIX,),
    note="Long: one row per account, day and measure. Wide: one row per account and day, one column per "
    "measure. A value is found again by account, day, measure and source.",
)

FEATURES: Final = Feed(
    "features",
    "Features used",
    "feature use",
    (
        own_id("feature_use_id"),
        ACCOUNT_ID,
        column("feature", Kind.SLUG, "feature_key", "feature_name", "module", max_length=80),
        column("feature_label", Kind.TEXT, "feature_title", max_length=120),
        column("is_core", Kind.YES_NO, "core", "core_feature"),
        column("on", Kind.DATE, "date", "day", "used_on", "usage_date", "used_at"),
        column(
            "first_used_on", Kind.DATE, "first_use", "first_used", "first_used_at", "adopted_on"
        ),
        column("last_used_on", Kind.DATE, "last_use", "last_used", "last_used_at"),
        column("uses", Kind.COUNT, "count", "times", "usage_count", minimum=0),
    ),
    ("account_id", "feature"),
    (("on", "first_used_on", "last_used_on"),),
    natural=("feature", "on"),
    model=FeatureUse,
    note="One row per account, feature and day, or with the days of first and last use.",
)
