"""A write key, and a sender that needs no client."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from accounts.events.keys import create_key


@pytest.fixture
def write_key(admin) -> str:
    return create_key(name="Web", source="product", by=admin)[1]


@pytest.fixture
def post(client, write_key) -> Callable[..., Any]:
    """Post a body to `/v1/<to>` with the key as the user name of basic authentication."""

    def send(body: Any, to: str = "batch", key: str = write_key, **headers: str) -> Any:
        credentials = base64.b64encode(f"{key}:".encode()).decode()
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post(
            f"/v1/{to}",
            raw,
            content_type="application/json",
            headers={"Authorization": f"Basic {credentials}", **headers},
        )

    return send


@pytest.fixture
def track() -> Callable[..., dict[str, Any]]:
    """A track message; ids count up."""
    made = 0

    def make(event: str = "Report Exported", group: str = "A0001", **more: Any) -> dict[str, Any]:
        nonlocal made
        made += 1
        message = {
            "type": "track",
            "messageId": f"m{made}",
            "userId": "ada",
            "event": event,
            "context": {"groupId": group} if group else {},
        }
        return message | more

    return make
