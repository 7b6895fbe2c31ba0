"""The playbooks that ship: all of them there, each of them readable, doable and measurable."""

from itertools import product
from pathlib import Path

import pytest
import yaml

from accounts.models import LifecycleStage, SizeSegment
from csm.demo.companies import INDUSTRIES
from playbooks.models import Playbook, StepRole, TargetKind
from playbooks.rules import Rule
from playbooks.services.triggers import read_library
from scoring.metrics.catalogue import CATALOGUE

FOLDER = Path(__file__).parents[2] / "playbooks" / "library" / "playbooks"
BOOK = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
KEYS = {"key", "name", "kind", "purpose", "applies", "cadence", "owner_roles", "target_days"}
KEYS |= {"exit_rule", "exit_days", "steps", "kpis"}
APPLIES = {"triggers", "tones", "sizes", "industries", "lifecycle"}
APPLIES_DAYS = {"renewal_within_days", "new_within_days"}
STEP = {"title", "guidance", "role", "offset_days", "before_renewal_days", "blocks"}
STEP |= {"needs_approval"}
TRIGGERS = [
    "score-drop",
    "component-red",
    "multiple-down",
    "milestone-missed",
    "emergency",
    "login-decline",
    "executive-silent",
    "severity-rising",
    "repeat-issue",
    "ticket-spike",
    "negative-sentiment",
    "adoption-stalled",
    "core-usage-down",
    "usage-drop",
    "qbr-missed",
    "unresponsive",
    "training-no-show",
    "champion-lost",
    "sponsor-changed",
    "dormant",
    "thin-contacts",
    "pipeline-stalled",
    "renewal-slipping",
    "nps-falling",
    "escalations-up",
    "renewal-risk",
    "payment-late",
    "ready-to-expand",
]
ALLOWED = {
    "triggers": set(TRIGGERS),
    "tones": {"good", "fair", "poor"},
    "sizes": set(SizeSegment.values) - {""},
    "industries": set(INDUSTRIES) - {""},
    "lifecycle": set(LifecycleStage.values) - {"", "Churned"},
}
ANSWERS = {
    "declining-usage": {"outreach": "Call", "technical": "technical cause", "training": "training"},
    "lost-champion": {"new": "new champion", "executive": "Executive", "map": "stakeholder map"},
    "poor-sentiment": {"service": "service", "manager": "manager", "monitor": "Monitor"},
    "dormant-rescue": {},
    "contact-enrichment": {},
    "pipeline-review": {"executive": "executive review"},
    "missed-qbr": {},
    "payment-risk": {},
    "renewal-countdown": {},
    "support-recovery": {},
    "executive-rescue": {"48": "48 hours", "cause": "seven days"},
    "onboarding-90": {},
    "qbr-cycle": {},
    "adoption-plan": {},
    "expansion": {},
    "advocacy": {},
    "beta-access": {},
}
# Key → cadence and the roles of its owners.
STRATEGIES = {
    "high-small": ("Quarterly check-in, scaled webinars", ["scaled_csm", "marketing"]),
    "high-mid": ("Quarterly executive business review, sponsor twice a year", ["csm", "solutions"]),
    "high-large": (
        "Steering every two months, quarterly executive business review",
        ["csm", "account_director", "solutions"],
    ),
    "medium-small": ("Monthly touches", ["scaled_csm", "marketing"]),
    "medium-mid": ("Monthly meetings, adoption KPIs", ["csm", "account_director"]),
    "medium-large": (
        "Two-weekly sessions, quarterly executive business review",
        ["csm", "professional_services", "executive_sponsor"],
    ),
    "low-small": (
        "Weekly outreach, 30-day rescue",
        ["renewal_desk", "scaled_csm", "support_lead"],
    ),
    "low-mid": ("Weekly review, 60–90-day turnaround", ["csm", "manager", "support_lead"]),
    "low-large": (
        "Weekly steering, milestone tracking, risk register",
        ["account_director", "csm", "executive_sponsor"],
    ),
}
# Industry → sizes, and the KPIs of its kit.
KITS = {
    "Manufacturing": (
        ["Small Business", "Mid-Market"],
        [
            ("days_since_last_activity", {"at_most": 10}),
            ("total_activities_30d", {"change": 1.0}),
            ("total_contacts", {"change": 0.25}),
        ],
    ),
    "Healthcare": (
        ["Small Business"],
        [
            ("current_pipeline_amount", {"change": 0.3}),
            ("contacts_with_email", {"change": 0.2}),
            ("total_activities_30d", {"change": 1.0}),
        ],
    ),
    "Technology": (
        ["Small Business"],
        [
            ("total_activities_30d", {"change": 0.5}),
            ("total_contacts", {"change": 0.25}),
            ("win_rate_365d", {"change": 0.05}),
        ],
    ),
    "Financial Services": (
        ["Mid-Market"],
        [("days_since_last_activity", {"change": -0.3}), ("win_rate_365d", {"change": 0.4})],
    ),
}


