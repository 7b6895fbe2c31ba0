"""Uploading as an admin does, and doing the worker's part at once."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.imports import jobs
from accounts.models import ImportRun


@pytest.fixture
def upload(client: Any, admin: Any) -> Callable[..., ImportRun]:
    """Upload text or bytes through the form; gives the import that waits for its mapping."""
    client.force_login(admin)

    def send(content: str | bytes, name: str = "accounts.csv", **said: str) -> ImportRun:
        data = content.encode() if isinstance(content, str) else content
        fields = {"feed": "", "mapping": "", "source": "crm", "as_of": "2026-11-20"} | said
        response = client.post(
            "/imports/upload/", fields | {"file": SimpleUploadedFile(name, data)}
        )
        assert response.status_code == 302, response.content.decode()
        return ImportRun.objects.get(pk=int(response["Location"].split("/")[2]))

    return send


@pytest.fixture
def form(client: Any) -> Callable[..., dict[str, str]]:
    """What the mapping page's form would send as it stands, with some of it changed."""

    def filled(run: ImportRun, **changes: str) -> dict[str, str]:
        page = client.get(f"/imports/{run.pk}/mapping/").context
        said = {bound.name: str(bound.value() or "") for bound in page["form"]}
        columns = {
            f"target-{column.index}": column.target or "ignore" for column in page["look"].columns
        }
        return said | columns | changes

    return filled


@pytest.fixture
def load(client: Any, form: Any) -> Callable[..., ImportRun]:
    """Press Load (or Dry run), and do what the worker does."""

    def press(run: ImportRun, **changes: str) -> ImportRun:
        response = client.post(f"/imports/{run.pk}/start/", form(run, **changes))
        assert response["Location"] == f"/imports/{run.pk}/", [
            str(m) for m in client.get(response["Location"]).context["messages"]
        ]
        jobs.work(run.pk)
        run.refresh_from_db()
        return run

    return press
