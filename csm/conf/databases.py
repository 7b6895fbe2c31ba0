"""How the database is connected to, by what kind of process connects.

`CSM_PROCESS` is "web" in the web server, "worker" in Celery, absent in commands.
"""

import os
from pathlib import Path
from typing import Any

_SQLITE = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
    "PRAGMA cache_size=-64000; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=8000;"
)


def database(parsed: dict[str, Any], folder: Path) -> dict[str, Any]:
    """`DATABASES["default"]` from a parsed DATABASE_URL; `folder` holds the embedded database."""
    if parsed["ENGINE"] == "django.db.backends.sqlite3":
        folder.mkdir(exist_ok=True)
        parsed["OPTIONS"] = {
            # A writer takes its lock at once instead of failing on the way up from a reader's.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": _SQLITE,
        }
        return parsed
    # Celery closes a pool after every task, and a command has one connection: pools are for the web.
    if os.environ.get("CSM_PROCESS") == "web":
        parsed["OPTIONS"] = {"pool": {"min_size": 1, "max_size": 8, "timeout": 10}}
    else:
        parsed["CONN_MAX_AGE"] = 60
        parsed["CONN_HEALTH_CHECKS"] = True
    return parsed
