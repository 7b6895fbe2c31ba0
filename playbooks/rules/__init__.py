"""Rules over an account's metrics, score, components and bands: read, judged, told. Pure.

Numpy and pandas only: no Django models, no clock, no database. `playbooks.services.readings` makes the frame.
"""

from playbooks.rules import columns
from playbooks.rules.document import Needs, Rule, RuleError, needs_of
from playbooks.rules.evidence import evidence, evidences
from playbooks.rules.judge import FALSE, TRUE, UNKNOWN, Truth, judge
from playbooks.rules.scope import Scope
from playbooks.rules.words import Label, Labels, sentence

__all__ = [
    "FALSE",
    "TRUE",
    "UNKNOWN",
    "Label",
    "Labels",
    "Needs",
    "Rule",
    "RuleError",
    "Scope",
    "Truth",
    "columns",
    "evidence",
    "evidences",
    "judge",
    "needs_of",
    "sentence",
]
