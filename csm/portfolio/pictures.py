"""The two pictures of the report, drawn for paper: every cell and bar carries its figure."""

import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from csm.lib import display
from csm.portfolio.insights_selectors import (
    BIN,
    SMALL_N,
    UNKNOWN,
    Distribution,
    Matrix,
    Tally,
    bands_of,
)
from scoring.engine.spec import ScorecardSpec

DPI = 150
# A picture is for a page: more rows than this are left to the CSV, and the foot says so.
MOST_INDUSTRIES = 40
INK, QUIET, LINE, GROUND = "#17181c", "#666773", "#e8e8ec", "#f6f6f7"
# The workbench's tones; the hatch tells them apart without colour.
TONES = {"good": "#12877f", "fair": "#c07a06", "poor": "#cf4027", "unknown": "#858591"}
HATCHES = {"good": "", "fair": "..", "poor": "///", "unknown": "xx"}
RAMP = ("#fbf6f2", "#f7d5c4", "#eea083", "#d96648", "#b43522", "#7c1a12")


@contextmanager
def _style() -> Iterator[None]:
    """Plain text as it was entered: a "$" in a name starts no formula, a rare script raises no warning."""
    import matplotlib

    settings: Any = {"text.parse_math": False, "font.family": "DejaVu Sans", "hatch.linewidth": 0.6}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        yield


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _head(figure: Any, title: str, sub: str, foot: str) -> None:
    """Title, what is shown, and at the foot where it comes from; positions in inches from the edges."""
    width, height = figure.get_size_inches()
    left = 0.35 / width
    figure.text(left, 1 - 0.42 / height, title, fontsize=15, weight="bold", color=INK)
    figure.text(left, 1 - 0.70 / height, sub, fontsize=9, color=QUIET)
    figure.text(left, 0.18 / height, foot, fontsize=8, color=QUIET)


def _bare(axes: Any) -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=9, colors=INK)


def risk_heatmap(out: IO[bytes], matrix: Matrix, source: str) -> None:
    """High-risk share by industry and size as PNG; share and n in every cell."""
    with _style():
        from matplotlib.colors import LinearSegmentedColormap, Normalize
        from matplotlib.patches import Rectangle

        industries = matrix.industries[:MOST_INDUSTRIES]
        columns, rows = len(matrix.sizes), max(len(industries), 1)
        width, top, bottom, left, right = 3.3 + 1.55 * columns, 1.25, 0.65, 2.3, 1.0
        height = top + bottom + 0.62 * rows
        figure = _figure(width, height)
        area = (left / width, bottom / height, (width - left - right) / width, 0.62 * rows / height)
        axes = figure.add_axes(area)
        ramp = LinearSegmentedColormap.from_list("risk", RAMP)
        for y, industry in enumerate(industries):
            for x, size in enumerate(matrix.sizes):
                tally = matrix.cells.get((industry, size), Tally())
                rate = tally.rate
                ground = GROUND if rate is None else ramp(rate)
                axes.add_patch(Rectangle((x + 0.02, y + 0.04), 0.96, 0.92, facecolor=ground, lw=0))
                ink = "white" if rate is not None and rate > 0.55 else INK
                if rate is None:
                    said = f"{tally.accounts:,} Unknown" if tally.accounts else "—"
                    axes.text(
                        x + 0.5, y + 0.5, said, ha="center", va="center", fontsize=9, color=QUIET
                    )
                    continue
                axes.text(
                    x + 0.5,
                    y + 0.4,
                    display.percent(rate, 1),
                    ha="center",
                    va="center",
                    fontsize=11,
                    weight="bold",
                    color=ink,
                )
                few = "*" if tally.judged < SMALL_N else ""
                axes.text(
                    x + 0.5,
                    y + 0.72,
                    f"n {tally.judged:,}{few}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color=ink,
                )
        axes.set(xlim=(0, columns), ylim=(rows, 0))
        axes.set_xticks(
            [x + 0.5 for x in range(columns)], [size or UNKNOWN for size in matrix.sizes]
        )
        labels = [textwrap.shorten(name or UNKNOWN, 28, placeholder="…") for name in industries]
        axes.set_yticks([y + 0.5 for y in range(len(industries))], labels)
        axes.xaxis.tick_top()
        _bare(axes)
        if not industries:
            axes.text(columns / 2, 0.5, "No accounts", ha="center", va="center", color=QUIET)
        bar = figure.add_axes((1 - 0.72 / width, area[1], 0.13 / width, area[3]))
        shades = figure.colorbar(_mappable(ramp, Normalize(0, 1)), cax=bar)
        shades.set_ticks([0, 0.5, 1], labels=["0%", "50%", "100%"])
        shades.outline.set_visible(False)
        bar.tick_params(length=0, labelsize=8, colors=QUIET)
        more = len(matrix.industries) - len(industries)
        notes = [source]
        if any(0 < tally.judged < SMALL_N for tally in matrix.cells.values()):
            notes.append(f"* fewer than {SMALL_N} accounts")
        if more > 0:
            notes.append(f"{more} more industries in the CSV")
        _head(
            figure,
            "High-risk share by industry and size",
            "Accounts in the lowest band ÷ accounts with a band (n). Unknown counts in neither.",
            " · ".join(notes),
        )
        figure.savefig(out, format="png", dpi=DPI)


