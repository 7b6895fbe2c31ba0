"""Playbooks: recipes for work, in versions that never change once published."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from scoring.models.scorecard import PartOfVersion


class StepRole(models.TextChoices):
    """Who does a step. `RoleHolder` says who that is in a team; without one it is the account's owner."""

    CSM = "csm", "CSM"
    SCALED_CSM = "scaled_csm", "Scaled CSM"
    MANAGER = "manager", "Manager"
    EXECUTIVE_SPONSOR = "executive_sponsor", "Executive sponsor"
    SUPPORT_LEAD = "support_lead", "Support lead"
    SOLUTIONS = "solutions", "Solutions"
    RENEWAL_DESK = "renewal_desk", "Renewal desk"
    PROFESSIONAL_SERVICES = "professional_services", "Professional services"
    ACCOUNT_DIRECTOR = "account_director", "Account director"
    MARKETING = "marketing", "Marketing"


class Playbook(models.Model):
    """A named way of working on an account."""

    class Kind(models.TextChoices):
        TRIGGER = "trigger", "Answer to a trigger"
        STRATEGY = "strategy", "Strategy by band and size"
        INDUSTRY = "industry", "Industry kit"
        LIFECYCLE = "lifecycle", "Lifecycle"
        RENEWAL = "renewal", "Renewal"
        CADENCE = "cadence", "Cadence"

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    is_active = models.BooleanField(default=True)
    shipped = models.CharField(max_length=60, blank=True)
    position = models.PositiveSmallIntegerField(default=100)

    class Meta:
        ordering = ["position", "key"]

    def __str__(self) -> str:
        return self.name


class PlaybookVersion(models.Model):
    """One state of a playbook: a draft that is edited, or a published version that is not.

    `applies`: {"triggers": [keys], "tones": ["good"|"fair"|"poor"], "sizes": […], "industries": […],
    "lifecycle": […], "renewal_within_days": n, "new_within_days": n}; all that is present must match, but
    of `lifecycle` and `new_within_days` either will do; `triggers` matches when one of them has an open
    alert. `{}` recommends nowhere.
    """

    class State(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        RETIRED = "retired"

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    purpose = models.TextField(blank=True)
    applies = models.JSONField(default=dict, blank=True)
    cadence = models.CharField(max_length=255, blank=True)
    # Of StepRole, in the order they matter.
    owner_roles = models.JSONField(default=list, blank=True)
    target_days = models.PositiveSmallIntegerField(default=30)
    # Over when this (a rule document) has held for `exit_days`; empty: when all tasks are done.
    exit_rule = models.JSONField(default=dict, blank=True)
    exit_days = models.PositiveSmallIntegerField(default=14)
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["playbook", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["playbook", "number"], name="one_playbook_number"),
            models.UniqueConstraint(
                fields=["playbook"], condition=Q(state="active"), name="one_active_playbook_version"
            ),
            models.UniqueConstraint(
                fields=["playbook"], condition=Q(state="draft"), name="one_playbook_draft"
            ),
            models.CheckConstraint(
                condition=Q(state="draft", published_at=None)
                | (~Q(state="draft") & Q(published_at__isnull=False)),
                name="playbook_published_exactly_when_not_a_draft",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.playbook} v{self.number}"

    @property
    def is_draft(self) -> bool:
        return self.state == self.State.DRAFT


class PlaybookStep(PartOfVersion):
    """One thing to do: by whom, and how many business days after the start."""

    version = models.ForeignKey(PlaybookVersion, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=160)
    guidance = models.TextField(blank=True)
    role = models.CharField(max_length=24, choices=StepRole.choices, default=StepRole.CSM)
    offset_days = models.PositiveSmallIntegerField(
        "due after", default=0, help_text="Business days after the plan starts."
    )
    # For renewal playbooks: days before the renewal instead of after the start.
    before_renewal_days = models.PositiveSmallIntegerField(null=True, blank=True)
    blocks = models.BooleanField(
        default=False, help_text="The steps after it wait until it is done."
    )
    needs_approval = models.BooleanField(
        default=False, help_text="A manager agrees before it counts as done."
    )

    class Meta:
        ordering = ["version", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="one_step_per_position")
        ]

    def __str__(self) -> str:
        return self.title


class TargetKind(models.TextChoices):
    """How a KPI's target follows from its baseline."""

    AT_LEAST = "at_least", "at least"
    AT_MOST = "at_most", "at most"
    # Of the baseline: 0.25 is 25 % more, −0.3 is 30 % less, 1.0 is twice.
    CHANGE = "change", "changed by (share of the baseline)"


class PlaybookKpi(PartOfVersion):
    """A metric the playbook means to move, and how far. `due_days` after the start; None: at the end."""

    version = models.ForeignKey(PlaybookVersion, on_delete=models.CASCADE, related_name="kpis")
    position = models.PositiveSmallIntegerField()
    # A metric of the catalogue, or "score".
    metric = models.CharField(max_length=60)
    label = models.CharField(max_length=120, blank=True)
    target_kind = models.CharField(max_length=10, choices=TargetKind.choices)
    target_value = models.FloatField()
    due_days = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["version", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="one_kpi_per_position")
        ]

    def __str__(self) -> str:
        return self.label or self.metric


class RoleHolder(models.Model):
    """Who stands for a role in a team; without a team, everywhere no team has one."""

    role = models.CharField(max_length=24, choices=StepRole.choices)
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ["role", "id"]
        constraints = [
            models.UniqueConstraint(fields=["role", "team"], name="one_holder_per_role_and_team"),
            models.UniqueConstraint(
                fields=["role"], condition=Q(team=None), name="one_holder_per_role_everywhere"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.user_id}"
