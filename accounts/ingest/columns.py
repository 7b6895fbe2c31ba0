"""Every column a flat file may carry, and how its header is recognised.

Headers are compared without case, spaces and punctuation: `Account ID`, `account_id` and `ACCOUNTID`
are one. Metric keys are those of the metric catalogue; a test holds the two lists together, since this
layer may not look up at it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """How a cell is read. Counts to scores are numbers; the rest are attributes of other types.

    YES_NO gives a bool. DATETIME gives `(day, moment)`: the day in the book's time zone, and the moment with
    its zone or None where the cell holds a day only. MINUTES and HOURS give whole minutes. SENTIMENT gives
    −1 to 1, from a number or a word. SLUG gives a key: letters, digits, `_` and `-`, in lower case. VALUE
    stays text until it is known what it is a value of. IDS gives a list of ids; an ID cell with several,
    "1;2", gives the first, with the others in its `others`.
    """

    COUNT = "count"
    DAYS = "days"
    MONEY = "money"
    RATIO = "ratio"
    PERCENT = "percent"
    NUMBER = "number"
    SCORE = "score"
    CATEGORY = "category"
    AMOUNT = "amount"
    CURRENCY = "currency"
    DATE = "date"
    DATETIME = "datetime"
    HOURS = "hours"
    ID = "id"
    IDS = "ids"
    MINUTES = "minutes"
    OWNER = "owner"
    SENTIMENT = "sentiment"
    SLUG = "slug"
    TAGS = "tags"
    TEAM = "team"
    TEXT = "text"
    VALUE = "value"
    YES_NO = "yes_no"


@dataclass(frozen=True, slots=True)
class Column:
    """One thing a file can say.

    `target` is its name in a mapping file: an attribute, or a prefix (`metric:`, `custom:`, `measure:`) and
    a key. `field` is where it is kept: the model field, or the key in a reading. `day_field` keeps the day
    of a DATETIME. Bounds are inclusive; `synonyms` maps a folded spelling to the accepted value.
    """

    target: str
    field: str
    kind: Kind
    aliases: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int = 255
    synonyms: tuple[tuple[str, str], ...] = ()
    day_field: str = ""

    @property
    def is_metric(self) -> bool:
        return self.target.startswith(METRIC_PREFIX)

    @property
    def spellings(self) -> tuple[str, ...]:
        """What a header for it may be called, its own name first."""
        own = self.target
        for prefix in PREFIXES:
            own = own.removeprefix(prefix)
        return (own, *self.aliases)

    @property
    def accepted(self) -> list[str]:
        """Accepted values of a category, in their order, without the unknown one."""
        return list(dict.fromkeys(value for _, value in self.synonyms if value))


METRIC_PREFIX: Final = "metric:"
CUSTOM_PREFIX: Final = "custom:"
MEASURE_PREFIX: Final = "measure:"
PREFIXES: Final = (METRIC_PREFIX, CUSTOM_PREFIX, MEASURE_PREFIX)
KEY: Final = "external_id"
ACCOUNT: Final = "account_id"
AS_OF: Final = "as_of"
CURRENCY: Final = "currency"
IGNORE: Final = "ignore"


def fold(text: str) -> str:
    """`text` without case, spaces and punctuation; what headers and category values are compared by."""
    return re.sub(r"[\W_]+", "", text.casefold())


def synonyms_of(accepted: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """`{value: "other, spellings"}` as folded spelling and value; an explicit "unknown" is the empty value."""
    return (
        *(
            (fold(spelling), value)
            for value, spellings in accepted.items()
            for spelling in (value, *filter(None, spellings.split(",")))
        ),
        ("unknown", ""),
        ("notset", ""),
    )


SIZE_SEGMENTS: Final = synonyms_of(
    {
        "Enterprise": "ENT, enterprises, large enterprise",
        "Large": "large business, LB, large company, corporate",
        "Mid-Market": "MM, mid, midsize, medium, medium business",
        "Small Business": "SMB, SB, small, small and medium business, small company",
    }
)
LIFECYCLE_STAGES: Final = synonyms_of(
    {
        "Onboarding": "implementation, onboard",
        "Adoption": "adopting, adopted, live",
        "Growth": "growing, expansion",
        "Renewal": "renewing, in renewal",
        "Churned": "churn, lost, cancelled, canceled, former customer",
    }
)
LIKELIHOODS: Final = synonyms_of(
    {
        "Very likely": "very high",
        "Likely": "high",
        "Unsure": "medium, undecided, uncertain",
        "Unlikely": "low",
        "Lost": "",
    }
)


def _attribute(
    name: str,
    kind: Kind,
    *aliases: str,
    field: str = "",
    minimum: float | None = None,
    max_length: int = 255,
    synonyms: tuple[tuple[str, str], ...] = (),
) -> Column:
    return Column(
        target=name,
        field=field or name,
        kind=kind,
        aliases=aliases,
        minimum=minimum,
        max_length=max_length,
        synonyms=synonyms,
    )


ATTRIBUTES: Final = (
    _attribute(
        KEY, Kind.ID, "account_id", "id", "customer_id", "company_id", "record_id", max_length=80
    ),
    _attribute(
        "name",
        Kind.TEXT,
        "account_name",
        "account",
        "customer_name",
        "customer",
        "company_name",
        "company",
    ),
    _attribute(
        "industry", Kind.TEXT, "industry_normalized", "industry_normalised", "sector", max_length=80
    ),
    _attribute(
        "size_segment",
        Kind.CATEGORY,
        "account_size_segment",
        "company_size",
        "segment_size",
        "size",
        synonyms=SIZE_SEGMENTS,
    ),
    _attribute("account_type", Kind.TEXT, "type", "customer_type", max_length=40),
    _attribute("country", Kind.TEXT, "billing_country", "country_name", max_length=80),
    _attribute(
        "lifecycle_stage",
        Kind.CATEGORY,
        "stage",
        "lifecycle",
        "customer_stage",
        synonyms=LIFECYCLE_STAGES,
    ),
    _attribute("customer_since", Kind.DATE, "start_date", "contract_start", "contract_start_date"),
    _attribute("churned_on", Kind.DATE, "churn_date", "churned_at", "cancelled_on"),
    _attribute("churn_reason", Kind.TEXT, "cancellation_reason", max_length=120),
    _attribute("churn_flag", Kind.YES_NO, "churned", "is_churned", "has_churned", "churn"),
    _attribute("last_touch_on", Kind.DATE, "last_touch", "last_contact", "last_contacted_on"),
    _attribute(
        "renewal_on", Kind.DATE, "renewal_date", "renewal", "contract_end", "contract_end_date"
    ),
    _attribute(
        "arr",
        Kind.AMOUNT,
        "arr_amount",
        "annual_recurring_revenue",
        "current_arr",
        field="arr_amount",
        minimum=0,
    ),
    _attribute(CURRENCY, Kind.CURRENCY, "currency_code", "currency_iso_code"),
    _attribute(
        "owner",
        Kind.OWNER,
        "csm",
        "account_owner",
        "owner_email",
        "csm_email",
        "account_manager",
        field="owner_id",
    ),
    _attribute("team", Kind.TEAM, "team_name", "csm_team", field="team_id"),
    _attribute("tags", Kind.TAGS, "labels", "tag"),
    _attribute(
        "parent_id",
        Kind.ID,
        "parent",
        "parent_account_id",
        "parent_company_id",
        "parent_customer_id",
        field="parent_id",
        max_length=80,
    ),
    _attribute("merged_ids", Kind.IDS, "merged_record_ids", "aliases", max_length=80),
    _attribute(AS_OF, Kind.DATE, "date", "snapshot_date", "as_of_date", "reading_date"),
)


def _metric(
    key: str,
    kind: Kind,
    *aliases: str,
    minimum: float | None = 0,
    maximum: float | None = None,
    synonyms: tuple[tuple[str, str], ...] = (),
) -> Column:
    return Column(
        target=f"{METRIC_PREFIX}{key}",
        field=key,
        kind=kind,
        aliases=aliases,
        minimum=minimum,
        maximum=maximum,
        synonyms=synonyms,
    )


# A ratio with maximum 1 is a share of a whole; one without may pass it (achieved against expected).
METRICS: Final = (
    _metric("total_activities_30d", Kind.COUNT, "activities_30d", "activities_last_30_days"),
    _metric("days_since_last_activity", Kind.DAYS, "days_since_activity", "days_inactive"),
    _metric("contacts_with_email", Kind.COUNT, "email_contacts", "contacts_with_e_mail"),
    _metric("total_contacts", Kind.COUNT, "contacts", "contact_count", "number_of_contacts"),
    _metric("annual_revenue", Kind.MONEY, "yearly_revenue", "company_revenue"),
    _metric("total_won_amount", Kind.MONEY, "won_amount", "closed_won_amount", "total_won"),
    _metric(
        "number_of_employees",
        Kind.COUNT,
        "employees",
        "employee_count",
        "num_employees",
        "no_of_employees",
        "headcount",
    ),
    _metric("current_pipeline_amount", Kind.MONEY, "pipeline_amount", "open_pipeline", "pipeline"),
    _metric("feature_utilisation_rate", Kind.RATIO, "feature_utilization_rate", maximum=1),
    _metric("dashboards_per_user", Kind.NUMBER),
    _metric("logins_per_user_month", Kind.NUMBER, "logins_per_user_per_month"),
    _metric("data_source_connections", Kind.COUNT, "data_sources"),
    _metric("tickets_month", Kind.COUNT, "tickets_per_month", "tickets_30d"),
    _metric("critical_ticket_share", Kind.RATIO, "critical_severity_share", maximum=1),
    _metric("outreach_response_rate", Kind.RATIO, maximum=1),
    _metric("training_attendance_rate", Kind.RATIO, "webinar_attendance_rate", maximum=1),
    _metric("knowledge_base_views_month", Kind.COUNT, "kb_views_month", "knowledge_base_views"),
    _metric("roi_achieved_rate", Kind.RATIO, "roi_achieved", minimum=None),
    _metric("outcome_tracking_rate", Kind.RATIO, maximum=1),
    _metric("milestone_completion_rate", Kind.RATIO, maximum=1),
    _metric("executive_engagement_rate", Kind.RATIO, maximum=1),
    _metric("performance_target_rate", Kind.RATIO, maximum=1),
    _metric("integration_success_rate", Kind.RATIO, maximum=1),
    _metric("data_quality_rate", Kind.RATIO, maximum=1),
    _metric("api_usage_vs_expected_rate", Kind.RATIO, "api_usage_vs_expected"),
    _metric("csm_interactions_month", Kind.COUNT, "csm_interactions"),
    _metric("meeting_participation_rate", Kind.RATIO, maximum=1),
    _metric("feedback_participation_rate", Kind.RATIO, maximum=1),
    _metric("renewal_discussions_180d", Kind.COUNT, "renewal_discussions"),
    _metric(
        "daily_active_vs_expected_rate", Kind.RATIO, "daily_active_vs_expected", "dau_vs_expected"
    ),
    _metric("active_seat_rate", Kind.RATIO, "seat_utilisation", "seat_utilization", maximum=1),
    _metric("core_actions_per_user_month", Kind.NUMBER),
    _metric("ticket_sentiment_score", Kind.SCORE, "ticket_sentiment", minimum=-1, maximum=1),
    _metric("community_contributions_90d", Kind.COUNT, "community_contributions"),
    _metric("goal_achievement_rate", Kind.RATIO, maximum=1),
    _metric("kpi_improvement_rate", Kind.RATIO, maximum=1),
    _metric("champion_contacts", Kind.COUNT, "champions"),
    _metric("stakeholders_engaged", Kind.COUNT),
    _metric("stakeholders_identified", Kind.COUNT),
    _metric("nps_score", Kind.SCORE, "nps", minimum=-100, maximum=100),
    _metric("csat_score", Kind.SCORE, "csat", minimum=1, maximum=5),
    _metric("invoices_paid_on_time_rate", Kind.RATIO, "paid_on_time_rate", maximum=1),
    _metric("contract_value_change_rate", Kind.RATIO, minimum=None),
    _metric("expansion_opportunity_rate", Kind.RATIO),
    _metric("renewal_likelihood", Kind.CATEGORY, synonyms=LIKELIHOODS),
)

COLUMNS: Final = {column.target: column for column in (*ATTRIBUTES, *METRICS)}

_BY_HEADER: Final = {
    fold(spelling): column
    for column in COLUMNS.values()
    for spelling in (column.target, column.target.removeprefix(METRIC_PREFIX), *column.aliases)
}

# The source system's verdict on the account. Scoring it would be scoring somebody else's score.
_SOURCE_SCORE: Final = re.compile(
    r"(customer|account|client|overall|total|company)*(health|risk|healthrisk|churn(?=risk|score|level|pr|like))"
    r"(score|level|status|grade|index|band|category|colou?r|rating|segment|flag|prediction|probability"
    r"|likelihood|tier|risk)*"
)


def column_for(header: str) -> Column | None:
    """The column a header names under the generic aliases, or None."""
    return _BY_HEADER.get(fold(header))


def is_source_score(header: str) -> bool:
    """Whether `header` holds the source's own health score or risk level, which is never an input."""
    return _SOURCE_SCORE.fullmatch(fold(header)) is not None


def accepted_headers(target: str) -> list[str]:
    """What a header for `target` may be called."""
    column = COLUMNS[target]
    return [column.target.removeprefix(METRIC_PREFIX), *column.aliases]
