"""The customer's people."""

from typing import Final

from accounts.ingest.columns import Kind
from accounts.ingest.feeds.feed import ACCOUNT_ID, UPDATED_ON, Feed, column, own_id
from accounts.models import Contact

CONTACTS: Final = Feed(
    "contacts",
    "Contacts",
    "contact",
    (
        own_id("contact_id", "person_id", "contact_external_id"),
        ACCOUNT_ID,
        column("name", Kind.TEXT, "contact_name", "full_name", "contact"),
        column("first_name", Kind.TEXT, "given_name", "firstname", max_length=120),
        column("last_name", Kind.TEXT, "surname", "family_name", max_length=120),
        column("email", Kind.TEXT, "e_mail_address", "email_address", "mail", max_length=254),
        column("phone", Kind.TEXT, "phone_number", "telephone", "mobile", max_length=60),
        column("title", Kind.TEXT, "job_title", "position", max_length=160),
        column("role", Kind.TEXT, "contact_role", "buying_role", "persona", max_length=80),
        column("is_champion", Kind.YES_NO, "champion"),
        column(
            "is_executive_sponsor",
            Kind.YES_NO,
            "executive_sponsor",
            "exec_sponsor",
            "is_sponsor",
            "sponsor",
        ),
        column("is_stakeholder", Kind.YES_NO, "stakeholder", "key_stakeholder", "key_contact"),
        column("known_on", Kind.DATE, "created_date", "created_at", "created_on", "create_date"),
        column("left_on", Kind.DATE, "left_company_on", "departed_on", "deactivated_on"),
        column(
            "last_active_on",
            Kind.DATE,
            "last_active",
            "last_activity_date",
            "last_activity",
            "last_seen",
            "last_login",
            "last_login_at",
        ),
        column("merged_ids", Kind.IDS, "merged_record_ids", max_length=120),
        UPDATED_ON,
    ),
    ("external_id", "account_id"),
    model=Contact,
    note="What changed of a person is dated `updated_on`, else the day the file is of.",
)
