from django.db import models


class Snapshot(models.Model):
    """One account's score on one date under one version, with all it takes to recompute it.

    `inputs` packs float32 in the order of `engine.spec.slots`; `points` and `components` pack int16 in
    units of 1/200 point, −32768 for "no data". `band` is the index into the version's bands from low to
    high, −1 for Unknown. Written in bulk by `services.shards` only. On PostgreSQL a table a month
    (`services.partitions`).
    """

    # The night first: a night appends to the end of one index instead of touching a page per account.
    # An account's history is one seek per night (`selectors.snapshots_of`).
    pk = models.CompositePrimaryKey("as_of", "version_id", "account_id")
    # No constraint: checking it on the deletion of an account would read every snapshot there is. The one
    # writer takes the accounts it scores from their table in the same transaction.
    account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.CASCADE,
        related_name="snapshots",
        db_index=False,
        db_constraint=False,
    )
    as_of = models.DateField()
    # No index of its own: versions are never deleted once they have scored. No constraint on version and run
    # either: the one writer takes both from their tables, and checking a million rows a night doubles its time.
    version = models.ForeignKey(
        "scoring.ScorecardVersion",
        on_delete=models.PROTECT,
        related_name="snapshots",
        db_index=False,
        db_constraint=False,
    )
    run = models.ForeignKey(
        "scoring.ScoreRun",
        on_delete=models.PROTECT,
        related_name="snapshots",
        db_index=False,
        db_constraint=False,
    )
    score = models.FloatField(null=True)
    band = models.SmallIntegerField()
    coverage = models.FloatField()
    # Minor units; null when the score, the pipeline or the won amount is unknown.
    predicted_6m_amount = models.BigIntegerField(null=True)
    components = models.BinaryField()
    inputs = models.BinaryField()
    points = models.BinaryField()

    class Meta:
        ordering = ["as_of", "version_id", "account_id"]

    def __str__(self) -> str:
        return f"{self.account_id} on {self.as_of}: {self.score}"
