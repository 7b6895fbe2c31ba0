"""What was billed, and what came in."""

from typing import Final

from accounts.ingest.columns import Kind
from accounts.ingest.feeds.feed import ACCOUNT_ID, MONEY_CODE, Feed, column, own_id
from accounts.models import Invoice, Payment

INVOICES: Final = Feed(
    "invoices",
    "Invoices",
    "invoice",
    (
        own_id("invoice_id"),
        ACCOUNT_ID,
        column("number", Kind.TEXT, "invoice_number", "invoice_no", "invoice", max_length=80),
        column(
            "issued_on", Kind.DATE, "invoice_date", "issued_at", "date", "created_at", "billed_on"
        ),
        column("due_on", Kind.DATE, "due_date", "due_at", "due", "payment_due"),
        column("paid_on", Kind.DATE, "paid_at", "payment_date", "date_paid", "settled_on"),
        column("amount", Kind.AMOUNT, "total", "invoice_amount", "amount_due", minimum=0),
        MONEY_CODE,
    ),
    ("external_id", "account_id"),
    (("issued_on", "due_on"),),
    model=Invoice,
    note="An invoice without a due date is due the day it is issued.",
)

PAYMENTS: Final = Feed(
    "payments",
    "Payments",
    "payment",
    (
        own_id("payment_id", "transaction_id"),
        ACCOUNT_ID,
        column("invoice_id", Kind.ID, "invoice", "invoice_external_id", max_length=120),
        column("on", Kind.DATE, "date", "payment_date", "paid_on", "paid_at", "received_on"),
        column("amount", Kind.AMOUNT, "total", "value", "payment_amount"),
        MONEY_CODE,
    ),
    ("invoice_id", "on", "amount"),
    natural=("invoice_id", "on", "amount"),
    model=Payment,
    note="The account is the invoice's. An invoice is paid the day its payments reach its amount.",
)
