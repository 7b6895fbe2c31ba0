"""The report: names, columns, agreement with the plain formulas on nasty files, nights, refusals."""

import csv
import datetime as dt
import io
import os
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account, AuditEvent
from csm.portfolio.report import night_of, write_folder
from tests.csm.portfolio import reference

FILES = {
    "account_health_and_prediction.csv": [
        "account_id",
        "account_name",
        "industry",
        "account_size_segment",
        "health_score",
        "risk_band",
        "predicted_6m_revenue",
        "contribution_tier",
    ],
    "high_risk_segment_rates.csv": [
        "industry",
        "account_size_segment",
        "accounts",
        "high_risk_accounts",
        "high_risk_rate",
    ],
    "risk_matrix_counts.csv": ["industry", "Small Business", "Mid-Market", "Large", "Enterprise"],
    "high_risk_characteristics_vs_all.csv": [
        "metric",
        "median_high_risk",
        "median_all",
        "difference_pct",
    ],
    "tier_summary.csv": ["contribution_tier", "accounts", "predicted_6m_revenue", "average_health"],
}
PICTURES = {"risk_heatmap.png", "health_distribution.png"}
HEADER = (
    "account_id",
    "account_name",
    "industry_normalized",
    "account_size_segment",
    *reference.NUMBERS,
)
DAY = "2026-11-20"
PLAIN = ("10", "20", "10", "8", "5000000", "400000", "300", "100000")

# name, industry, size, then the numbers in the order of reference.NUMBERS; "" is missing
NASTY = {
    "ties": [("A", "Retail", "Large", *PLAIN)] * 4
    + [("B", "Retail", "Large", "3", "9", *PLAIN[2:])],
    "zeros": [
        ("Nil", "Retail", "Enterprise", *["0"] * 8),
        ("Some", "Retail", "Small Business", *PLAIN),
        ("More", "Education", "Mid-Market", "80", "1", "0", "0", "1", "0", "1", "0"),
    ],
    "a constant column": [
        ("A", "Retail", "Large", "5", "7", *PLAIN[2:]),
        ("B", "Retail", "Large", "5", "70", "12", "3", "9", "1", "20", "4"),
        ("C", "Retail", "Large", "5", "17", "9", "9", "900", "11", "2", "0.01"),
    ],
    "names of the world": [
        ('Čapek & "Söhne", s.r.o.', "Maschinenbau, Öl", "Mid-Market", *PLAIN),
        ("株式会社 例", "製造", "Small Business", "1", "2", "3", "1", "5", "6", "7", "8"),
        ("$Cash$ {x} \\frac", "R&D <b>", "Large", "90", "0", "30", "2", "50", "60", "70", "80"),
    ],
    "missing values": [
        ("Whole", "Retail", "Large", *PLAIN),
        ("No activity", "Retail", "Large", "", "", *PLAIN[2:]),
        ("No contacts", "", "Mid-Market", "5", "5", "0", "0", *PLAIN[4:]),
        ("No money", "Retail", "", "50", "2", "5", "4", "", "", "", ""),
        ("Thin", "Retail", "", "", "", "", "", "", "", "90", ""),
        ("Nothing", "", "", *[""] * 8),
    ],
    "one account": [("Alone", "Retail", "Large", *PLAIN)],
}


def load(folder: Path, rows: list[tuple[str, ...]]) -> list[dict[str, str]]:
    """Import the rows as accounts X-1, X-2, … of `DAY`."""
    path = folder / "in.csv"
    table = [(f"X-{place}", *row) for place, row in enumerate(rows, 1)]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *table])
    call_command("import_feed", "accounts", str(path), as_of=DAY, verbosity=0)
    return [dict(zip(HEADER, row, strict=True)) for row in table]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def report(folder: Path, **options: str) -> Path:
    call_command("export_report", out=str(folder), stdout=io.StringIO(), **options)
    return folder


@pytest.mark.parametrize("case", NASTY)
def test_agrees_with_the_plain_formulas(db, tmp_path: Path, case: str) -> None:
    source = load(tmp_path, NASTY[case])
    call_command("run_nightly", as_of=DAY, stdout=io.StringIO())
    out = report(tmp_path / "out")
    expected = reference.accounts(source)
    found = read(out / "account_health_and_prediction.csv")
    assert [row["account_name"] for row in found] == [row["account_name"] for row in source]
    for row in found:
        wanted = expected[row["account_id"]]
        score, amount = row["health_score"], row["predicted_6m_revenue"]
        assert (float(score) if score else None) == pytest.approx(wanted["score"], abs=0.005)
        assert (float(amount) if amount else None) == pytest.approx(wanted["predicted"], abs=0.5)
        assert (row["risk_band"], row["contribution_tier"]) == (wanted["band"], wanted["tier"])
    rates = {
        (row["industry"], row["account_size_segment"]): (
            int(row["accounts"]),
            int(row["high_risk_accounts"]),
        )
        for row in read(out / "high_risk_segment_rates.csv")
    }
    assert rates == reference.segment_rates(source, expected)
    medians = {row["metric"]: row for row in read(out / "high_risk_characteristics_vs_all.csv")}
    wanted_medians = reference.medians(source, expected)
    assert medians.keys() == wanted_medians.keys()
    for metric, (high, everybody) in wanted_medians.items():
        shown = medians[metric]["median_high_risk"]
        assert (float(shown) if shown else None) == pytest.approx(high, abs=1e-5)
        assert float(medians[metric]["median_all"]) == pytest.approx(everybody, abs=1e-5)
        assert bool(medians[metric]["difference_pct"]) == (high is not None and everybody != 0)


