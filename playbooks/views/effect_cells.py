"""What the effect page shows of its figures: rows, intervals drawn to one scale, lines of the file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from csm.lib import display, markup
from playbooks.effect import BETTER, LEAST, NONE_SHOWN, NOT_ENOUGH, WORSE
from playbooks.selectors.effect import BY_HAND
from playbooks.selectors.treatments import HORIZONS

Row = Mapping[str, Any]
WORDS: Final = {
    BETTER: "Better than untreated",
    WORSE: "Worse than untreated",
    NONE_SHOWN: "No effect shown",
    NOT_ENOUGH: "Not enough data",
}
_TONES: Final = {BETTER: "good", WORSE: "poor", NONE_SHOWN: "fair", NOT_ENOUGH: "unknown"}
TARGET_HEADERS: Final = (
    ("wrap", "Target"),
    ("", "Aim"),
    ("r", "Now"),
    ("wrap", "How it stands"),
    ("r", "Counted over"),
)
_WIDTH, _HEIGHT = 132, 18
_SCALES: Final = (5, 10, 20, 40, 100)


def scale_of(rows: Iterable[Row], days: int) -> int:
    """Points from the middle to either end of every interval drawn on the page."""
    ends = [
        abs(effect[side])
        for row in rows
        for effect in [row["after"][str(days)]["effect"]]
        for side in ("low", "high")
        if effect[side] is not None
    ]
    longest = max(ends, default=0)
    return next((scale for scale in _SCALES if scale >= longest), _SCALES[-1])


def headers(noun: str, days: int) -> list[tuple[str, str]]:
    """Headings of the table, in the order of `cells`."""
    return [
        ("wrap", noun),
        ("", f"Effect after {days} days"),
        ("", "Verdict"),
        *[("r", f"Change {each} d") for each in HORIZONS],
        ("r", "Runs"),
        ("r", "Completed"),
        ("r", "Exit test met"),
        ("r", f"ARR kept {days} d"),
    ]


def cells(row: Row, address: str, days: int, scale: int) -> list[tuple[str, Any]]:
    """One row of the table; `address` names the page of a playbook or trigger."""
    after = row["after"][str(days)]
    effect = after["effect"]
    name = row["name"]
    if row["key"] not in ("all", BY_HAND):
        name = markup.link(reverse(address, args=[row["key"]]), name)
    median = row["median_days"]
    return [
        ("wrap", name),
        ("", _drawn(effect, scale)),
        ("", _verdict(effect)),
        *[("r", _change(row["after"][str(each)])) for each in HORIZONS],
        ("r", _two(display.number(row["runs"]), f"{display.number(row['open'])} open")),
        (
            "r",
            _two(
                display.number(row["completed"]),
                "" if median is None else f"median {display.number(median)} d",
            ),
        ),
        ("r", _share(*row["met"])),
        ("r", _kept(after)),
    ]


def interval(effect: Row, scale: int) -> SafeString:
    """The effect as a point on its interval, zero in the middle; a dotted line where nothing can be said."""
    if effect["verdict"] == NOT_ENOUGH:
        said = f"{effect['matched']} of {LEAST} comparable accounts"
        inner = format_html('<path class="iv-none" d="M2 9H{}"/>', _WIDTH - 2)
    else:
        said = f"{display.signed(effect['effect'])} points, {between(effect)}"
        low, middle, high = (_x(effect[name], scale) for name in ("low", "effect", "high"))
        inner = format_html(
            '<path class="iv-line" d="M{} 9H{}M{} 5V13M{} 5V13"/><circle cx="{}" cy="9" r="3.5"/>',
            *(f"{value:.1f}" for value in (low, high, low, high, middle)),
        )
    return format_html(
        '<svg class="interval tone-{}" viewBox="0 0 {} {}" width="{}" height="{}" role="img" '
        'aria-label="{}"><path class="iv-zero" d="M{} 1V17"/>{}</svg>',
        _TONES[effect["verdict"]],
        _WIDTH,
        _HEIGHT,
        _WIDTH,
        _HEIGHT,
        said,
        _WIDTH / 2,
        inner,
    )


def _x(value: float, scale: int) -> float:
    half = _WIDTH / 2
    return half + max(-1.0, min(1.0, value / scale)) * (half - 4)


def between(effect: Row) -> str:
    """The interval in words: −4.3 to +2.5."""
    return f"{display.signed(effect['low'])} to {display.signed(effect['high'])}"


def _drawn(effect: Row, scale: int) -> SafeString:
    """The interval over its figures."""
    known = effect["verdict"] != NOT_ENOUGH
    told = f"{display.signed(effect['effect'])} ({between(effect)})" if known else ""
    return _two(interval(effect, scale), told)


def _verdict(effect: Row) -> SafeString:
    """The verdict in words, over the accounts it rests on."""
    enough = effect["verdict"] != NOT_ENOUGH
    return _two(
        markup.band(WORDS[effect["verdict"]], _TONES[effect["verdict"]], plain=True),
        matched(effect)
        if enough
        else f"{display.number(effect['matched'])} matched, {LEAST} needed",
    )


def matched(effect: Row) -> str:
    """How many accounts were compared, of how many."""
    return f"{display.number(effect['matched'])} of {display.number(effect['treated'])} matched"


def _change(after: Row) -> Any:
    if after["mean"] is None:
        waits = "not old enough yet" if not after["due"] else "scores not known"
        return markup.unknown(waits)
    return _two(display.signed(after["mean"]), f"n {display.number(after['known'])}")


def _kept(after: Row) -> Any:
    """Share of ARR kept: of the matched ones where they can be compared, else of all."""
    ours, theirs, _ = after["kept"]
    if ours is not None:
        return _two(display.percent(ours), f"untreated {display.percent(theirs)}")
    kept, started, n = after["arr"]
    if not started:
        return markup.unknown("not old enough yet" if not after["due"] else "ARR not known")
    return _two(display.percent(kept / started), f"n {display.number(n)}, not compared")


def _share(hits: int, n: int) -> Any:
    """A share with what it counts over; unknown without any."""
    return _two(display.percent(hits / n), f"of {display.number(n)}") if n else markup.unknown()


def _two(text: str, below: str) -> SafeString:
    return format_html('<span class="num">{}</span><span class="below num">{}</span>', text, below)


def target_rows(targets: Sequence[Row]) -> list[list[tuple[str, Any]]]:
    """Targets with what they are now; unknown ones say why."""
    return [
        [
            ("wrap", _defined(each)),
            ("", each["target"]),
            ("r", _actual(each)),
            ("wrap", _stands(each)),
            ("r", f"{display.number(each['n'])} {each['of']}"),
        ]
        for each in targets
    ]


def _defined(target: Row) -> SafeString:
    return format_html('{}<span class="below">{}</span>', target["label"], target["definition"])


def _actual(target: Row) -> Any:
    value = target["value"]
    if value is None:
        return markup.unknown(target["why"])
    if target["unit"] == "points":
        return f"{display.signed(value)} points"
    if target["unit"] == "change":
        return f"{display.signed(value * 100)}%"
    return display.percent(value, 1)


def _stands(target: Row) -> Any:
    if target["met"] is None:
        return format_html('<span class="quiet">{}</span>', target["why"])
    return markup.band(*(("Met", "good") if target["met"] else ("Missed", "poor")), plain=True)


def lines(kind: str, rows: Iterable[Row], as_of: str) -> Iterator[list[Any]]:
    """The file: a header, then a line per row with every horizon; shares are 0–1, unknown is empty."""
    fixed = [
        *("as_of", "kind", "key", "name", "runs", "open", "completed", "cancelled"),
        *("median_days", "exit_test_met", "exit_test_judged"),
    ]
    moving = [
        *("plans_old_enough", "changes_known", "mean_change", "effect", "effect_low"),
        *("effect_high", "verdict", "treated", "matched", "unmatched_share", "arr_kept_share"),
        *("arr_plans", "arr_kept_matched", "arr_kept_untreated", "arr_matched"),
    ]
    yield fixed + [f"{name}_{days}d" for days in HORIZONS for name in moving]
    for row in rows:
        line = [as_of, kind, row["key"], row["name"], row["runs"], row["open"], row["completed"]]
        line += [row["cancelled"], row["median_days"], *row["met"]]
        for days in HORIZONS:
            after = row["after"][str(days)]
            effect, (kept, started, n) = after["effect"], after["arr"]
            line += [after["due"], after["known"], after["mean"], effect["effect"]]
            line += [effect["low"], effect["high"], WORDS[effect["verdict"]], effect["treated"]]
            line += [effect["matched"], effect["unmatched"]]
            line += [round(kept / started, 4) if started else None, n, *after["kept"]]
        yield line
