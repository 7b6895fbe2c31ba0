"""What the demo's colleagues write."""

SNOOZES = (
    "Year-end close there: nobody logs in before it is over",
    "Their new sponsor starts soon; a call is booked",
    "Known outage on our side, being mended",
)
NO_RISKS = (
    "Public holidays in their region",
    "A test account of theirs fell silent, the real one is busy",
    "They moved to the API: log-ins fall, use does not",
)
CAUSES: tuple[tuple[str, str], ...] = (
    ("adoption", "Two of five teams were never trained and went back to spreadsheets."),
    ("relationship", "Our champion moved on and the successor had not chosen us."),
    ("support", "Three imports failed in a month; tickets were answered late."),
    ("value", "Nobody had told the finance side what they get for the money."),
    ("organisation", "A merger: two departments are being put together until spring."),
    ("product", "The report they bought us for misses a split by region."),
    ("price", "Budgets were cut by a tenth across the board."),
)
NOTES = (
    "Spoke with their operations lead: use is back in two teams, the third waits for single sign-on.",
    "Sent the training plan. They want **recordings** as well as live sessions.",
    "Sponsor confirmed the review date. Agenda:\n\n- what was reached\n- what is open\n- next quarter",
    "No answer for a week. @{colleague}, do you know somebody else over there?",
    "Support closed the oldest ticket; told them the same day.",
)
PROMISES = (
    "Send the comparison of use by department",
    "Tell them when the new import is out",
    "Two training sessions at no charge",
)
RISKS: tuple[tuple[str, int, int, str], ...] = (
    ("Champion leaves before the renewal", 3, 5, "Win a second sponsor in operations."),
    (
        "A competitor's pilot runs until month end",
        2,
        4,
        "Agree on success criteria with them first.",
    ),
    ("Data migration slips again", 4, 3, "Solutions joins the weekly call."),
)
CLOSINGS = {
    "improved": "Better than at the start; the rest goes on in the usual rhythm.",
    "no_change": "Nothing we tried moved it. Reviewed with the manager.",
    "cancelled": "Overtaken by events: the project at the customer was stopped.",
}
BY_HAND = "Executive recovery plan"
ISSUE = "Use fell in three departments within a month and the sponsor asked whether to renew."
OBJECTIVES = (
    "Three departments active again, a sponsor who says so, and a signed date for the next review."
)