def _mappable(ramp: Any, norm: Any) -> Any:
    from matplotlib.cm import ScalarMappable

    return ScalarMappable(norm=norm, cmap=ramp)


def health_distribution(
    out: IO[bytes], spread: Distribution, total: Tally, specs: Sequence[ScorecardSpec], source: str
) -> None:
    """Histogram of the scores as PNG: bins of 5 points, stacked by band, counts on top."""
    with _style():
        from matplotlib.patches import Patch
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        figure = _figure(10, 6)
        axes = figure.add_axes((0.075, 0.155, 0.9, 0.62))
        lows = list(range(0, 100, BIN))
        heights = dict.fromkeys(lows, 0)
        for bin_ in sorted(spread.bins, key=lambda each: (each.low, each.band.place)):
            axes.bar(
                bin_.low,
                bin_.accounts,
                width=BIN * 0.94,
                bottom=heights[bin_.low],
                align="edge",
                color=TONES.get(bin_.band.tone, TONES["unknown"]),
                hatch=HATCHES.get(bin_.band.tone),
                edgecolor="white",
                linewidth=0.6,
            )
            heights[bin_.low] += bin_.accounts
        most = max(heights.values(), default=0)
        for low, count in heights.items():
            if count:
                axes.text(
                    low + BIN * 0.47,
                    count + most * 0.012,
                    f"{count:,}",
                    ha="center",
                    va="bottom",
                    fontsize=8,
                    color=INK,
                    zorder=5,
                    bbox={"facecolor": "white", "lw": 0, "pad": 0.8},
                )
        axes.set(xlim=(0, 100), ylim=(0, most * 1.16 or 1))
        if len({spec.bands for spec in specs}) == 1:
            for band in specs[0].bands[1:]:
                axes.axvline(band.low, color=QUIET, lw=0.9, ls=(0, (3, 3)), zorder=0)
        if spread.mean is not None:
            axes.axvline(spread.mean, color=INK, lw=1.4)
            axes.annotate(
                f"mean {spread.mean:.1f}",
                (spread.mean, most * 1.12),
                xytext=(5, 0),
                textcoords="offset points",
                fontsize=9,
                weight="bold",
                color=INK,
                va="center",
            )
        else:
            axes.text(50, 0.5, "No account has a score", ha="center", va="center", color=QUIET)
        axes.set_xticks(range(0, 101, 10))
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.grid(axis="y", color=LINE, lw=0.8)
        axes.set_axisbelow(True)
        axes.set_xlabel("Health score, 0–100", fontsize=9, color=QUIET)
        axes.set_ylabel("Accounts", fontsize=9, color=QUIET)
        _bare(axes)
        patches = [
            Patch(
                facecolor=TONES.get(band.tone, TONES["unknown"]),
                hatch=HATCHES.get(band.tone),
                edgecolor="white",
                label=f"{band.name}  {total.bands[band]:,} "
                f"({display.percent(total.bands[band] / total.accounts, 1)})",
            )
            for band in bands_of(total)
        ]
        if patches:
            figure.legend(
                handles=patches,
                loc="upper left",
                bbox_to_anchor=(0.027, 0.87),
                ncols=min(len(patches), 5),
                frameon=False,
                fontsize=9,
                handlelength=1.2,
                handleheight=1.1,
                columnspacing=1.8,
            )
        _head(figure, "Distribution of health scores", _spread_in_words(spread), source)
        figure.savefig(out, format="png", dpi=DPI)


def _spread_in_words(spread: Distribution) -> str:
    if not spread.scored:
        return "n 0: no account has enough data for a score."
    return (
        f"n {spread.scored:,} scored accounts · lowest {spread.least:.1f} · highest {spread.most:.1f} · "
        f"mean {spread.mean:.1f} · standard deviation {spread.deviation:.1f} · bins of {BIN} points"
    )
