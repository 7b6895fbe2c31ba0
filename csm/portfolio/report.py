"""The report: five CSV files and two pictures with fixed names, for a folder or a ZIP."""

import csv
import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

from accounts.models import Account
from csm.lib.errors import WorkbenchError
from csm.portfolio import insights_selectors as select
from csm.portfolio import pictures
from csm.portfolio.insights_books import book_of_everyone, book_of_night
from csm.portfolio.insights_characteristics import characteristics
from csm.portfolio.insights_revenue import tiers
from csm.portfolio.insights_selectors import Accounts, Tally
from csm.portfolio.insights_tables import decimal, major, spreadsheet_safe
from scoring.engine.spec import UNKNOWN_NAME
from scoring.models import ScoreRun
from scoring.selectors import newest_run, scorecard_called, specs_of

# Columns people's own scripts read: they never change.
ACCOUNT_COLUMNS = (
    "account_id",
    "account_name",
    "industry",
    "account_size_segment",
    "health_score",
    "risk_band",
    "predicted_6m_revenue",
    "contribution_tier",
)
RATE_COLUMNS = (
    "industry",
    "account_size_segment",
    "accounts",
    "high_risk_accounts",
    "high_risk_rate",
)
CHARACTERISTIC_COLUMNS = ("metric", "median_high_risk", "median_all", "difference_pct")
TIER_COLUMNS = ("contribution_tier", "accounts", "predicted_6m_revenue", "average_health")

Rows = Iterable[Sequence[Any]]


@dataclass(frozen=True)
class Night:
    """The accounts of a report with their health, and the run that health is from."""

    run: ScoreRun
    accounts: Accounts

    @property
    def source(self) -> str:
        """Scorecards and date, for the foot of a picture."""
        names = " · ".join(spec.name for spec in specs_of(self.run).values())
        return f"{names}, as of {self.run.as_of}"


def night_of(as_of: date | None = None, scorecard: str | None = None) -> Night:
    """Everybody's accounts on the newest finished night, or on that of `as_of`.

    With `scorecard` (a key) the newest night that scored with it, and the accounts it scored. Only the
    newest night is read from current health, any other from its snapshots. Raises WorkbenchError with a
    sentence when there is no such night or scorecard.
    """
    newest = newest_run()
    if scorecard is None:
        run = newest if as_of is None else newest_run(as_of)
        if run is None:
            raise WorkbenchError(_no_night(as_of, None, newest))
        if newest is not None and run.pk == newest.pk:
            return Night(run, book_of_everyone(run))
        return Night(run, book_of_night(run, Account.objects.all()))
    versions = set(scorecard_called(scorecard).versions.values_list("pk", flat=True))
    nights = ScoreRun.objects.filter(state=ScoreRun.State.DONE).order_by("-as_of", "-id")
    if as_of is not None:
        nights = nights.filter(as_of=as_of)
    for run in nights.defer("statistics"):
        if versions & set(run.plan):
            accounts = book_of_night(run, Account.objects.all(), sorted(versions))
            return Night(run, accounts)
    raise WorkbenchError(_no_night(as_of, scorecard, newest))


def _no_night(as_of: date | None, scorecard: str | None, newest: ScoreRun | None) -> str:
    """What is missing and the command that makes it."""
    what = f"The night of {as_of}" if as_of else "No night"
    by = f" with the scorecard {scorecard}" if scorecard else ""
    options = (f" --as-of {as_of}" if as_of else "") + (
        f" --scorecard {scorecard}" if scorecard else ""
    )
    there = f" The newest night is that of {newest.as_of}." if newest and as_of else ""
    said = "has not been scored" if as_of else "has been scored"
    return f"{what} {said}{by}: run `python manage.py run_nightly{options}` first.{there}"


