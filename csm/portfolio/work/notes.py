from django.http import Http404, HttpRequest, HttpResponse


def account_notes(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404("STUB")
