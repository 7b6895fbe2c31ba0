"""The tables of the insights page by their address: what each counts and how."""

from collections.abc import Callable
from typing import Any

from django.urls import reverse

from csm.portfolio import insights_selectors as select
from csm.portfolio.insights_figures import Figures
from csm.portfolio.insights_selectors import BIN, UNKNOWN, Band, Tally
from csm.portfolio.insights_tables import Column, Table
from scoring.engine.spec import UNKNOWN_NAME, UNKNOWN_TONE

TOP_SEGMENTS = 12
_RATE = (
    "High-risk accounts (the lowest band) divided by accounts with a band (n). "
    "Unknown accounts count in neither."
)
_PREDICTED = (
    "Open pipeline × health/100 + upsell share × total won × (base + slope × health/100), with the "
    "scorecard's constants. Health/100 is a heuristic weight, not a probability."
)


def distribution(figures: Figures) -> Table:
    """Histogram."""
    rows = [
        (each.low, each.low + BIN, (each.band.name, each.band.tone), each.accounts)
        for each in figures.spread.bins
    ]
    columns = [
        Column("score_from", "Score from", "count"),
        Column("score_to", "to below", "count"),
        Column("band", "Band", "band"),
        Column("accounts", "Accounts", "count"),
    ]
    definition = (
        f"Accounts with a band by health score, in bins of {BIN} points; 100 is in the last bin."
    )
    return Table("distribution", "Distribution of scores", definition, columns, rows)


def bands(figures: Figures) -> Table:
    """Counts per band."""
    found: dict[Band, Tally] = {}
    for part in figures.segments:
        found.setdefault(part.in_band, Tally()).add(part)
    rows = [
        (
            (band.name, band.tone),
            t.accounts,
            t.accounts / figures.total.accounts,
            t.arr_sum,
            t.arr_known,
        )
        for band, t in ((band, found[band]) for band in figures.bands)
    ]
    columns = [
        Column("band", "Band", "band"),
        Column("accounts", "Accounts", "count"),
        Column("share", "Share", "ratio"),
        Column("arr", "ARR", "money"),
        Column("arr_known", "ARR known for", "count"),
    ]
    definition = "Current customers by the band of their scorecard."
    return Table("bands", "Bands", definition, columns, rows, currency=figures.currency)


def history(figures: Figures) -> Table:
    """Bands over time, one row a night and band."""
    rows = [
        (night.as_of, (band.name, band.tone), count, count / night.accounts)
        for night in figures.history
        for band, count in sorted(night.bands.items(), key=lambda item: item[0], reverse=True)
    ]
    columns = [
        Column("as_of", "Night", "day"),
        Column("band", "Band", "band"),
        Column("accounts", "Accounts", "count"),
        Column("share", "Share", "ratio"),
    ]
    definition = "Accounts each night scored, by band; owner and team are those of that night."
    return Table("history", "Bands over 180 days", definition, columns, rows)


_SEGMENT = [
    Column("industry", "Industry"),
    Column("account_size_segment", "Size"),
    Column("accounts", "n", "count"),
    Column("high_risk_accounts", "High risk", "count"),
    Column("high_risk_rate", "Share", "ratio"),
    Column("unknown_accounts", "Unknown", "count"),
    Column("arr", "ARR", "money"),
    Column("arr_known", "ARR known for", "count"),
]


def _segment(industry: str, size: str, tally: Tally) -> tuple[Any, ...]:
    return (
        industry or UNKNOWN,
        size or UNKNOWN,
        tally.judged,
        tally.high_risk,
        tally.rate,
        tally.unknown,
        tally.arr_sum,
        tally.arr_known,
    )


def _cell_url(figures: Figures, industry: str, size: str, **more: Any) -> str:
    return figures.list_of(industry=figures.param(industry), size=figures.param(size), **more)


def risk_matrix(figures: Figures) -> Table:
    """Every cell of industry × size."""
    cells = sorted(
        figures.matrix.cells.items(),
        key=lambda item: (
            figures.matrix.industries.index(item[0][0]),
            figures.matrix.sizes.index(item[0][1]),
        ),
    )
    rows = [_segment(*cell, tally) for cell, tally in cells]
    urls = [_cell_url(figures, *cell) for cell, _ in cells]
    title = "High-risk share by industry and size"
    return Table("risk-matrix", title, _RATE, _SEGMENT, rows, urls, figures.currency)


