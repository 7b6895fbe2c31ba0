"""What every dated fact of an account carries."""

from django.db import models


class Fact(models.Model):
    """A row somebody else's system told us.

    `(source, external_id)` is unique: loading it again finds it again. `import_run` is the import that
    created it; what later imports changed is in their `ImportChange` rows. The day that decides whether a
    metric as of a date may read the row is a column of its own in each fact.
    """

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, db_index=False)
    source = models.CharField(max_length=40, default="generic")
    external_id = models.CharField(max_length=120)
    # Null only for rows people made by hand.
    import_run = models.ForeignKey(
        "accounts.ImportRun", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"], name="one_%(class)s_per_source_id"
            )
        ]