class Report:
    """The seven files of one night; each figure is read once, when the first file needs it."""

    def __init__(self, night: Night) -> None:
        self.night = night
        self.rows = 0
        self._parts = select.slices(night.accounts, *select.SEGMENT)
        self._matrix = select.risk_matrix(self._parts)

    @property
    def files(self) -> dict[str, Callable[[IO[bytes]], None]]:
        """What writes each file, by its fixed name."""
        return {
            "account_health_and_prediction.csv": self._csv(ACCOUNT_COLUMNS, self._accounts),
            "high_risk_segment_rates.csv": self._csv(RATE_COLUMNS, self._rates),
            "risk_matrix_counts.csv": self._csv(
                ("industry", *(size or select.UNKNOWN for size in self._matrix.sizes)), self._counts
            ),
            "high_risk_characteristics_vs_all.csv": self._csv(
                CHARACTERISTIC_COLUMNS, self._characteristics
            ),
            "tier_summary.csv": self._csv(TIER_COLUMNS, self._tiers),
            "risk_heatmap.png": lambda out: pictures.risk_heatmap(
                out, self._matrix, self.night.source
            ),
            "health_distribution.png": lambda out: pictures.health_distribution(
                out,
                select.distribution(self.night.accounts),
                select.total(self._parts),
                list(specs_of(self.night.run).values()),
                self.night.source,
            ),
        }

    @staticmethod
    def _csv(header: Sequence[str], rows: Callable[[], Rows]) -> Callable[[IO[bytes]], None]:
        def write(out: IO[bytes]) -> None:
            text = io.TextIOWrapper(out, encoding="utf-8", newline="")
            table = csv.writer(text, lineterminator="\n")
            table.writerow(header)
            table.writerows([spreadsheet_safe(cell) for cell in row] for row in rows())
            text.flush()
            text.detach()  # the stream stays its owner's

        return write

    def _accounts(self) -> Rows:
        rows = self.night.accounts.order_by("pk").values_list(
            "external_id",
            "name",
            "industry",
            "size_segment",
            "score",
            "band_name",
            "predicted_6m_amount",
            "tier",
        )
        for key, name, industry, size, score, band, predicted, tier in rows.iterator(
            chunk_size=5_000
        ):
            self.rows += 1
            yield (
                key,
                name,
                industry,
                size,
                decimal(score),
                band or UNKNOWN_NAME,
                major(predicted),
                tier or "",
            )

    def _rates(self) -> Rows:
        for industry, size, tally in select.top_segments(self._matrix, None):
            rate = decimal(tally.rate)
            yield (
                industry or select.UNKNOWN,
                size or select.UNKNOWN,
                tally.judged,
                tally.high_risk,
                rate,
            )

    def _counts(self) -> Rows:
        cells = self._matrix.cells
        for industry in self._matrix.industries:
            counts = (cells.get((industry, size), Tally()).high_risk for size in self._matrix.sizes)
            yield (industry or select.UNKNOWN, *counts)

    def _characteristics(self) -> Rows:
        for each in characteristics(self.night.accounts, self.night.run):
            percent = None if each.difference is None else each.difference * 100
            yield (
                each.metric,
                decimal(each.median_high_risk),
                decimal(each.median_all),
                decimal(percent),
            )

    def _tiers(self) -> Rows:
        for tier, tally in tiers(self.night.accounts).items():
            yield (
                tier or select.UNKNOWN,
                tally.accounts,
                major(tally.predicted_sum),
                decimal(tally.mean),
            )


def write_folder(night: Night, folder: Path) -> Report:
    """Write the seven files into `folder`, made when missing; older ones of these names are replaced.

    They appear only when all are written: a killed export leaves no half report behind. Raises
    WorkbenchError when the folder cannot be written.
    """
    report = Report(night)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Inside the folder, so that moving a file into place is a rename on one disk.
        with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as beside:
            for name, write in report.files.items():
                with (Path(beside) / name).open("wb") as out:
                    write(out)
            for name in report.files:
                os.replace(Path(beside) / name, folder / name)
    except OSError as error:
        raise WorkbenchError(
            f"The report cannot be written to {folder}: {error.strerror or error}. "
            "Name a folder you may write to, with room for it."
        ) from error
    return report


def write_zip(night: Night, out: IO[bytes]) -> Report:
    """Write the seven files as one ZIP."""
    report = Report(night)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, write in report.files.items():
            with archive.open(name, "w") as file:
                write(file)
    return report
