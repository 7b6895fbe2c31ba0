"""What was measured, beside what was wanted: verdicts, a table for the terminal, one for the documentation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

PORTFOLIO = "portfolio"


@dataclass(frozen=True)
class Target:
    """One figure to reach. `figure` finds it in the result; `more` is better the larger it is."""

    id: str
    what: str
    unit: str
    target: float
    stretch: float
    figure: Callable[[Mapping[str, Any]], float]
    detail: Callable[[Mapping[str, Any]], str]
    more: bool = False
    part: str = ""

    @property
    def name(self) -> str:
        return f"{self.id} {self.part}".strip()

    def is_met(self, figure: float, wanted: float) -> bool:
        return figure >= wanted if self.more else figure <= wanted


def _median(found: Mapping[str, Any]) -> float:
    return float(found["median"])


def _range(found: Mapping[str, Any]) -> str:
    if found.get("pairs", 1) < 2:
        return ""
    return f"{found['min']:g} to {found['max']:g} in {found['pairs']} pairs"


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _memory(found: Mapping[str, Any]) -> str:
    words = {"one": "one worker", "two": "each of two", "small": "on a tenth"}
    return ", ".join(f"{words[name]} {max(most):g}" for name, most in found["processes"].items())


def _beside(found: Mapping[str, Any]) -> str:
    ours, theirs = found["ours"], found["theirs"]
    return _joined(
        f"{ours['seconds']:g} s against {theirs['seconds']:g} s",
        _range(found),
        f"of processor time {found['of_processor']['median']:g}×",
    )


def _loop(found: Mapping[str, Any]) -> str:
    bulk = found["bulk_update"]
    return _joined(
        f"the loop makes {found['theirs_accounts_per_second']:,}/s ({found['sample']:,} accounts)",
        _range(found),
        f"against bulk_update {bulk['median']:g}×",
    )


def _seconds(found: Mapping[str, Any], *names: str) -> str:
    parts = (f"{name} {min(found['seconds'][name]):g} s" for name in names)
    return _joined(", ".join(parts), _range(found))


def _history(name: str) -> dict[str, Any]:
    return {
        "figure": lambda found: float(found[name]["p95_ms"]),
        "detail": lambda found: (
            f"p50 {found[name]['p50_ms']:g} ms, {found['snapshots']:,} snapshots"
        ),
    }


def _events(found: Mapping[str, Any]) -> str:
    return (
        f"{found['metrics_seconds']:g} s against {found['group_by_seconds']:g} s, "
        f"{found['events']:,} events"
    )


def _lists(found: Mapping[str, Any]) -> str:
    """The portfolio's worst and usual page, then what stands beside it: no targets of their own."""
    beside = (
        f"{name} {kind['usual']:g}×, at worst {kind['median']:g}× ({kind['worst']})"
        for name, kind in found["kinds"].items()
        if name != PORTFOLIO
    )
    mine = (
        f"worst of {found['kinds'][PORTFOLIO]['pages']} {found['worst']}, half {found['usual']:g}×"
    )
    return _joined(mine, *beside)


