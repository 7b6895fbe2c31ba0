from django.db import models

UNKNOWN_BAND = -1


class Snapshot(models.Model):
    """One account's score on one date under one version, with all it takes to recompute it.

    `inputs` packs float32 in the order of `engine.spec.slots`; `points` and `components` pack int16 in
    units of 1/200 point, −32768 for "no data". `band` is the index into the version's bands from low to
    high, −1 for Unknown. Written in bulk by `services.shards` only.
    """

    pk = models.CompositePrimaryKey("account_id", "as_of", "version_id")
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="snapshots", db_index=False
    )
    as_of = models.DateField()
    # No index of its own: versions are never deleted once they have scored.
    version = models.ForeignKey(
        "scoring.ScorecardVersion",
        on_delete=models.PROTECT,
        related_name="snapshots",
        db_index=False,
    )
    run = models.ForeignKey(
        "scoring.ScoreRun", on_delete=models.PROTECT, related_name="snapshots", db_index=False
    )
    score = models.FloatField(null=True)
    computed = models.FloatField(null=True)
    band = models.SmallIntegerField()
    coverage = models.FloatField()
    # Minor units; null when the score, the pipeline or the won amount is unknown.
    predicted_6m_amount = models.BigIntegerField(null=True)
    components = models.BinaryField()
    inputs = models.BinaryField()
    points = models.BinaryField()

    class Meta:
        ordering = ["account_id", "as_of", "version_id"]

    def __str__(self) -> str:
        return f"{self.account_id} on {self.as_of}: {self.score}"
