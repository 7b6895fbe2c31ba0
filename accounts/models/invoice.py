from django.db import models

from accounts.models.fact import Fact


class Invoice(Fact):
    """What we billed, in minor units. `paid_on` is the day it was settled in full."""

    number = models.CharField(max_length=80, blank=True)
    issued_on = models.DateField()
    due_on = models.DateField()
    paid_on = models.DateField(null=True, blank=True)
    amount = models.BigIntegerField("amount (minor units)", null=True, blank=True)

    class Meta(Fact.Meta):
        ordering = ["account_id", "-issued_on", "-id"]
        indexes = [
            models.Index(fields=["account", "due_on"], name="invoice_by_account"),
            # The night: the newest day of the whole table.
            models.Index(fields=["issued_on"], name="invoice_by_day"),
        ]

    def __str__(self) -> str:
        return self.number or self.external_id


class Payment(Fact):
    """Money that came in for an invoice, in minor units."""

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="payments")
    on = models.DateField()
    amount = models.BigIntegerField("amount (minor units)")

    class Meta(Fact.Meta):
        ordering = ["account_id", "-on", "-id"]

    def __str__(self) -> str:
        return f"payment of {self.on}"
