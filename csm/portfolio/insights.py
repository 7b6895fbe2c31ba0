"""What the book says as a whole: the insights page and its tables as CSV."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render


def insights(request: HttpRequest) -> HttpResponse:
    """The page; scope and filters are in the URL."""
    return render(request, "portfolio/insights.html", {})


def insights_csv(request: HttpRequest, table: str) -> HttpResponse:
    """One table of the page as CSV."""
    raise Http404(f"There is no table {table}.")


def report_zip(request: HttpRequest) -> HttpResponse:
    """The report of `export_report` for what the user may see."""
    raise Http404("There is no report yet.")
