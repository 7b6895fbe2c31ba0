"""What the customer wants to reach."""

from typing import Final

from accounts.ingest.columns import Kind, synonyms_of
from accounts.ingest.feeds.feed import ACCOUNT_ID, Feed, column, own_id
from accounts.models import Goal

KINDS: Final = synonyms_of(
    {
        "goal": "objective, outcome, success goal, business goal",
        "milestone": "success milestone, step, plan item, deliverable",
        "kpi": "indicator, key performance indicator, key result, metric",
        "roi": "return on investment, value, business case",
    }
)

GOALS: Final = Feed(
    "goals",
    "Goals",
    "goal",
    (
        own_id("goal_id", "milestone_id", "objective_id"),
        ACCOUNT_ID,
        column("kind", Kind.CATEGORY, "type", "goal_type", synonyms=KINDS),
        column("title", Kind.TEXT, "name", "goal", "objective", "description"),
        column("unit", Kind.TEXT, "unit_of_measure", max_length=40),
        column("agreed_on", Kind.DATE, "agreed_at", "start_date", "created_at", "created_on"),
        column("due_on", Kind.DATE, "due_date", "target_date", "deadline"),
        column("achieved_on", Kind.DATE, "achieved_at", "completed_on", "completed_at", "done_on"),
        column("baseline", Kind.NUMBER, "start_value", "from_value"),
        column("target", Kind.NUMBER, "target_value", "goal_value", "roi_target"),
        column("actual", Kind.NUMBER, "actual_value", "current_value", "roi_actual", "progress"),
        column("actual_on", Kind.DATE, "measured_on", "updated_on", "updated_at", "as_of"),
    ),
    ("external_id", "account_id"),
    model=Goal,
    note="`actual` is dated `actual_on`, else the day the file is of; a goal without `agreed_on` was "
    "agreed the day it was first told.",
)