def risk_segments(figures: Figures) -> Table:
    """The segments with the highest share."""
    found = select.top_segments(figures.matrix, TOP_SEGMENTS)
    rows = [_segment(*each) for each in found]
    urls = [
        _cell_url(figures, each.industry, each.size, band=figures.high_risk_bands) for each in found
    ]
    definition = (
        f"{_RATE} Sorted by share, then n; a share of fewer than {select.SMALL_N} says little."
    )
    return Table(
        "risk-segments", "Top risk segments", definition, _SEGMENT, rows, urls, figures.currency
    )


def characteristics(figures: Figures) -> Table:
    """Medians of high-risk accounts against all."""
    rows = [
        (
            each.metric,
            each.label,
            each.median_high_risk,
            each.median_all,
            each.difference,
            each.n_high_risk,
            each.n_all,
        )
        for each in figures.characteristics
    ]
    columns = [
        Column("metric", "Key"),
        Column("label", "Metric"),
        Column("median_high_risk", "Median, high risk", "number"),
        Column("median_all", "Median, all", "number"),
        Column("difference", "Difference", "signed"),
        Column("n_high_risk", "n, high risk", "count"),
        Column("n_all", "n, all", "count"),
    ]
    definition = (
        "Median of each metric among high-risk accounts and among all, and how far the first is from the "
        "second, in per cent of it. What goes together is not thereby a cause."
    )
    return Table(
        "characteristics", "What high-risk accounts have in common", definition, columns, rows
    )


def strategy(figures: Figures) -> Table:
    """Size × band counts."""
    found = select.strategy_matrix(figures.segments)
    columns = [
        Column("band", "Band", "band"),
        Column("size", "Size"),
        Column("accounts", "Accounts", "count"),
        Column("arr", "ARR", "money"),
        Column("arr_known", "ARR known for", "count"),
    ]
    order = [*select.STRATEGY_SIZES, UNKNOWN]
    rows = [
        ((band.name, band.tone), size, t.accounts, t.arr_sum, t.arr_known)
        for band in figures.bands
        for size in order
        if (t := found.get((band, size)))
    ]
    definition = "Accounts by band and size; Large and Enterprise share one strategy."
    return Table(
        "strategy",
        "Strategy by size and band",
        definition,
        columns,
        rows,
        currency=figures.currency,
    )


_REVENUE = [
    Column("accounts", "Accounts", "count"),
    Column("predicted_6m_revenue", "Predicted 6 m", "money"),
    Column("predicted_known", "known for", "count"),
    Column("share", "Share", "ratio"),
    Column("average_health", "Mean health", "score"),
]


def _revenue(figures: Figures, tally: Tally) -> list[Any]:
    whole = figures.total.predicted
    share = tally.predicted / whole if tally.predicted_known and whole else None
    return [tally.accounts, tally.predicted_sum, tally.predicted_known, share, tally.mean]


def tiers(figures: Figures) -> Table:
    """Revenue per tier."""
    rows = [(tier or UNKNOWN, *_revenue(figures, tally)) for tier, tally in figures.tiers.items()]
    urls = [figures.list_of(tier=figures.param(tier)) for tier in figures.tiers]
    columns = [Column("contribution_tier", "Tier"), *_REVENUE]
    return Table(
        "tiers",
        "Predicted revenue by tier",
        _PREDICTED,
        columns,
        rows,
        urls,
        figures.currency,
        figures.top,
    )


def revenue_by_industry(figures: Figures) -> Table:
    """Revenue per industry, the largest first."""
    found = sorted(figures.by_industry.items(), key=lambda item: (-item[1].predicted, item[0]))
    rows = [(name or UNKNOWN, *_revenue(figures, tally)) for name, tally in found]
    urls = [figures.list_of(industry=figures.param(name)) for name, _ in found]
    columns = [Column("industry", "Industry"), *_REVENUE]
    title = "Predicted revenue by industry"
    return Table(
        "revenue-by-industry", title, _PREDICTED, columns, rows, urls, figures.currency, figures.top
    )


