"""Questions sent to customers' people, and their answers."""

from typing import Final

from accounts.ingest.columns import Kind, synonyms_of
from accounts.ingest.feeds.feed import ACCOUNT_ID, Feed, column, own_id
from accounts.models import Survey

KINDS: Final = synonyms_of(
    {
        "nps": "net promoter score, net promoter, nps survey, promoter",
        "csat": "customer satisfaction, satisfaction, csat survey",
        "effort": "ces, customer effort, customer effort score, effort score",
    }
)

SURVEYS: Final = Feed(
    "surveys",
    "Surveys",
    "survey",
    (
        own_id("survey_id", "response_id", "survey_response_id"),
        ACCOUNT_ID,
        column("kind", Kind.CATEGORY, "type", "survey_type", "survey", synonyms=KINDS),
        column("sent_on", Kind.DATE, "sent_at", "sent_date", "date", "survey_date", "sent"),
        column(
            "answered_on",
            Kind.DATE,
            "answered_at",
            "responded_at",
            "responded_on",
            "response_date",
            "submitted_at",
        ),
        column("score", Kind.SCORE, "rating", "answer", "value", minimum=0, maximum=10),
        column("comment", Kind.TEXT, "feedback", "verbatim", "comments", max_length=10_000),
        column("contact_id", Kind.ID, "contact", "person_id", "respondent_id", max_length=120),
    ),
    ("account_id", "kind"),
    (("sent_on", "answered_on"),),
    natural=("kind", "sent_on", "contact_id"),
    model=Survey,
    note="NPS 0 to 10, CSAT 1 to 5, effort 1 to 7 (7 is easiest). Without a score it is unanswered.",
)