def _queries(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {queries}" for name, queries in found["pages"].items())


TARGETS = (
    Target("T1", "complete rescore against plain SQL", "×", 0.45, 0.30, _median, _beside),
    Target("T2", "against the best SQL on the same layout", "×", 1.05, 0.85, _median, _beside),
    Target("T3", "against the ORM, one by one", "×", 150, 260, _median, _loop, more=True),
    Target(
        "T4",
        "peak RSS per process",
        "MB",
        250,
        150,
        _median,
        _memory,
    ),
    Target(
        "T5",
        "WAL per account and night",
        "B",
        250,
        200,
        # Whatever else writes at the time is in the figure, never missing from it.
        lambda found: float(found["min"]),
        lambda found: _joined(f"median {found['median']:g}", _range(found)),
    ),
    Target(
        "T6",
        "two workers against one",
        "×",
        1.4,
        1.55,
        _median,
        lambda found: _seconds(found, "one", "two"),
        more=True,
    ),
    Target(
        "T7",
        "metrics from events against GROUP BY",
        "×",
        3,
        1.5,
        lambda found: float(found["ratio"]),
        _events,
    ),
    Target(
        "T8",
        "ten times the accounts",
        "×",
        12,
        10,
        _median,
        lambda found: _seconds(found, "small", "one"),
    ),
    Target(
        "T9",
        "snapshot with explanations",
        "B/row",
        130,
        105,
        _median,
        lambda found: f"{found['rows']:,} rows of {found['measures']} measures",
    ),
    Target(
        "T10", "one account's 90 days, p95", "ms", 2, 1, part="trend", **_history("account_trend")
    ),
    Target("T10", "weekly movers, p95", "ms", 5, 1, part="movers", **_history("weekly_movers")),
    Target("T10", "daily averages, p95", "ms", 2, 1, part="averages", **_history("daily_averages")),
    Target("T11", "lists against a bare page, p50", "×", 4, 2.5, _median, _lists),
    Target("T12", "queries per page", "", 8, 4, _median, _queries),
    Target(
        "T13",
        "SQLite: scored and stored",
        "accounts/s",
        40_000,
        60_000,
        lambda found: float(found["stored_per_second"]),
        lambda found: f"published as well: {found['published_per_second']:,}/s",
        more=True,
    ),
    Target(
        "T14",
        "changed by API until readable, p95",
        "s",
        2,
        0.5,
        lambda found: float(found["p95_s"]),
        lambda found: (
            f"p50 {found['p50_s']:g} s, worst of {found['rounds']} {found['worst_s']:g} s"
        ),
    ),
)


def verdicts(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per target: id, what, unit, target, stretch, measured, detail, met, stretch_met, missed_by.

    `measured` is null where nothing was measured; `detail` then says why.
    """
    rows = []
    for target in TARGETS:
        found = results.get(target.id)
        if found is None:
            continue
        row: dict[str, Any] = {
            "id": target.name,
            "what": target.what,
            "unit": target.unit,
            "more_is_better": target.more,
            "target": target.target,
            "stretch": target.stretch,
            "measured": None,
            "met": None,
            "stretch_met": None,
            "missed_by": None,
            "detail": found.get("skipped") or found.get("failed") or "",
        }
        if "skipped" not in found and "failed" not in found:
            figure = target.figure(found)
            met = target.is_met(figure, target.target)
            row |= {
                "measured": figure,
                "met": met,
                "stretch_met": target.is_met(figure, target.stretch),
                "missed_by": None if met else _missed(target, figure),
                "detail": target.detail(found),
            }
        rows.append(row)
    return rows


def _missed(target: Target, figure: float) -> str:
    share = abs(figure - target.target) / target.target
    return f"{share:.0%}"


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    sign, unit = ("≥" if row["more_is_better"] else "≤"), row["unit"]

    def shown(figure: float | None) -> str:
        return "" if figure is None else f"{figure:,g} {unit}".strip()

    verdict = "not measured"
    if row["met"] is not None:
        verdict = "yes" if row["met"] else f"no, by {row['missed_by']}"
    if row["stretch_met"]:
        verdict = "yes, stretch too"
    return (
        row["id"],
        row["what"],
        f"{sign} {shown(row['target'])}",
        f"{sign} {shown(row['stretch'])}",
        shown(row["measured"]),
        verdict,
        row["detail"],
    )


_HEADS = ("id", "what", "target", "stretch", "measured", "met", "detail")


def table(found: Mapping[str, Any]) -> Table:
    """For the terminal."""
    made = Table(*_HEADS, title=f"{found['accounts']:,} accounts, {found['scorecard']}")
    for row in found["targets"]:
        made.add_row(*_cells(row))
    return made


def markdown(found: Mapping[str, Any]) -> str:
    """For the documentation: what it ran on, then the table."""
    machine, versions, database = found["machine"], found["versions"], found["database"]
    server = ", ".join(f"{k} {v}" for k, v in database.items() if k not in ("vendor", "version"))
    lines = [
        f"{found['accounts']:,} accounts, scorecard `{found['scorecard']}`, {found['measured_at']}, "
        f"commit {found['commit']}, {found['minutes']:g} minutes, load {machine['load']:g} at the "
        f"start and {found['load_at_end']:g} at the end. {machine['system']}, {machine['cpus']} "
        f"processors ({machine['processor']}), {machine['memory_gb']:g} GB; Python "
        f"{versions['python']}, Django {versions['django']}, numpy {versions['numpy']}, psycopg "
        f"{versions['psycopg']}, SQLite {versions['sqlite']}; {database['vendor']} "
        f"{database['version']}" + (f" with {server}." if server else "."),
        "",
        f"| {' | '.join(_HEADS)} |",
        "|---" * len(_HEADS) + "|",
    ]
    lines += [f"| {' | '.join(_cells(row))} |" for row in found["targets"]]
    return "\n".join([*lines, *_pages(found["results"].get("T11", {}).get("pages", {}))])


def _pages(pages: Mapping[str, Any]) -> list[str]:
    """Every page of T11, the slowest first."""
    if not pages:
        return []
    ranked = sorted(pages.items(), key=lambda item: -item[1]["ratio_p50"])
    rows = [
        f"| {name} | {page['ratio_p50']:g} × | {page['p50_ms']:g} | {page['p95_ms']:g} "
        f"| {page['bare_p50_ms']:g} | {page['queries']} |"
        for name, page in ranked
    ]
    heads = ("page", "× bare, p50", "p50 ms", "p95 ms", "bare p50 ms", "queries")
    return ["", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *rows]
