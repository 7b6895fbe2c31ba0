"""The programs of the API's own tests."""

from tests.accounts.api.conftest import _fresh_cache, api, token

__all__ = ["_fresh_cache", "api", "token"]
