"""Every page of the workbench with an address to try it at; the promises test keeps it complete."""

from django.urls import reverse

from accounts.models import Account
from scoring.models import ScoreRun


def pages(account: Account, run: ScoreRun) -> dict[str, str]:
    """Addresses people look at, by a name for the test's report."""
    one = {"pk": account.pk}
    return {
        "home": reverse("home") + "?scope=all",
        "portfolio": reverse("portfolio") + "?scope=all",
        "portfolio filtered": reverse("portfolio") + "?scope=all&band=Low&sort=-score&q=pots",
        "portfolio without a hit": reverse("portfolio") + "?scope=all&q=nothing-like-it",
        "at risk": reverse("at_risk") + "?scope=all",
        "account": reverse("account", kwargs=one),
        "account health": reverse("account_health", kwargs=one),
        "account timeline": reverse("account_timeline", kwargs=one),
        "account usage": reverse("account_usage", kwargs=one),
        "account contacts": reverse("account_facts", kwargs=one | {"tab": "contacts"}),
        "account support": reverse("account_facts", kwargs=one | {"tab": "support"}),
        "account contracts": reverse("account_facts", kwargs=one | {"tab": "contracts"}),
        "account commercial": reverse("account_facts", kwargs=one | {"tab": "commercial"}),
        "account outcomes": reverse("account_facts", kwargs=one | {"tab": "outcomes"}),
        "insights": reverse("insights") + "?scope=all",
        "scorecards": reverse("scorecards"),
        "scorecard": reverse("scorecard", kwargs={"key": "crm-engagement"}),
        "metrics": reverse("metrics"),
        "metrics filtered": reverse("metrics") + "?q=ticket&state=missing",
        "metric": reverse("metric", kwargs={"key": "total_contacts"}),
        "nights": reverse("nights"),
        "night": reverse("night", kwargs={"pk": run.pk}),
        "effect": reverse("effect"),
        "effect by trigger": reverse("effect") + "?by=triggers&after=30",
        "search": reverse("search") + "?q=a",
        "password": reverse("password_change"),
        "tokens": reverse("tokens"),
    }


def admin_pages() -> dict[str, str]:
    """Addresses only admins find, by a name for the test's report; others get 404."""
    return {
        "imports": reverse("imports"),
        "imports without a hit": reverse("imports") + "?state=failed",
        "import a file": reverse("import_new"),
        "events": reverse("events"),
        "write keys": reverse("event_keys"),
        "event rule": reverse("event_rule_new") + "?event=Signed+In",
        "data quality": reverse("quality"),
        "sources": reverse("quality_sources"),
        "quarantine": reverse("quality_quarantine"),
        "look-alikes": reverse("quality_duplicates"),
        "contradictions": reverse("quality_contradictions"),
        "a contradiction": reverse("quality_contradiction", kwargs={"key": "arr-differs"}),
        "accounts without owner": reverse("quality_unowned"),
    }