@pytest.mark.parametrize("key", BOOK)
def test_a_playbook_names_only_what_exists(key):
    book = BOOK[key]

    assert set(book) == KEYS
    assert book["key"] == key
    assert book["kind"] in Playbook.Kind.values
    assert len(book["name"]) <= 120
    assert len(book["cadence"]) <= 255
    assert len(book["purpose"]) >= 80
    assert book["applies"], "it would be recommended nowhere"
    assert set(book["applies"]) <= APPLIES | APPLIES_DAYS
    for part in set(book["applies"]) & APPLIES:
        assert set(book["applies"][part]) <= ALLOWED[part]
    assert set(book["owner_roles"]) <= set(StepRole.values)
    assert book["owner_roles"]
    for kpi in book["kpis"]:
        assert kpi["metric"] == "score" or kpi["metric"] in CATALOGUE
        ((kind, value),) = kpi["target"].items()
        assert kind in TargetKind.values
        assert isinstance(value, int | float)
        assert kpi.get("due_days", 1) >= 1


@pytest.mark.parametrize("key", BOOK)
def test_a_playbook_ends_by_a_rule_that_can_be_read_and_met(key):
    book = BOOK[key]
    if book["exit_rule"]:
        Rule.parse(book["exit_rule"])
        assert book["exit_days"] >= 1
    else:
        assert book["kind"] in ("strategy", "lifecycle", "cadence"), "a remedy needs an exit test"


@pytest.mark.parametrize("key", BOOK)
def test_every_step_tells_somebody_what_to_do_within_the_time(key):
    book = BOOK[key]
    steps = book["steps"]

    assert len(steps) >= 4
    assert len({step["title"].lower() for step in steps}) == len(steps)
    for step in steps:
        assert set(step) <= STEP
        assert step["role"] in StepRole.values
        assert len(step["title"]) <= 160
        assert len(step["guidance"]) >= 80
        assert "Done when" in step["guidance"], step["title"]
        # Offsets count business days, the target calendar days.
        assert step["offset_days"] * 7 / 5 <= book["target_days"], step["title"]


def test_guidance_is_written_once():
    texts = [step["guidance"] for book in BOOK.values() for step in book["steps"]]

    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("key", ANSWERS)
def test_the_library_has_the_playbook(key):
    book = BOOK[key]
    words = " ".join([book["purpose"], *(s["title"] + " " + s["guidance"] for s in book["steps"])])

    for needed in ANSWERS[key].values():
        assert needed.lower() in words.lower()


def test_every_trigger_has_an_answer():
    answered = {key for book in BOOK.values() for key in book["applies"].get("triggers", [])}

    assert answered == set(TRIGGERS)


@pytest.mark.parametrize("trigger", read_library(), ids=lambda trigger: trigger["key"])
def test_a_trigger_starts_the_playbook_that_names_it(trigger):
    assert trigger["key"] in BOOK[trigger["playbook"]]["applies"]["triggers"]


def test_the_renewal_counts_down():
    steps = BOOK["renewal-countdown"]["steps"]

    assert [step["before_renewal_days"] for step in steps] == [180, 120, 90, 60, 30]
    assert BOOK["renewal-countdown"]["applies"] == {"renewal_within_days": 180}


@pytest.mark.parametrize("key", STRATEGIES)
def test_a_strategy_has_the_rhythm_and_the_owners_of_its_cell(key):
    book = BOOK[f"strategy-{key}"]

    assert (book["cadence"], book["owner_roles"]) == STRATEGIES[key]


def test_the_nine_strategies_cover_every_band_and_size_once():
    cells = [
        cell
        for key in STRATEGIES
        for cell in product(*[BOOK[f"strategy-{key}"]["applies"][p] for p in ("tones", "sizes")])
    ]

    assert sorted(cells) == sorted(product(ALLOWED["tones"], ALLOWED["sizes"]))


@pytest.mark.parametrize("industry", KITS)
def test_an_industry_kit_measures_what_its_industry_asks_for(industry):
    (kit,) = [
        book
        for book in BOOK.values()
        if book["kind"] == "industry" and book["applies"]["industries"] == [industry]
    ]
    sizes, kpis = KITS[industry]

    assert kit["applies"]["sizes"] == sizes
    assert [(kpi["metric"], kpi["target"]) for kpi in kit["kpis"]] == kpis


def test_onboarding_promises_first_value_in_a_month_and_nearly_all_milestones():
    promised = {
        (k["metric"], k["due_days"], *k["target"].items()) for k in BOOK["onboarding-90"]["kpis"]
    }

    assert ("core_actions_30d", 30, ("at_least", 1)) in promised
    assert ("milestone_completion_rate", 90, ("at_least", 0.85)) in promised


def test_bands_have_their_cadence():
    assert {
        tuple(book["applies"]["tones"]): book["cadence"]
        for book in BOOK.values()
        if book["kind"] == "cadence"
    } == {("good",): "Quarterly", ("fair",): "Monthly", ("poor",): "Weekly"}