def test_names_and_columns_are_exact(book, tmp_path: Path) -> None:
    out = report(tmp_path)
    assert {path.name for path in out.iterdir()} == {*FILES, *PICTURES}
    for name, columns in FILES.items():
        first = (out / name).read_bytes().split(b"\n")[0].decode("utf-8").split(",")
        # A size nobody entered gets a column of its own.
        assert first == [*columns, *(["Unknown"] if name == "risk_matrix_counts.csv" else [])]
    for name in PICTURES:
        assert (out / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_unknown_is_blank_and_never_at_risk(book, tmp_path: Path) -> None:
    out = report(tmp_path)
    thin = next(
        row
        for row in read(out / "account_health_and_prediction.csv")
        if row["account_name"] == "Thin Things"
    )
    assert (thin["risk_band"], thin["predicted_6m_revenue"], thin["contribution_tier"]) == (
        "Unknown",
        "",
        "",
    )
    assert all(
        row["account_size_segment"] != "Unknown"
        for row in read(out / "high_risk_segment_rates.csv")
    )
    summary = read(out / "tier_summary.csv")
    assert summary[-1]["contribution_tier"] == "Unknown"
    assert summary[-1]["average_health"] == ""
    assert sum(int(row["accounts"]) for row in summary) == len(book)


def test_an_earlier_night_is_read_from_its_snapshots(book, score_book, tmp_path: Path) -> None:
    before = (report(tmp_path / "1") / "account_health_and_prediction.csv").read_text()
    later = dt.date(2026, 11, 21)
    score_book({book[0]: {"total_activities_30d": 0, "days_since_last_activity": 80}}, later)
    now = (report(tmp_path / "2") / "account_health_and_prediction.csv").read_text()
    again = report(tmp_path / "3", as_of=DAY)
    assert now != before
    for name in FILES:
        assert (again / name).read_text() == (tmp_path / "1" / name).read_text(), name


def test_a_scorecard_chooses_its_newest_night(book, tmp_path: Path) -> None:
    call_command("run_nightly", as_of="2026-11-21", scorecard="five-pillar", stdout=io.StringIO())
    night = night_of(scorecard="crm-engagement")
    assert night.run.as_of.isoformat() == DAY
    assert night_of().run.as_of.isoformat() == "2026-11-21"
    out = report(tmp_path, scorecard="crm-engagement")
    assert {row["risk_band"] for row in read(out / "account_health_and_prediction.csv")} >= {
        "Low",
        "Unknown",
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "run_nightly"),
        ({"as_of": "2026-01-01"}, "run_nightly --as-of 2026-01-01"),
        ({"as_of": "yesterday"}, "YYYY-MM-DD"),
        ({"scorecard": "nope"}, "no scorecard 'nope'"),
    ],
)
def test_says_what_is_missing(db, tmp_path: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        report(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_name_is_refused(book, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match="--out is empty"):
        call_command("export_report", out="")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_a_sentence(book, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CommandError, match="cannot be written"):
        report(tmp_path / "file")


def test_a_killed_export_leaves_the_old_files(book, tmp_path: Path, monkeypatch) -> None:
    report(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    Account.objects.filter(pk=book[0].pk).update(name="Renamed")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_folder(night_of(), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_formulas_are_text(book, tmp_path: Path) -> None:
    Account.objects.filter(pk=book[0].pk).update(name="=HYPERLINK(1)", industry="-1+1")
    found = read(report(tmp_path) / "account_health_and_prediction.csv")
    assert (found[0]["account_name"], found[0]["industry"]) == ("'=HYPERLINK(1)", "'-1+1")


def test_the_zip_holds_what_its_reader_may_see(client, book, owner, outsider) -> None:
    client.force_login(outsider)
    with zipfile.ZipFile(
        io.BytesIO(client.get("/insights/report.zip?scope=all").getvalue())
    ) as archive:
        assert archive.read("account_health_and_prediction.csv").decode().splitlines()[1:] == []
    client.force_login(owner)
    response = client.get("/insights/report.zip?scope=mine")
    assert response["Content-Disposition"] == f'attachment; filename="report-{DAY}.zip"'
    with zipfile.ZipFile(io.BytesIO(response.getvalue())) as archive:
        assert set(archive.namelist()) == {*FILES, *PICTURES}
        text = archive.read("account_health_and_prediction.csv").decode()
    assert [row["account_name"] for row in csv.DictReader(io.StringIO(text))] == [
        "Healthy Hats",
        "Poor Pots",
        "Thin Things",
    ]
    logged = AuditEvent.objects.filter(by=owner, kind="export").get()
    assert logged.what == "exported report"
    assert logged.detail == {"rows": 3, "query": "scope=mine"}
