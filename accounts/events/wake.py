"""Events are applied soon after they arrive, by a thread beside the requests of this process.

Rows say what is to be done; the sweep and the night do it too. A process that dies loses nothing.
"""

import logging
import threading
import time

from django.db import connections

from accounts.events import apply
from csm.lib.dates import today

log = logging.getLogger("csm.events")

# A sender's next batches are usually on their way: one pass for several of them.
PAUSE_SECONDS = 2.0

_guard = threading.Lock()
_running = False
_again = False


def wake() -> None:
    """Have what waits applied soon. Returns at once and never raises for what happens then."""
    global _running, _again
    with _guard:
        if _running:
            _again = True
            return
        _running = True
    threading.Thread(target=_work, name="apply-events", daemon=True).start()


def _work() -> None:
    global _running, _again
    while True:
        time.sleep(PAUSE_SECONDS)
        with _guard:
            _again = False
        try:
            apply.apply_events(as_of=today())
        except Exception:
            # The rows wait for the sweep; the senders have their answer already.
            log.exception("events could not be applied")
        finally:
            connections.close_all()
        with _guard:
            if not _again:
                _running = False
                return
