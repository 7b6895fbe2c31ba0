"""Pieces of HTML escape what they are given, say in words what they draw, and carry no style."""

from types import SimpleNamespace

import pytest

from csm.lib import markup

BANDS = [("Low", "poor", 0, 50), ("Medium", "fair", 50, 80), ("High", "good", 80, 100)]
NASTY = '<b onclick="x">&'


@pytest.mark.parametrize(
    "html",
    [
        markup.band(NASTY, "good"),
        markup.band(NASTY, NASTY),
        markup.link(NASTY, NASTY, NASTY),
        markup.owner(NASTY),
        markup.defn(NASTY),
        markup.unknown(NASTY),
        markup.gauge(50, NASTY, "fair", [(NASTY, "fair", 0, 100)]),
        markup.sparkline([1, 2], NASTY),
        markup.split_bar([(NASTY, "good", 1)], NASTY),
        markup.icon("home", NASTY),
        markup.number(1, unit=NASTY),
        markup.money(1, NASTY),
    ],
)
def test_arguments_are_escaped_and_nothing_is_styled_inline(html):
    assert "<b onclick" not in html
    assert "style=" not in html


def test_rows_of_figures_head_their_row_and_escape_what_is_not_safe():
    drawn = markup.figure_rows([[(NASTY, NASTY), ("r", markup.number(1234)), ("r", 5)], []])
    assert drawn == (
        '<tr><th scope="row" class="&lt;b onclick=&quot;x&quot;&gt;&amp;">'
        "&lt;b onclick=&quot;x&quot;&gt;&amp;</th>"
        f'<td class="r">{markup.number(1234)}</td><td class="r">5</td></tr><tr></tr>'
    )
    assert markup.figure_rows(None) == ""


def test_every_tone_has_a_shape_of_its_own():
    tones = ("good", "fair", "poor", "unknown")
    assert len({markup.band("x", t).split(">", 1)[1] for t in tones}) == 4


def test_the_gauge_says_its_value_on_the_display_scale():
    assert 'aria-label="Health 6.2 of 10, Medium"' in markup.gauge(
        62.4, "Medium", "fair", BANDS, 10
    )


def test_an_unknown_gauge_shows_no_value_and_no_band_colour():
    html = markup.gauge(None, "Unknown", "good", BANDS)
    assert "g-value" not in html
    assert "tone-unknown" in html


def test_a_change_is_spoken_with_direction_and_period():
    html = markup.delta(-1.14, period="over 7 days")
    assert "▼ −1.1" in html
    assert "down 1.1 points over 7 days" in html


def test_a_rise_of_something_bad_is_toned_as_bad():
    assert "delta-poor" in markup.delta(2, good="down")


def test_a_gap_in_the_points_breaks_the_line():
    assert markup.sparkline([1.0, 2.0, None, 3.0, 4.0]).split('d="')[1].count("M") == 2
    assert "spark-none" in markup.sparkline([None, None])


def test_unknown_points_are_not_drawn_as_lost_ones():
    assert "p-lost" not in markup.points_bar(None, 20)
    assert "6.2 of 20.0 points earned, 13.8 lost" in markup.points_bar(6.2, 20, 30)


def test_coverage_below_the_minimum_is_said():
    assert "below minimum" in markup.coverage(0.41)
    assert "below minimum" not in markup.coverage(0.9)


def test_a_missing_icon_is_named():
    with pytest.raises(KeyError, match="no-such-thing"):
        markup.icon("no-such-thing")


def test_rows_escape_cells_that_are_not_marked_safe():
    row = SimpleNamespace(url="/a/1/", id="A-1", name=NASTY, cells=[("r", NASTY), ("", "x")])
    html = markup.table_rows([row], selectable=True)
    assert "<b onclick" not in html
    assert html.count("<td") == 3
    assert '<td class="first r">' in html
