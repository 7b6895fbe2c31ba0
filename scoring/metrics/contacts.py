"""The customer's people we know."""

from scoring.metrics.metric import Metric

METRICS = (
    Metric(
        key="contacts_with_email",
        label="Contacts with e-mail",
        kind="count",
        direction="up",
        description="Contacts of the account that have an e-mail address.",
    ),
    Metric(
        key="total_contacts",
        label="Contacts",
        kind="count",
        direction="up",
        description="Contacts of the account.",
    ),
    Metric(
        key="champion_contacts",
        label="Champions",
        kind="count",
        direction="up",
        description="Contacts marked as champion and still with the customer.",
    ),
    Metric(
        key="stakeholders_engaged",
        label="Stakeholders engaged",
        kind="count",
        direction="up",
        description="Identified stakeholders with a conversation in the last 90 days (numerator).",
        window_days=90,
    ),
    Metric(
        key="stakeholders_identified",
        label="Stakeholders identified",
        kind="count",
        direction="up",
        description="Contacts marked as stakeholder (denominator; 0 means missing).",
    ),
)
