"""Calls, messages, meetings, reviews, trainings, posts."""

from typing import Final

from accounts.ingest.columns import Kind, synonyms_of
from accounts.ingest.feeds.feed import ACCOUNT_ID, Feed, column, own_id
from accounts.models import Activity

KINDS: Final = synonyms_of(
    {
        "call": "phone call, phone, telephone, voice call, calls, outbound call, inbound call",
        "email": "e-mail, mail, message, incoming email, outgoing email, email sent, emails, "
        "incoming_email, forwarded email, linkedin message, letter",
        "meeting": "visit, on-site, onsite, on site visit, video call, video conference, demo, "
        "event, appointment, meetings, kickoff, kick-off, workshop",
        "qbr": "quarterly business review, business review",
        "ebr": "executive business review, executive review, executive meeting, exec review",
        "training": "training session, onboarding session, course, enablement, certification",
        "webinar": "web seminar, online seminar, webcast",
        "check_in": "check in, checkin, touchpoint, touch point, sync, regular call, health check, "
        "cadence call, weekly call, monthly call",
        "community": "community post, forum post, post, comment, forum, contribution, idea",
        "other": "task, to-do, todo, note, sms, whatsapp, activity, none, misc",
    }
)
DIRECTIONS: Final = synonyms_of(
    {
        "out": "outbound, outgoing, sent, from us, us, email outgoing, email",
        "in": "inbound, incoming, received, from customer, customer, reply, incoming email, "
        "incoming_email",
    }
)
OUTCOMES: Final = synonyms_of(
    {
        "attended": "completed, held, done, attended, present, showed, took place, complete",
        "no_show": "no show, no-show, noshow, absent, did not attend, missed, canceled by customer",
        "answered": "connected, replied, responded, reply, reached, conversation, opened and replied",
        "unanswered": "no answer, noanswer, busy, left voicemail, voicemail, left live message, "
        "no reply, no response, wrong number, bounced, not answered",
    }
)

ACTIVITIES: Final = Feed(
    "activities",
    "Activities",
    "activity",
    (
        own_id("activity_id", "task_id", "event_id", "engagement_id", "meeting_id", "call_id"),
        ACCOUNT_ID,
        column(
            "kind",
            Kind.CATEGORY,
            "type",
            "activity_type",
            "engagement_type",
            "task_subtype",
            "channel",
            synonyms=KINDS,
        ),
        column("on", Kind.DATE, "date", "activity_date", "due_date", "day", "occurred_on"),
        column(
            "at",
            Kind.DATETIME,
            "timestamp",
            "occurred_at",
            "start_time",
            "started_at",
            "start",
            "datetime",
            "activity_date_time",
            day_field="on",
        ),
        column("direction", Kind.CATEGORY, "call_type", synonyms=DIRECTIONS),
        column(
            "outcome",
            Kind.CATEGORY,
            "result",
            "call_disposition",
            "disposition",
            "attendance",
            "meeting_outcome",
            synonyms=OUTCOMES,
        ),
        column("sentiment", Kind.SENTIMENT, "sentiment_score", "mood", minimum=-1, maximum=1),
        column(
            "with_executive",
            Kind.YES_NO,
            "executive",
            "executive_present",
            "executive_attended",
            "with_exec",
        ),
        column("topic", Kind.TEXT, "theme", "reason", max_length=40),
        column("subject", Kind.TEXT, "title", "name", "summary", "description"),
        column("invited", Kind.COUNT, "invitees", "number_invited", minimum=0),
        column("attended", Kind.COUNT, "attendees", "number_attended", "participants", minimum=0),
        column("contact_id", Kind.ID, "who_id", "contact", "person_id", max_length=120),
    ),
    ("account_id", "kind"),
    (("on", "at"),),
    natural=("kind", "on", "at", "subject", "contact_id"),
    model=Activity,
    note="Without an id a row is found again by account, kind, time, subject and contact.",
)
