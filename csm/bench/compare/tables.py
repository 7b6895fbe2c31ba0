"""Tables of the bench's own that are like the product's."""

import re
from typing import Any


def indexes_like(cursor: Any, like: str, table: str, *, method: str = "") -> list[str]:
    """Statements that give `table` the indexes of `like`; with `method` only those of that kind."""
    cursor.execute(
        "SELECT indexdef FROM pg_indexes WHERE tablename = %s AND schemaname = current_schema()",
        [like],
    )
    return [
        re.sub(r"INDEX \S+ ON (ONLY )?\S+", f"INDEX ON {table}", made)
        for (made,) in cursor.fetchall()
        if f" USING {method}" in made
    ]
