"""What hangs on a row, in the statement that reads the row."""

from typing import Any

from django.db.models import JSONField, QuerySet, Subquery
from django.db.models.functions import JSONObject


class RowsOf(Subquery):
    """The fields of the rows of `rows`, in their order, as a list of dicts; [] where there are none.

    For the few parts of a thing: JSON knows texts, numbers and null. Days come as texts, and SQLite says
    1 for true.
    """

    template = '(SELECT JSON_GROUP_ARRAY(JSON("part")) FROM (%(subquery)s) "parts")'
    output_field = JSONField()

    def __init__(self, rows: QuerySet[Any], *fields: str) -> None:
        super().__init__(rows.values(part=JSONObject(**{name: name for name in fields})))

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(SELECT COALESCE(JSONB_AGG(part), '[]') FROM (%(subquery)s) parts)"
        return self.as_sql(compiler, connection, template=template, **context)
