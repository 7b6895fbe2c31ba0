"""What changes accounts in the admin keeps the same history as every other door."""

from datetime import date

from django.contrib import admin as site
from django.test import RequestFactory
from django.urls import reverse

from accounts.admin.accounts import AccountAdmin
from accounts.models import Account, OwnerPeriod
from csm.lib.dates import today


def test_a_new_owner_is_kept_with_the_day(make_account, owner, colleague, admin):
    account = make_account(owner=owner)
    OwnerPeriod.objects.create(account=account, owner=owner, valid_from=date(2026, 1, 1))
    request = RequestFactory().post(reverse("admin:accounts_account_change", args=[account.pk]))
    request.user = admin
    page = AccountAdmin(Account, site.site)
    form = page.get_form(request, account, change=True)
    data = {f.name: f.value_from_object(account) for f in Account._meta.fields}
    data = {k: v for k, v in data.items() if v is not None} | {"owner": colleague.pk, "tags": "[]"}
    filled = form(data | {"custom": "{}"}, instance=account)
    assert filled.is_valid(), filled.errors
    page.save_model(request, filled.save(commit=False), filled, change=True)
    periods = OwnerPeriod.objects.order_by("valid_from").values_list("owner", "valid_to")
    assert list(periods) == [(owner.pk, today()), (colleague.pk, None)]
    assert "merged_into" not in form.base_fields
