"""Processor time of this process and of the database process that serves it, when both are on this machine."""

import os
import time
from pathlib import Path
from typing import Any


def of_server(cursor: Any) -> int:
    """The process id of the server's side of a connection."""
    cursor.execute("SELECT pg_backend_pid()")
    return int(cursor.fetchone()[0])


def seconds(server: int) -> float:
    """Used so far by this process and by process `server`; parallel workers of a query are not seen."""
    own = time.process_time()
    try:
        fields = Path(f"/proc/{server}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return own
    return own + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
