"""Imports as pages show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import (
    BooleanField,
    Count,
    ExpressionWrapper,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.fields.reverse_related import ManyToOneRel
from django.urls import reverse
from django.utils import timezone

from accounts.imports import jobs
from accounts.ingest.feeds import FEEDS
from accounts.models import HeldRow, ImportChange, ImportRun

State = ImportRun.State
TONES = {
    State.DONE: "good",
    State.FAILED: "poor",
    State.QUEUED: "fair",
    State.RUNNING: "fair",
}


def history() -> QuerySet[ImportRun]:
    """Imports, newest first, without their heavy columns."""
    return ImportRun.objects.defer("errors", "unmapped_columns", "options").select_related(
        "started_by"
    )


def feed_label(key: str) -> str:
    """What people call a feed; its key where it is none of ours (the API's, the demo's)."""
    return FEEDS[key].label if key in FEEDS else key.replace("_", " ").capitalize()


def is_counted(run: ImportRun) -> bool:
    """Whether the counts of `run` are of rows that were loaded; before that they are unknown, not zero."""
    return run.state not in (State.UPLOADED, State.QUEUED) or run.position > 0


def error_count(run: ImportRun) -> int:
    """Errors in all, as far as anybody counted them; a row may have several."""
    kept = run.options.get("totals", {}).get("error_count", 0)
    return max(int(run.options.get("error_count", kept)), len(run.errors))


def quarantine_url(run: ImportRun) -> str:
    """Where the held rows of `run` are looked after."""
    return f"{reverse('quality_quarantine')}?import={run.pk}"


@dataclass(frozen=True)
class Progress:
    """How far an import is. `rate` is rows per second of this attempt, `left` seconds; None: not known yet."""

    done: int
    total: int
    rows: int
    rate: float | None
    left: float | None
    seconds: float

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 0.0

    @property
    def left_text(self) -> str:
        return "" if self.left is None else f"about {span(max(1.0, self.left))} left"


def progress(run: ImportRun) -> Progress:
    """Figures of the attempt under way, from where it started."""
    attempts = run.options.get("attempts", [])
    start = attempts[-1] if attempts else None
    now = run.finished_at or timezone.now()
    rate = left = None
    if start is not None and run.state == State.RUNNING:
        seconds = (now - datetime.fromisoformat(start["at"])).total_seconds()
        rows, read = run.position - start["position"], run.bytes_read - start["bytes"]
        if seconds >= 1 and read > 0:
            rate = rows / seconds if rows > 0 else None
            left = (run.bytes_total - run.bytes_read) * seconds / read
    return Progress(
        done=min(run.bytes_read, run.bytes_total),
        total=run.bytes_total,
        rows=run.position,
        rate=rate,
        left=left,
        seconds=(now - run.started_at).total_seconds(),
    )


def span(seconds: float) -> str:
    """Seconds as people say them: 3 s, 2 min 5 s, 1 h 4 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(count: int) -> str:
    """Bytes as people say them: 812 bytes, 4.2 MB."""
    value = float(count)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000 or unit == "MB":
            break
        value /= 1000
    return f"{count:,} bytes" if unit == "bytes" else f"{value:,.1f} {unit}"


def queued_behind(run: ImportRun) -> int:
    """Imports that are loaded before `run` is."""
    return ImportRun.objects.filter(state__in=jobs.OPEN, pk__lt=run.pk).count()


@dataclass(frozen=True)
class UndoPreview:
    """What undoing would do: (how many, of what) deleted and restored."""

    deleted: list[tuple[int, str]]
    restored: list[tuple[int, str]]

    @property
    def sentence(self) -> str:
        parts = [
            f"{verb} {_listed(counts)}"
            for verb, counts in (("deletes", self.deleted), ("restores", self.restored))
            if counts
        ]
        return (
            " and ".join(parts) or "changes nothing: the import loaded no row that is still there"
        )


def _listed(counts: Iterable[tuple[int, str]]) -> str:
    words = [f"{count:,} {name}" for count, name in counts]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def undo_preview(run: ImportRun) -> UndoPreview:
    """Rows `run` created and rows it changed, by kind; two queries."""
    made = _made_by(run)
    changes = (
        ImportChange.objects.filter(import_run=run)
        .annotate(made=ExpressionWrapper(Q(before__isnull=True), BooleanField()))
        .values("table", "made")
        .annotate(count=Count("pk"))
        .order_by("table")
    )
    models = {
        model._meta.model_name: model for model in apps.get_app_config("accounts").get_models()
    }
    restored: list[tuple[int, str]] = []
    created: list[tuple[int, str]] = []
    for row in changes:
        model = models.get(row["table"])
        noun = _noun(model, row["count"]) if model else f"{row['table']} rows"
        (created if row["made"] else restored).append((row["count"], noun))
    created += [(count, _noun(model, count)) for model, count in made.items() if count]
    return UndoPreview(created, restored)


def _noun(model: type[Model], count: int) -> str:
    return str(model._meta.verbose_name if count == 1 else model._meta.verbose_name_plural)


def _relations() -> list[ManyToOneRel]:
    """Every table whose rows carry the import they came from."""
    return [
        relation
        for relation in ImportRun._meta.related_objects
        if isinstance(relation, ManyToOneRel)
        and relation.related_model not in (ImportChange, HeldRow)
    ]


def _made_by(run: ImportRun) -> dict[type[Model], int]:
    counts = {}
    for number, relation in enumerate(_relations()):
        name = relation.field.name
        rows = relation.related_model._default_manager.filter(**{name: OuterRef("pk")})
        counts[f"count_{number}"] = Subquery(
            rows.order_by().values(name).annotate(of_run=Count("*")).values("of_run")
        )
    row: dict[str, Any] = dict(ImportRun.objects.filter(pk=run.pk).values(**counts).first() or {})
    return {
        relation.related_model: row.get(f"count_{number}") or 0
        for number, relation in enumerate(_relations())
    }


def row_of(run: ImportRun) -> dict[str, Any]:
    """One line of the history."""
    counted = is_counted(run)
    counts = (
        run.rows_read,
        run.created_count,
        run.updated_count,
        run.unchanged_count,
        run.rows_held,
        run.rows_rejected,
    )
    return {
        "run": run,
        "feed": feed_label(run.feed),
        "tone": TONES.get(State(run.state), "unknown"),
        "state": state_label(run),
        "counts": counts if counted else None,
        "quarantine": quarantine_url(run) if counted and run.rows_held else "",
        "by": str(run.started_by) if run.started_by else "command or API",
        "may_undo": run.state == State.DONE,
    }


def state_label(run: ImportRun) -> str:
    """The state in a person's words."""
    if run.state == State.UPLOADED:
        return "Not loaded yet"
    if jobs.is_abandoned(run):
        return "Interrupted"
    return str(run.get_state_display())


CSV_HEADER = (
    "import", "started_at", "feed", "file", "source", "mapping", "as_of", "state", "rows_read",
    "created", "updated", "unchanged", "held", "rejected", "by", "error",
)  # fmt: skip


def csv_row(run: ImportRun) -> list[Any]:
    """One line of the history as a file."""
    line = row_of(run)
    return [
        run.pk,
        timezone.localtime(run.started_at).isoformat(timespec="seconds"),
        run.feed,
        run.file_name,
        run.source,
        run.mapping,
        run.as_of.isoformat(),
        run.state,
        *(line["counts"] or [""] * 6),
        line["by"],
        run.error,
    ]
