"""The editor of a trigger: its words and settings as a form, its conditions as rows."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.http import QueryDict

from accounts.models.account import LifecycleStage, SizeSegment
from csm.lib.typed import whole
from playbooks.forms.trigger_conditions import KINDS, Group, Part, Row, Words
from playbooks.forms.trigger_documents import document_of, part_of
from playbooks.models import Severity, Trigger

PARTS: Final = ("rule", "exit")
MAX_GROUPS: Final = 6
MAX_ROWS: Final = 20
_GROUP: Final = re.compile(r"(rule|exit)-(\d{1,2})-match")
_ROW: Final = re.compile(r"(rule|exit)-(\d{1,2})-(\d{1,3})-kind")
_ACT: Final = re.compile(r"(rule|exit)(?:-(\d{1,2}))?(?:-(\d{1,3}))?-(add|remove|add-group|drop)")


class TriggerForm(forms.Form):
    """Everything of a trigger but its conditions."""

    name = forms.CharField(max_length=120, help_text="As it stands on alerts.")
    description = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="What it means",
        help_text="Shown with every alert: why it matters and what to look at first.",
    )
    family = forms.ChoiceField(choices=Trigger.Family.choices)
    severity = forms.TypedChoiceField(
        choices=Severity.choices, coerce=int, initial=Severity.MEDIUM.value
    )
    playbook = forms.ChoiceField(
        required=False, label="Playbook", help_text="Recommended first on its alerts."
    )
    cooldown_days = forms.IntegerField(
        min_value=0,
        max_value=365,
        initial=14,
        label="Cool-down, days",
        help_text="After an alert has ended, the account is left alone for so long.",
    )
    exit_how = forms.ChoiceField(
        label="It is over",
        choices=(
            ("same", "when the rule no longer holds"),
            ("own", "when conditions of its own hold"),
        ),
        initial="same",
        widget=forms.RadioSelect,
    )
    exit_days = forms.IntegerField(
        min_value=1,
        max_value=90,
        initial=1,
        label="Nights in a row",
        help_text="So many quiet nights before the alert clears by itself.",
    )
    industry = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    size_segment = forms.MultipleChoiceField(
        required=False,
        label="Size",
        choices=[(value, value) for value in SizeSegment.values if value],
        widget=forms.CheckboxSelectMultiple,
    )
    lifecycle_stage = forms.MultipleChoiceField(
        required=False,
        label="Lifecycle stage",
        choices=[
            (value, value)
            for value in LifecycleStage.values
            if value and value != LifecycleStage.CHURNED.value
        ],
        widget=forms.CheckboxSelectMultiple,
    )
    tags = forms.CharField(
        required=False, max_length=400, help_text="With commas between them; one of them is enough."
    )
    note = forms.CharField(
        required=False,
        max_length=500,
        label="Why",
        help_text="Kept in the history of the trigger.",
    )
    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        industries: list[str],
        playbooks: list[tuple[int, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["industry"].choices = [(each, each) for each in industries]  # type: ignore[attr-defined]
        self.fields["playbook"].choices = [("", "None"), *playbooks]  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            if isinstance(field.widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
                continue
            field.widget.attrs["class"] = (
                "form-select" if isinstance(field, forms.ChoiceField) else "form-control"
            )
            if field.help_text and name in self.errors:
                field.widget.attrs["aria-describedby"] = f"id_{name}_helptext"

    def scope(self) -> dict[str, list[str]]:
        """The scope document of what was chosen."""
        data = self.cleaned_data
        found = {
            name: list(data.get(name) or ())
            for name in ("industry", "size_segment", "lifecycle_stage")
        }
        found["tags"] = [each.strip() for each in data.get("tags", "").split(",") if each.strip()]
        return {name: values for name, values in found.items() if values}


class Editor:
    """A trigger as it stands in the form, right or wrong.

    `parts`: the rule and the exit as rows. `values` and `draft` are None while something is wrong.
    """

    def __init__(self, form: TriggerForm, parts: dict[str, Part], words: Words) -> None:
        self.form, self.parts, self.words = form, parts, words
        self._documents: dict[str, Any] | None = None

    def act(self, act: str) -> bool:
        """Add or take away a row or group; returns whether `act` asked for that."""
        found = _ACT.fullmatch(act)
        if not found:
            return False
        name, group, row, what = found.groups()
        groups = self.parts[name].groups
        at = int(group) if group else 0
        if what == "add-group" and len(groups) < MAX_GROUPS:
            groups.append(Group("any"))
        elif what == "add" and at < len(groups) and len(groups[at].rows) < MAX_ROWS:
            groups[at].rows.append(Row())
        elif what == "remove" and row and at < len(groups) and int(row) < len(groups[at].rows):
            del groups[at].rows[int(row)]
        elif what == "drop" and 0 < at < len(groups):
            del groups[at]
        return True

    @property
    def has_own_exit(self) -> bool:
        return bool(self.form["exit_how"].value() == "own")

    @property
    def exit_days(self) -> int:
        """Nights in a row as typed; 1 where that is no number."""
        text = str(self.form["exit_days"].value() or "")
        days = whole(text, 3)
        return 1 if days is None else days

    @property
    def scope_fields(self) -> list[forms.BoundField]:
        return [self.form[name] for name in ("industry", "size_segment", "lifecycle_stage")]

    def documents(self) -> dict[str, Any]:
        """{"rule": document or None, "exit": …}; wrong rows have their sentences afterwards."""
        if self._documents is None:
            self._documents = {
                "rule": document_of(self.parts["rule"], self.words),
                "exit": document_of(self.parts["exit"], self.words) if self.has_own_exit else {},
            }
        return self._documents

    def values(self) -> dict[str, Any] | None:
        """What `services.trigger_changes.save` takes; None while something is wrong."""
        documents = self.documents()
        if not self.form.is_valid() or None in (documents["rule"], documents["exit"]):
            return None
        data = self.form.cleaned_data
        return {
            "name": data["name"],
            "description": data["description"],
            "family": data["family"],
            "severity": data["severity"],
            "rule": documents["rule"],
            "exit_rule": documents["exit"],
            "exit_days": data["exit_days"],
            "scope": self.form.scope(),
            "cooldown_days": data["cooldown_days"],
            "playbook_id": int(data["playbook"]) if data["playbook"] else None,
        }


def of_values(values: Mapping[str, Any], words: Words, **choices: Any) -> Editor:
    """The editor of values as `save` takes them. Raises NotEditable."""
    scope = values.get("scope") or {}
    initial = {
        "name": values.get("name", ""),
        "description": values.get("description", ""),
        "family": values.get("family", Trigger.Family.LEADING.value),
        "severity": values.get("severity", Severity.MEDIUM.value),
        "playbook": values.get("playbook_id") or "",
        "cooldown_days": values.get("cooldown_days", 14),
        "exit_days": values.get("exit_days", 1),
        "exit_how": "own" if values.get("exit_rule") else "same",
        "revision": values.get("revision"),
        **{name: scope.get(name, []) for name in ("industry", "size_segment", "lifecycle_stage")},
        "tags": ", ".join(scope.get("tags", [])),
    }
    parts = {
        "rule": part_of(values["rule"], words) if values.get("rule") else Part(),
        "exit": part_of(values["exit_rule"], words) if values.get("exit_rule") else Part(),
    }
    return Editor(TriggerForm(initial=initial, **choices), parts, words)


def of_post(post: QueryDict, words: Words, **choices: Any) -> Editor:
    """The editor as it was sent."""
    groups: dict[str, dict[int, Group]] = {name: {} for name in PARTS}
    for key in post:
        if found := _GROUP.fullmatch(key):
            name, at = found[1], int(found[2])
            prefix = f"{name}-{at}"
            groups[name][at] = Group(
                post.get(key, "all"), post.get(f"{prefix}-least", "")[:4], rows=[]
            )
    rows: list[tuple[str, int, int]] = []
    for key in post:
        if (found := _ROW.fullmatch(key)) and int(found[2]) in groups[found[1]]:
            rows.append((found[1], int(found[2]), int(found[3])))
    for name, at, number in sorted(rows)[: MAX_GROUPS * MAX_ROWS]:
        groups[name][at].rows.append(_row(post, f"{name}-{at}-{number}"))
    parts = {
        name: Part([found[at] for at in sorted(found)][:MAX_GROUPS] or [Group()])
        for name, found in groups.items()
    }
    return Editor(TriggerForm(post, **choices), parts, words)


def _row(post: QueryDict, prefix: str) -> Row:
    kind = KINDS.get(post.get(f"{prefix}-kind", ""), KINDS["metric"])
    # Gaps another kind shares keep what was typed when the kind is changed.
    gaps = {gap for each in KINDS.values() for gap in each.gaps}
    values = {
        gap: post.get(f"{prefix}-{gap}", "")[:500] for gap in gaps if f"{prefix}-{gap}" in post
    }
    return Row(kind.key, values)
