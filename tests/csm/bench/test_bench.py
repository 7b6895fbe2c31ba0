"""The bench says what it wants and what it found; how fast is for a quiet machine, never for a test."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from csm.bench import report
from csm.bench.compare.formulas import Formulas, NotInSQLError
from scoring.services import versions

ROW = {"id", "what", "unit", "more_is_better", "target", "stretch", "measured"}
ROW |= {"met", "stretch_met", "missed_by", "detail"}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Without PostgreSQL only the embedded database can be measured; the rest says so."""
    out = tmp_path_factory.mktemp("bench") / "bench.json"
    call_command("bench", accounts=120, only="T1,T13", rounds=1, database="sqlite://", out=str(out))
    return json.loads(out.read_text(encoding="utf-8"))


def test_the_embedded_database_is_measured_in_one_of_its_own(found: dict) -> None:
    result = found["results"]["T13"]
    assert result["accounts"] == 120
    assert 0 < result["published_per_second"] <= result["stored_per_second"]
    assert found["database"]["vendor"] == "sqlite"
    assert found["machine"].keys() >= {"cpus", "load", "memory_gb"}
    assert found["versions"].keys() >= {"python", "django", "numpy", "psycopg", "sqlite"}


def test_what_was_not_measured_says_why(found: dict) -> None:
    rows = {row["id"]: row for row in found["targets"]}
    assert rows.keys() == {"T1", "T13"}
    assert all(row.keys() == ROW for row in rows.values())
    assert rows["T1"]["met"] is None
    assert "PostgreSQL" in rows["T1"]["detail"]
    assert rows["T13"]["measured"] == found["results"]["T13"]["stored_per_second"]


def test_a_report_becomes_a_table_for_the_documentation(found: dict, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text(json.dumps(found), encoding="utf-8")
    out = io.StringIO()
    call_command("bench", markdown=str(file), stdout=out)
    assert "| T13 | SQLite: scored and stored | ≥ 40,000 accounts/s |" in out.getvalue()
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("bench", markdown=str(tmp_path / "absent.json"))


def test_a_missed_target_says_by_how_much() -> None:
    sides = {"ours": {"seconds": 3.0}, "theirs": {"seconds": 5.0}, "of_processor": {"median": 0.6}}
    result = {"median": 0.6, "min": 0.5, "max": 0.7, "pairs": 3} | sides
    (missed,) = report.verdicts({"T1": result})
    assert (missed["met"], missed["missed_by"]) == (False, "33%")
    (met,) = report.verdicts({"T1": result | {"median": 0.29}})
    assert (met["met"], met["stretch_met"], met["missed_by"]) == (True, True, None)


def test_a_scorecard_sql_cannot_express_is_refused() -> None:
    with pytest.raises(NotInSQLError, match="own_baseline"):
        Formulas(versions.read_yaml(versions.PRESETS / "five-pillar.yaml"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"accounts": 0}, "--accounts must be at least 1"),
        ({"only": "T1,T99"}, "There is no T99"),
    ],
)
def test_numbers_and_names_must_make_sense(options: dict, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("bench", **options)


def test_every_page_of_the_lists_is_in_the_table() -> None:
    page = {"ratio_p50": 3.0, "p50_ms": 9.0, "p95_ms": 12.0, "bare_p50_ms": 3.0, "queries": 5}
    kind = {"median": 3.0, "usual": 2.5, "worst": "portfolio, all", "pages": 1}
    result = kind | {"kinds": {"portfolio": kind, "queue": kind}, "pages": {"portfolio, all": page}}
    (row,) = report.verdicts({"T11": result})
    assert row["met"]
    assert "worst of 1 portfolio, all" in row["detail"]
    assert "queue 2.5×" in row["detail"]
    assert "| portfolio, all | 3 × | 9 | 12 | 3 | 5 |" in "\n".join(report._pages(result["pages"]))
