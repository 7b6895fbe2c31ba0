"""The 10,000 accounts whose published figures are known, from the file to the report."""

import csv
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import transaction

from scoring.models import ScoreRun
from tests.csm.portfolio import reference

FILE = Path(__file__).resolve().parents[3] / "shared/data/crm-accounts/accounts.csv"
DAY = "2026-11-20"
pytestmark = pytest.mark.skipif(
    not FILE.exists(), reason=f"{FILE.name} of crm-accounts is not here"
)

# As published, in per cent; the cells of NOTES.md by name, all others against the plain formulas.
RATES = {
    ("Manufacturing", "Small Business"): 100,
    ("Manufacturing", "Mid-Market"): 100,
    ("Healthcare", "Small Business"): 83.3,
    ("Technology", "Small Business"): 83.3,
    ("Technology", "Mid-Market"): 62.5,
    ("Financial Services", "Mid-Market"): 77.9,
    ("Retail", "Mid-Market"): 50,
    ("Retail", "Large"): 0,
    ("Education", "Enterprise"): 0,
}
DIFFERENCES = {
    "total_contacts": (-32, 0.5),
    "contacts_with_email": (-37, 0.5),
    "total_won_amount": (-55, 0.5),
    "current_pipeline_amount": (-44, 0.5),
    "number_of_employees": (-39, 0.5),
    "annual_revenue": (-46, 0.5),
    "contact_ratio": (-1.6, 0.05),
}


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker
) -> tuple[Path, dict]:
    """The report's folder and the run's own report; the database is as before afterwards."""
    folder = tmp_path_factory.mktemp("known")
    with django_db_blocker.unblock(), transaction.atomic():
        call_command("import_feed", "accounts", str(FILE), as_of=DAY, verbosity=0)
        call_command("run_nightly", as_of=DAY)
        call_command("export_report", out=str(folder))
        run = ScoreRun.objects.get()
        kept = dict(run.report[str(run.plan[-1])])
        transaction.set_rollback(True)
    return folder, kept


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def source() -> list[dict[str, str]]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def expected(source: list[dict[str, str]]) -> dict[str, dict]:
    return reference.accounts(source)


def test_every_account_agrees_with_the_plain_formulas(exported, expected) -> None:
    found = rows(exported[0], "account_health_and_prediction.csv")
    assert [row["account_id"] for row in found] == list(expected)
    for row in found:
        wanted = expected[row["account_id"]]
        assert float(row["health_score"]) == pytest.approx(wanted["score"], abs=0.005)
        assert row["risk_band"] == wanted["band"]
        assert float(row["predicted_6m_revenue"]) == pytest.approx(wanted["predicted"], rel=1e-6)
        assert row["contribution_tier"] == wanted["tier"]


def test_below_fifty(exported) -> None:
    found = rows(exported[0], "account_health_and_prediction.csv")
    assert len(found) == 10_000
    assert sum(float(row["health_score"]) < 50 for row in found) == 5_132
    assert sum(row["risk_band"] == "Low" for row in found) == 5_132


def test_quartiles_of_predicted_revenue(exported) -> None:
    low, high = exported[1]["cuts"]
    assert low / 100 == pytest.approx(2_570_734, abs=1)
    assert high / 100 == pytest.approx(27_884_083, abs=1)


def test_tiers(exported) -> None:
    found = {row["contribution_tier"]: row for row in rows(exported[0], "tier_summary.csv")}
    assert list(found) == ["A", "B", "C"]
    for tier, billions, health, accounts in (
        ("A", 811.80, 61.10, 2_500),
        ("B", 53.56, 49.14, 5_000),
        ("C", 2.54, 46.06, 2_500),
    ):
        row = found[tier]
        assert float(row["predicted_6m_revenue"]) / 1e9 == pytest.approx(billions, abs=0.005)
        assert float(row["average_health"]) == pytest.approx(health, abs=0.005)
        assert int(row["accounts"]) == accounts


def test_what_high_risk_accounts_have_in_common(exported, source, expected) -> None:
    found = {
        row["metric"]: row for row in rows(exported[0], "high_risk_characteristics_vs_all.csv")
    }
    assert set(found) == {*reference.NUMBERS, "contact_ratio"}
    for metric, (high, everybody) in reference.medians(source, expected).items():
        assert float(found[metric]["median_high_risk"]) == pytest.approx(high, abs=1e-5), metric
        assert float(found[metric]["median_all"]) == pytest.approx(everybody, abs=1e-5), metric
    days, activities = found["days_since_last_activity"], found["total_activities_30d"]
    assert (float(days["median_high_risk"]), float(days["median_all"])) == (20, 10.5)
    assert (float(activities["median_high_risk"]), float(activities["median_all"])) == (3, 6)
    for metric, (percent, within) in DIFFERENCES.items():
        assert float(found[metric]["difference_pct"]) == pytest.approx(percent, abs=within), metric


def test_every_cell_of_the_matrix(exported, source, expected) -> None:
    found = {
        (row["industry"], row["account_size_segment"]): row
        for row in rows(exported[0], "high_risk_segment_rates.csv")
    }
    wanted = reference.segment_rates(source, expected)
    assert found.keys() == wanted.keys()
    for cell, (accounts, high) in wanted.items():
        assert (int(found[cell]["accounts"]), int(found[cell]["high_risk_accounts"])) == (
            accounts,
            high,
        )
        assert float(found[cell]["high_risk_rate"]) == pytest.approx(high / accounts, abs=1e-6)
    for cell, percent in RATES.items():
        assert 100 * float(found[cell]["high_risk_rate"]) == pytest.approx(percent, abs=0.1), cell
    counts = {row["industry"]: row for row in rows(exported[0], "risk_matrix_counts.csv")}
    for (industry, size), (_, high) in wanted.items():
        assert int(counts[industry][size]) == high
    assert (
        sum(int(n) for row in counts.values() for size, n in row.items() if size != "industry")
        == 5_132
    )
