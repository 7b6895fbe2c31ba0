"""What the customer wants to reach with us, and how far they are."""

from django.db import models

from accounts.models.fact import Fact


class GoalKind(models.TextChoices):
    GOAL = "goal", "Goal"
    MILESTONE = "milestone", "Milestone"
    KPI = "kpi", "KPI"
    ROI = "roi", "ROI"


class Goal(Fact):
    """An agreed outcome: a goal, a milestone of the success plan, an indicator, or the return on investment.

    `target` and `baseline` are in `unit`; where a lower figure is better, target lies below baseline.
    """

    kind = models.CharField(max_length=10, choices=GoalKind.choices, default=GoalKind.GOAL)
    title = models.CharField(max_length=255, blank=True)
    unit = models.CharField(max_length=40, blank=True)
    agreed_on = models.DateField()
    due_on = models.DateField(null=True, blank=True)
    achieved_on = models.DateField(null=True, blank=True)
    baseline = models.FloatField(null=True, blank=True)
    target = models.FloatField(null=True, blank=True)

    class Meta(Fact.Meta):
        ordering = ["account_id", "due_on", "id"]
        indexes = [
            models.Index(fields=["account", "agreed_on"], name="goal_by_account"),
            # The night: the newest day of the whole table.
            models.Index(fields=["agreed_on"], name="goal_by_day"),
        ]

    def __str__(self) -> str:
        return self.title or self.external_id


class GoalProgress(models.Model):
    """The actual figure of a goal on a day."""

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    goal = models.ForeignKey(Goal, on_delete=models.CASCADE, related_name="progress")
    on = models.DateField()
    actual = models.FloatField()
    import_run = models.ForeignKey(
        "accounts.ImportRun", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["goal_id", "-on"]
        verbose_name_plural = "goal progress"
        constraints = [models.UniqueConstraint(fields=["goal", "on"], name="one_goal_figure_a_day")]
        indexes = [
            models.Index(fields=["account", "on"], name="goalprogress_by_account"),
            # The night: the newest day of the whole table.
            models.Index(fields=["on"], name="goalprogress_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.goal_id} on {self.on}: {self.actual}"
