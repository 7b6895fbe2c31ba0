"""Scorecards as everyone reads them."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from scoring.models import Scorecard


@require_safe
def scorecard_list(request: HttpRequest) -> HttpResponse:
    """Every scorecard."""
    return render(request, "scoring/scorecard_list.html", {"scorecards": Scorecard.objects.all()})


@require_safe
def scorecard_page(request: HttpRequest, key: str) -> HttpResponse:
    """One scorecard."""
    return render(
        request,
        "scoring/scorecard_list.html",
        {"scorecards": [get_object_or_404(Scorecard, key=key)]},
    )


@require_safe
def scorecard_yaml(request: HttpRequest, key: str) -> HttpResponse:
    """One scorecard as YAML."""
    get_object_or_404(Scorecard, key=key)
    return HttpResponse("", content_type="application/yaml")
