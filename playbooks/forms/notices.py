"""Forms of notices: how one wants to be told, and webhooks."""

from typing import Any

from django import forms

from accounts.models import Team
from playbooks.models import Notice, NoticeSetting, Severity, Webhook

_HOURS = [(hour, f"{hour:02d}:00") for hour in range(24)]


class NoticeSettingForm(forms.Form):
    """How a colleague wants to be told; ticked kinds are told, the others muted."""

    mail = forms.ChoiceField(label="By e-mail", choices=NoticeSetting.Mail.choices)
    digest_hour = forms.TypedChoiceField(
        label="Daily digest at",
        choices=_HOURS,
        coerce=int,
        help_text="In the time zone of the workbench. Nobody gets an empty one.",
    )
    min_severity = forms.TypedChoiceField(
        label="Alerts from",
        choices=Severity.choices,
        coerce=int,
        help_text="Quieter ones are in the lists, but you are not told of them.",
    )
    kinds = forms.MultipleChoiceField(
        label="Tell me of",
        choices=Notice.Kind.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    @classmethod
    def of(cls, setting: NoticeSetting, data: Any = None) -> "NoticeSettingForm":
        """The form for a setting as it is."""
        kinds = [kind for kind in Notice.Kind.values if kind not in setting.muted]
        initial = {
            "mail": setting.mail,
            "digest_hour": setting.digest_hour,
            "min_severity": setting.min_severity,
            "kinds": kinds,
        }
        return cls(data, initial=initial)

    @property
    def values(self) -> dict[str, Any]:
        """What to store."""
        told = dict(self.cleaned_data)
        kinds = told.pop("kinds")
        return told | {"muted": [kind for kind in Notice.Kind.values if kind not in kinds]}


class WebhookForm(forms.Form):
    """A webhook. `whose` is offered to admins: their own, the house's, or a team's."""

    name = forms.CharField(max_length=80, help_text="Where it arrives: “#customer-risk”.")
    url = forms.CharField(
        label="Address",
        max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://hooks.example.com/…"}),
    )
    format = forms.ChoiceField(choices=Webhook.Format.choices)
    kinds = forms.MultipleChoiceField(
        label="Send",
        choices=Notice.Kind.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=[Notice.Kind.ALERT, Notice.Kind.CLOCK],
    )
    min_severity = forms.TypedChoiceField(
        label="Alerts from", choices=Severity.choices, coerce=int, initial=Severity.HIGH
    )
    whose = forms.ChoiceField(label="What it is told", required=False)
    is_active = forms.BooleanField(label="Switched on", required=False, initial=True)

    def __init__(self, user: Any, data: Any = None, *, hook: Webhook | None = None) -> None:
        initial: dict[str, Any] = {}
        if hook is not None:
            names = ("name", "url", "format", "kinds", "min_severity", "is_active")
            initial = {name: getattr(hook, name) for name in names}
            initial["whose"] = _whose(hook)
        super().__init__(data, initial=initial)
        whose: Any = self.fields["whose"]
        if user.is_admin and (hook is None or hook.user_id is None):
            own = [("own", "Only what is for me")] if hook is None else []
            teams = [
                (f"team-{team.pk}", f"Everything of {team.name}") for team in Team.objects.all()
            ]
            whose.choices = [*own, ("house", "Everything of the house"), *teams]
        else:
            del self.fields["whose"]
        if hook is None:
            del self.fields["is_active"]

    @property
    def shared(self) -> bool:
        """Whether it is of the house or a team."""
        return self.cleaned_data.get("whose", "own") not in ("", "own")

    @property
    def values(self) -> dict[str, Any]:
        """What to store."""
        told = dict(self.cleaned_data)
        whose = told.pop("whose", "")
        if "whose" in self.fields:
            is_team = whose.startswith("team-")
            told["team"] = Team.objects.get(pk=int(whose[5:])) if is_team else None
        return told


def _whose(hook: Webhook) -> str:
    if hook.user_id is not None:
        return "own"
    return f"team-{hook.team_id}" if hook.team_id else "house"
