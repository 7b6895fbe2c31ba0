"""Nights as everyone reads them."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from scoring.models import ScoreRun


@require_safe
def night_list(request: HttpRequest) -> HttpResponse:
    """The last nights."""
    return render(request, "scoring/night_list.html", {"runs": ScoreRun.objects.all()[:50]})


@require_safe
def night_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One night."""
    return render(
        request, "scoring/night_list.html", {"runs": [get_object_or_404(ScoreRun, pk=pk)]}
    )
