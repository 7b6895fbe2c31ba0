from django.http import Http404, HttpRequest, HttpResponse


def account_alerts(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404("STUB")
