"""Names of the columns of a frame that rules are judged on, one row per account.

Metrics stand under their own keys (float, NaN unknown; categories as text, None unknown).
"""

from playbooks.rules.conditions import (
    ComponentCondition,
    ComponentIs,
    ComponentLight,
    ComponentsFalling,
)

SCORE = "score"  # 0–100, NaN unknown
BAND = "band"  # index from low to high, −1 for Unknown, NaN where the account has no score at all
BANDS = "bands"  # how many bands its scorecard has
BAND_NAME = "band_name"


def ago(column: str, days: int) -> str:
    """The same figure `days` before."""
    return f"{column}@{days}d"


def open_of(family: str) -> str:
    """Open alerts of a family of triggers."""
    return f"open:{family}"


def component(condition: ComponentCondition) -> str:
    """What a condition over components came to: 1 true, 0 false, −1 unknown."""
    match condition:
        case ComponentIs():
            return f"component:{condition.component}{condition.op}{condition.value}"
        case ComponentLight():
            return f"light:{condition.component}:{condition.op}:{condition.days or 0}"
        case ComponentsFalling():
            return f"falling:{condition.days}:{condition.by}{condition.op}{condition.value}"


def figure(condition: ComponentCondition) -> str:
    """The figure behind it: the least or most score, or how many components (NaN unknown)."""
    return f"{component(condition)}:figure"


def which(condition: ComponentCondition) -> str:
    """The labels of the components it is about."""
    return f"{component(condition)}:which"
