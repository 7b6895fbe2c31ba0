"""Files are an admin's: a file may set owners, teams and parents of any account."""

import pytest
from django.urls import reverse

from accounts.imports import urls
from accounts.models import ImportRun

from .conftest import DAY

PAGES = [route.name for route in urls.urlpatterns]


@pytest.mark.parametrize("method", ["get", "post"])
def test_every_page_of_imports_is_not_there_for_others(client, make_user, method):
    run = ImportRun.objects.create(feed="accounts", file_name="a.csv", as_of=DAY, state="uploaded")
    client.force_login(make_user("anna"))
    assert len(PAGES) > 10
    for name in PAGES:
        pattern = next(route for route in urls.urlpatterns if route.name == name)
        address = reverse(name, args=[run.pk] if "<int:pk>" in str(pattern.pattern) else [])
        # A page that knows the other method only says so to everybody.
        assert getattr(client, method)(address).status_code in {404, 405}, name
    run.refresh_from_db()
    assert (run.state, ImportRun.objects.count()) == ("uploaded", 1)
