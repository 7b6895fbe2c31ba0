"""Sessions as rows, saved again when the database is busy: SQLite has one writer, and an import may be it."""

from django.contrib.sessions.backends.db import SessionStore as Rows

from csm.lib.retry import PAGE, retrying


class SessionStore(Rows):
    """Django's own. One row written as a whole, so writing it twice does no harm."""

    @retrying(PAGE)
    def save(self, must_create: bool = False) -> None:
        super().save(must_create)
