"""Interventions: a playbook run on an account, or a recovery plan written by hand."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from playbooks.models.playbook import StepRole, TargetKind


class Intervention(models.Model):
    """Work on one account with an end: issue, cause, tasks, figures at the start and at the end.

    On pages a "plan". Changed only by `services.interventions`, each change with an `InterventionChange`.
    """

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        # Its exit test holds; it closes as recovered when it has held long enough.
        HOLDING = "holding", "Exit test holds"
        CLOSED = "closed", "Closed"

    class Outcome(models.TextChoices):
        RECOVERED = "recovered", "Recovered"
        IMPROVED = "improved", "Improved"
        NO_CHANGE = "no_change", "No change"
        CHURNED = "churned", "Churned"
        CANCELLED = "cancelled", "Cancelled"

    class Cause(models.TextChoices):
        ADOPTION = "adoption", "Low adoption"
        PRODUCT = "product", "Product gap or defect"
        SUPPORT = "support", "Support experience"
        VALUE = "value", "Value not shown"
        RELATIONSHIP = "relationship", "Lost champion or sponsor"
        PRICE = "price", "Price or budget"
        COMPETITION = "competition", "Competitor"
        ORGANISATION = "organisation", "Change at the customer"
        DATA = "data", "Data quality"
        OTHER = "other", "Other"

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="interventions"
    )
    # None for a plan written by hand. A running plan keeps its version.
    playbook_version = models.ForeignKey(
        "playbooks.PlaybookVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="interventions",
    )
    title = models.CharField(max_length=160)
    issue = models.TextField(blank=True)
    cause = models.CharField(max_length=20, choices=Cause.choices, blank=True)
    cause_text = models.TextField(blank=True)
    cause_at = models.DateTimeField(null=True, blank=True)
    objectives = models.TextField(blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="interventions",
    )
    sponsor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    assigned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    started_on = models.DateField()
    started_at = models.DateTimeField()
    target_on = models.DateField()
    # A rule document that must hold `exit_days` in a row; empty: closed by hand.
    exit_rule = models.JSONField(default=dict, blank=True)
    exit_days = models.PositiveSmallIntegerField(default=14)
    exit_since = models.DateField(null=True, blank=True)
    # True, False, or None for unknown, on `exit_checked_on`.
    exit_holds = models.BooleanField(null=True, blank=True)
    exit_checked_on = models.DateField(null=True, blank=True)

    # Frozen at the start: what the effect is measured against.
    score_start = models.FloatField(null=True)
    change_30d_start = models.FloatField(null=True)
    band_start = models.CharField(max_length=40, blank=True)
    tone_start = models.CharField(max_length=10, blank=True)
    version_start = models.ForeignKey(
        "scoring.ScorecardVersion", on_delete=models.PROTECT, null=True, related_name="+"
    )
    arr_start = models.BigIntegerField(null=True)
    industry_start = models.CharField(max_length=80, blank=True)
    size_start = models.CharField(max_length=20, blank=True)
    # And at the end.
    score_end = models.FloatField(null=True, blank=True)
    band_end = models.CharField(max_length=40, blank=True)
    arr_end = models.BigIntegerField(null=True, blank=True)

    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    outcome_note = models.TextField(blank=True)
    closed_on = models.DateField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    # Null although closed: it closed by its exit test.
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    reopened_on = models.DateField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # Grows with every change: two people acting at once, one is told.
    version = models.PositiveIntegerField(default=1)

    OPEN_STATES = ("active", "holding")

    class Meta:
        ordering = ["target_on", "id"]
        constraints = [
            # Started twice by two people, or twice by one click: once is enough.
            models.UniqueConstraint(
                fields=["account", "playbook_version"],
                condition=Q(state__in=["active", "holding"]),
                name="one_open_plan_per_playbook_version",
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False) & ~Q(outcome="")
                | Q(state__in=["active", "holding"], closed_at=None, outcome=""),
                name="plan_closed_with_an_outcome",
            ),
        ]
        indexes = [
            # Lists and load: what is open.
            models.Index(fields=["state", "account"], name="plan_by_state"),
            # Effect: plans by playbook and start.
            models.Index(fields=["playbook_version", "started_on"], name="plan_by_version"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN_STATES


class InterventionTask(models.Model):
    """Somebody's job in a plan. `waiting` until the blocking tasks before it are done."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        OPEN = "open", "Open"
        # Done by its assignee, to be agreed to by a manager.
        TO_APPROVE = "to_approve", "To approve"
        DONE = "done", "Done"
        SKIPPED = "skipped", "Skipped"

    intervention = models.ForeignKey(Intervention, on_delete=models.CASCADE, related_name="tasks")
    # The plan's account: tasks are listed by account without a join.
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="intervention_tasks"
    )
    step = models.ForeignKey(
        "playbooks.PlaybookStep", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    position = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=160)
    guidance = models.TextField(blank=True)
    role = models.CharField(max_length=24, choices=StepRole.choices, default=StepRole.CSM)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="intervention_tasks",
    )
    due_on = models.DateField(null=True, blank=True)
    blocks = models.BooleanField(default=False)
    needs_approval = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    version = models.PositiveIntegerField(default=1)

    UNDONE_STATES = ("waiting", "open", "to_approve")

    class Meta:
        ordering = ["intervention", "position", "id"]
        indexes = [
            # "My tasks": what is mine and not done, by day.
            models.Index(fields=["assignee", "state", "due_on"], name="task_by_assignee"),
        ]

    def __str__(self) -> str:
        return self.title


