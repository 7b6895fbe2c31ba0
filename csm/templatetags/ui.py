"""`{% load ui %}`: the pieces of `csm.lib.markup`."""

from __future__ import annotations

import datetime as dt

from django import template
from django.utils.safestring import SafeString

from csm.lib import display, markup

register = template.Library()

register.simple_tag(markup.icon, name="icon")
register.simple_tag(markup.defn, name="defn")
register.simple_tag(markup.band, name="band")
register.simple_tag(markup.score, name="score")
register.simple_tag(markup.delta, name="delta")
register.simple_tag(markup.gauge, name="gauge")
register.simple_tag(markup.sparkline, name="sparkline")
register.simple_tag(markup.points_bar, name="points_bar")
register.simple_tag(markup.coverage, name="coverage")
register.simple_tag(markup.split_bar, name="split_bar")
register.simple_tag(markup.table_head, name="table_head")
register.simple_tag(markup.figure_rows, name="figure_rows")
register.simple_tag(markup.table_rows, name="table_rows")
register.simple_tag(markup.avatar, name="avatar")
register.simple_tag(markup.owner, name="owner")
register.simple_tag(markup.unknown, name="unknown")


@register.filter
def money(minor: int | None, currency: str = "USD") -> SafeString:
    """`{{ account.arr_amount|money:account.currency }}`."""
    return markup.money(minor, currency)


@register.filter
def number(value: float | None, digits: int = 0) -> SafeString:
    """`{{ n|number }}`, `{{ mean|number:1 }}`."""
    return markup.number(value, digits)


@register.filter
def percent(ratio: float | None, digits: int = 0) -> SafeString:
    """`{{ share|percent }}` for a ratio 0..1."""
    return markup.percent(ratio, digits)


@register.filter
def day(value: dt.date | None) -> SafeString:
    """`{{ as_of|day }}`."""
    return markup.day(value)


@register.filter
def duration(seconds: float) -> str:
    """`{{ took|duration }}` for seconds."""
    return display.duration(seconds)


@register.filter
def about(seconds: float) -> str:
    """`about {{ left|about }}` for an estimate in seconds."""
    return display.about(seconds)