def contributors(figures: Figures) -> Table:
    """The accounts with the largest predicted revenue."""
    whole = figures.total.predicted
    rows, urls, so_far = [], [], 0
    for each in figures.contributors:
        so_far += each.predicted
        rows.append(
            (
                each.name,
                each.external_id,
                each.industry or UNKNOWN,
                each.size or UNKNOWN,
                each.score,
                (each.band_name or UNKNOWN_NAME, each.tone or UNKNOWN_TONE),
                each.predicted,
                each.predicted / whole if whole else None,
                so_far / whole if whole else None,
                each.tier or UNKNOWN,
            )
        )
        urls.append(reverse("account", args=[each.pk]))
    columns = [
        Column("account_name", "Account"),
        Column("account_id", "Id"),
        Column("industry", "Industry"),
        Column("account_size_segment", "Size"),
        Column("health_score", "Score", "score"),
        Column("risk_band", "Band", "band"),
        Column("predicted_6m_revenue", "Predicted 6 m", "money"),
        Column("share", "Share", "ratio"),
        Column("cumulative_share", "Together", "ratio"),
        Column("contribution_tier", "Tier"),
    ]
    definition = f"{_PREDICTED} Share of the sum over all accounts of this page with a prediction."
    return Table(
        "contributors",
        "Top contributors",
        definition,
        columns,
        rows,
        urls,
        figures.currency,
        figures.top,
    )


def health_and_revenue(figures: Figures) -> Table:
    """Predicted revenue by score."""
    found: dict[int, list[int]] = {}
    for each in figures.spread.bins:
        sums = found.setdefault(each.low, [0, 0])
        sums[0] += each.predicted_known
        sums[1] += each.predicted
    rows = [
        (low, low + BIN, n, amount, round(amount / n)) for low, (n, amount) in found.items() if n
    ]
    columns = [
        Column("score_from", "Score from", "count"),
        Column("score_to", "to below", "count"),
        Column("accounts", "Accounts", "count"),
        Column("predicted_6m_revenue", "Predicted 6 m", "money"),
        Column("mean", "Mean", "money"),
    ]
    definition = (
        "Pearson's correlation of score and predicted revenue over accounts that have both. The score is "
        "part of the prediction's formula, so some of it is there by construction."
    )
    return Table(
        "health-and-revenue",
        "Health against revenue",
        definition,
        columns,
        rows,
        currency=figures.currency,
    )


def _health(
    figures: Figures, slug: str, word: str, groups: dict[Any, Tally], urls: list[str]
) -> Table:
    columns = [
        Column(word.lower().replace(" ", "_"), word),
        Column("accounts", "Accounts", "count"),
        Column("mean_health", "Mean", "score"),
        Column("high_risk_rate", "High risk", "ratio"),
        *(
            Column(f"share_{band.name.lower().replace(' ', '_')}", band.name, "ratio")
            for band in figures.bands
        ),
    ]
    definition = (
        "Mean score and high-risk share over accounts with a band; the share per band is of all accounts "
        "of the row, Unknown among them."
    )
    rows = figures.rows_of(groups)
    return Table(
        slug,
        f"Health by {word if word.isupper() else word.lower()}",
        definition,
        columns,
        rows,
        urls,
        top=figures.top,
    )


def health_by_size(figures: Figures) -> Table:
    """By size segment."""
    groups = figures.by_size
    urls = [figures.list_of(size=figures.param(name)) for name in groups]
    return _health(figures, "health-by-size", "Size", groups, urls)


def health_by_industry(figures: Figures) -> Table:
    """By industry."""
    groups = figures.by_industry
    urls = [figures.list_of(industry=figures.param(name)) for name in groups]
    return _health(figures, "health-by-industry", "Industry", groups, urls)


def health_by_owner(figures: Figures) -> Table:
    """By CSM."""
    urls = [figures.list_of(owner=figures.owner_param(pk)) for pk in figures.owner_ids]
    return _health(figures, "health-by-owner", "CSM", figures.by_owner, urls)


def health_by_stage(figures: Figures) -> Table:
    """By lifecycle stage."""
    groups = figures.by_stage
    urls = [figures.list_of(lifecycle=figures.param(name)) for name in groups]
    return _health(figures, "health-by-stage", "Stage", groups, urls)


TABLES: dict[str, Callable[[Figures], Table]] = {
    "distribution": distribution,
    "bands": bands,
    "history": history,
    "risk-matrix": risk_matrix,
    "risk-segments": risk_segments,
    "characteristics": characteristics,
    "strategy": strategy,
    "tiers": tiers,
    "revenue-by-industry": revenue_by_industry,
    "contributors": contributors,
    "health-and-revenue": health_and_revenue,
    "health-by-size": health_by_size,
    "health-by-industry": health_by_industry,
    "health-by-owner": health_by_owner,
    "health-by-stage": health_by_stage,
}