class InterventionKpi(models.Model):
    """A metric the plan means to move; `current` is read from metrics each night, never typed."""

    intervention = models.ForeignKey(Intervention, on_delete=models.CASCADE, related_name="kpis")
    # A metric of the catalogue, or "score".
    metric = models.CharField(max_length=60)
    label = models.CharField(max_length=120)
    target_kind = models.CharField(max_length=10, choices=TargetKind.choices)
    # None: the target follows from a baseline that is not known.
    target = models.FloatField(null=True, blank=True)
    baseline = models.FloatField(null=True, blank=True)
    baseline_on = models.DateField(null=True, blank=True)
    current = models.FloatField(null=True, blank=True)
    current_on = models.DateField(null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["intervention", "id"]
        verbose_name = "KPI"

    def __str__(self) -> str:
        return self.label


class Risk(models.Model):
    """A line of a plan's risk register; likelihood and impact 1 (low) to 5 (high)."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        MITIGATED = "mitigated", "Mitigated"
        ACCEPTED = "accepted", "Accepted"
        HAPPENED = "happened", "Happened"

    intervention = models.ForeignKey(Intervention, on_delete=models.CASCADE, related_name="risks")
    text = models.CharField(max_length=255)
    likelihood = models.PositiveSmallIntegerField(default=3)
    impact = models.PositiveSmallIntegerField(default=3)
    mitigation = models.TextField(blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)

    class Meta:
        ordering = ["intervention", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(likelihood__range=(1, 5), impact__range=(1, 5)),
                name="risk_is_one_to_five",
            )
        ]

    def __str__(self) -> str:
        return self.text


class InterventionChange(models.Model):
    """Something happened to a plan or one of its tasks. Append-only; fields before and after."""

    class Kind(models.TextChoices):
        STARTED = "started", "Started"
        EDITED = "edited", "Edited"
        ASSIGNED = "assigned", "Assigned"
        CAUSE = "cause", "Root cause found"
        HOLDING = "holding", "Exit test holds"
        FAILING = "failing", "Exit test no longer holds"
        CLOSED = "closed", "Closed"
        REOPENED = "reopened", "Re-opened"
        MOVED = "moved", "Moved to another version"
        TASK_ADDED = "task_added", "Task added"
        TASK_EDITED = "task_edited", "Task edited"
        TASK_DONE = "task_done", "Task done"
        TASK_APPROVED = "task_ok", "Task approved"
        TASK_RETURNED = "task_back", "Task sent back"
        TASK_SKIPPED = "task_skip", "Task skipped"
        TASK_REOPENED = "task_open", "Task re-opened"
        RISK = "risk", "Risk register changed"
        SHARED = "shared", "Shared"
        UNDONE = "undone", "Undone"

    intervention = models.ForeignKey(Intervention, on_delete=models.CASCADE, related_name="changes")
    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey(
        InterventionTask, on_delete=models.SET_NULL, null=True, blank=True, related_name="changes"
    )
    kind = models.CharField(max_length=12, choices=Kind.choices)
    on = models.DateField()
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.CharField(max_length=255, blank=True)
    batch = models.UUIDField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # The account's timeline.
            models.Index(fields=["account", "-on"], name="planchange_by_account"),
            models.Index(
                fields=["batch"], condition=Q(batch__isnull=False), name="planchange_by_batch"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of plan {self.intervention_id}"


class ShareLink(models.Model):
    """A read-only look at one plan for somebody without a log-in, until it expires or is taken back.

    Only the digest of its token is kept.
    """

    intervention = models.ForeignKey(Intervention, on_delete=models.CASCADE, related_name="links")
    digest = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    opened = models.PositiveIntegerField(default=0)
    last_opened_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"link to plan {self.intervention_id} until {self.expires_at:%Y-%m-%d}"
