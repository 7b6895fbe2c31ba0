"""The customer's people, and what was known of them when."""

from django.db import models
from django.db.models import F, Q

from accounts.models.fact import Fact


class Contact(Fact):
    """A person at the customer, as last told. Metrics read `ContactState`, never this row."""

    name = models.CharField(max_length=255, blank=True)
    email = models.CharField(max_length=254, blank=True)
    phone = models.CharField(max_length=60, blank=True)
    title = models.CharField(max_length=160, blank=True)
    role = models.CharField(max_length=80, blank=True)
    is_champion = models.BooleanField(default=False)
    is_executive_sponsor = models.BooleanField(default=False)
    is_stakeholder = models.BooleanField(default=False)
    # The first day we know of this person.
    known_on = models.DateField()
    left_on = models.DateField(null=True, blank=True)
    last_active_on = models.DateField(null=True, blank=True)

    class Meta(Fact.Meta):
        ordering = ["account_id", "name", "id"]
        indexes = [models.Index(fields=["account", "name"], name="contact_by_account")]

    def __str__(self) -> str:
        return self.name or self.email or self.external_id


class ContactState(models.Model):
    """What was true of a contact from `valid_from` until the day before `valid_to` (null: still).

    A file that says a contact stopped being champion adds a row; nights before it read the row that held
    then. A contact nothing is known of before its first state has none.
    """

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="states")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    has_email = models.BooleanField(default=False)
    is_champion = models.BooleanField(default=False)
    is_executive_sponsor = models.BooleanField(default=False)
    is_stakeholder = models.BooleanField(default=False)
    left_on = models.DateField(null=True, blank=True)
    last_active_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["contact_id", "valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["contact", "valid_from"], name="one_contact_state_a_day"
            ),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
                name="contact_state_is_a_period",
            ),
        ]
        indexes = [
            # The night: states of a range of accounts that hold on a day.
            models.Index(fields=["account", "valid_from"], name="contactstate_by_account"),
            # The night: the newest day of the whole table.
            models.Index(fields=["valid_from"], name="contactstate_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} from {self.valid_from}"
