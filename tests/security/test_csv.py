"""No cell of any file we hand out is a formula, whoever wrote its text and wherever it stands."""

import csv
import io
import re
import zipfile

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from accounts.trust.contradictions import RULES
from csm.portfolio.facts.tabs import LISTINGS
from csm.portfolio.insights import TABLES
from scoring.metrics.catalogue import forget_definitions
from scoring.services import versions
from tests.accounts.imports.conftest import form, load, upload  # noqa: F401
from tests.security import hostile
from tests.security.addresses import addresses
from tests.security.test_hostile_text import body

STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]
# Signs, digits and what stands between them: a number below zero, a telephone number.
FIGURES = re.compile(r"[+-]?[0-9.,:()/\s%-]*")
NAMED = re.compile(r"csv|export|download|report|rejected|errors")


def runs(cell: str) -> bool:
    """Whether a spreadsheet would take `cell` for a formula."""
    return cell.startswith(tuple(STARTS)) and not FIGURES.fullmatch(cell)


def cells(answer) -> list[str]:
    content = answer.getvalue()
    if content.startswith(b"PK"):
        archive = zipfile.ZipFile(io.BytesIO(content))
        texts = [archive.read(name) for name in archive.namelist() if name.endswith(".csv")]
    else:
        texts = [content]
    found = [text.decode("utf-8-sig") for text in texts]
    # Where the comma is the decimal sign the semicolon parts cells.
    parted = [cell.lstrip() for text in found for cell in _parted(text, ";")]
    return parted + [cell for text in found for cell in _parted(text, ",")]


def _parted(text: str, sign: str) -> list[str]:
    return [
        cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=sign) for cell in row
    ]


def files(rows) -> dict[str, str]:
    """Every address that hands out a table, once for each of its tables."""
    account = rows["account"].pk
    found = {
        name: url
        for name, url in addresses(rows).items()
        if NAMED.search(name) and not name.startswith(("api_", "event"))
    }
    found |= {f"facts {key}": reverse("account_facts_csv", args=[account, key]) for key in LISTINGS}
    found |= {f"insights {key}": reverse("insights_csv", args=[key]) for key in TABLES}
    return found | {
        f"contradiction {key}": reverse("quality_contradiction_csv", args=[key]) for key in RULES
    }


def test_no_cell_is_a_formula(filled, book, owner, admin, client):
    rows = {**filled(), "account": book[0], "owner": owner}
    every = files(rows)
    client.force_login(admin)
    client.post(reverse("effect_refresh"))
    for start in STARTS:
        texts = (
            f'{start}HYPERLINK("http://evil.example";{start}1;"{{0}}")',
            f"{start}c {{0}};{start}c",
        )
        # Or the playbook would fit nobody, and the list of whom it fits would be empty.
        hostile.spoil(texts, but={"PlaybookVersion.applies"})
        versions.published_spec.cache_clear()
        forget_definitions()
        faults, tables, guarded = {}, 0, 0
        for name, url in every.items():
            taken = AuditEvent.objects.filter(kind="export").count()
            answer = client.get(url)
            kind = answer.headers["Content-Type"].partition(";")[0]
            if kind not in ("text/csv", "application/zip"):
                assert not name.endswith("csv"), (name, answer.status_code, body(answer)[:300])
                continue
            tables += 1
            found = cells(answer)
            assert AuditEvent.objects.filter(kind="export").count() > taken, f"{name} is unseen"
            guarded += sum(cell.startswith("'" + start) for cell in found)
            if bad := [cell for cell in found if runs(cell)]:
                faults[name] = bad[:3]
        assert not faults
        assert tables > 40, tables
        assert guarded > 100, guarded


@pytest.mark.parametrize("start", STARTS, ids=lambda each: f"U+{ord(each):04X}")
def test_nor_is_one_of_a_file_that_was_refused(start, client, upload, load):  # noqa: F811
    bad = f'{start}HYPERLINK("x")'
    text = io.StringIO()
    csv.writer(text).writerows(
        [["account_id", "name", f"{start}header", "renewal_on"], ["A1", bad, bad, bad]]
    )
    run = load(upload(text.getvalue()))
    assert run.rows_rejected == 1
    for name in ("import_errors_csv", "import_rejected_csv"):
        found = cells(client.get(reverse(name, args=[run.pk])))
        assert any("HYPERLINK" in cell for cell in found)
        assert not [cell for cell in found if runs(cell)]
