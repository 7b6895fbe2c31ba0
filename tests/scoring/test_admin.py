"""The admin: drafts are edited, published versions are read, rights follow the role."""

import pytest
from django.urls import reverse

from csm.models import User
from scoring.models import Component, Scorecard, ScorecardVersion
from scoring.services import versions


def body(response) -> str:
    return response.content.decode()


@pytest.fixture
def draft(book, admin):
    return versions.start_draft(Scorecard.objects.get(key="crm-engagement"), by=admin)


def change(version) -> str:
    return reverse("admin:scoring_scorecardversion_change", args=[version.pk])


def form_of(response) -> dict[str, str]:
    """What a browser would send back."""
    data = {}
    form = response.context["adminform"].form
    formsets = [each.formset for each in response.context["inline_admin_formsets"]]
    for part in (form, *(f for s in formsets for f in (s.management_form, *s.forms))):
        for field in part:
            value = field.value()
            data[field.html_name] = "" if value is None else value
    return {key: value for key, value in data.items() if value is not False}


@pytest.mark.parametrize("who", ["owner", "manager", "executive"])
def test_only_admins_get_in(who, people, client):
    client.force_login(people[who])
    assert client.get(reverse("admin:index")).status_code == 302


def test_every_list_and_form_opens(book, admin, client, draft):
    from django.contrib import admin as site

    client.force_login(admin)
    for model, options in site.site._registry.items():
        if model._meta.app_label not in {"scoring", "csm"}:
            continue
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert client.get(reverse(f"{name}_changelist")).status_code == 200, name
        row = model._default_manager.first()
        if row is not None:
            assert client.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200, name
        assert options.has_view_permission is not None


def test_lists_do_not_ask_once_a_row(book, admin, client, draft, django_assert_max_num_queries):
    client.force_login(admin)
    # The first page of a session also notes the session.
    client.get(reverse("admin:index"))
    for model in (
        "scorerun",
        "scoreshard",
        "accounthealth",
        "bandchange",
        "dailyrollup",
        "nighttotal",
        "measure",
    ):
        with django_assert_max_num_queries(8):
            client.get(reverse(f"admin:scoring_{model}_changelist"))


def test_a_half_done_draft_is_saved_and_told_what_is_left(draft, admin, client):
    client.force_login(admin)
    page = client.get(change(draft))
    assert "Nothing stands in the way" in body(page)
    data = form_of(page)
    data["components-0-weight"] = "30"
    response = client.post(change(draft), data, follow=True)
    assert "Component weights add up to 90, not 100: add 10" in body(response)
    assert Component.objects.get(version=draft, key="activity").weight == 30
    again = client.get(change(draft))
    assert again.context["weight_total"] == 90
    assert "not 100: add 10" in body(again)


def test_what_the_database_refuses_is_refused(draft, admin, client):
    client.force_login(admin)
    data = form_of(client.get(change(draft)))
    data["components-0-weight"] = "300"
    response = client.post(change(draft), data)
    assert response.status_code == 200
    assert Component.objects.get(version=draft, key="activity").weight == 40


def test_measures_go_into_components_of_the_same_version(draft, admin, client):
    client.force_login(admin)
    data = form_of(client.get(change(draft)))
    other = Component.objects.exclude(version=draft).first()
    data["measures-0-component"] = str(other.pk)
    response = client.post(change(draft), data)
    assert response.status_code == 200
    assert not draft.measures.filter(component=other).exists()


def test_a_published_version_is_read_only(book, admin, client):
    version = ScorecardVersion.objects.get(scorecard__key="crm-engagement", state="active")
    client.force_login(admin)
    page = client.get(change(version))
    assert page.status_code == 200
    assert 'name="components-0-weight"' not in body(page)
    assert client.post(change(version), {"min_coverage": "0.1"}).status_code == 403
    url = reverse("admin:scoring_scorecardversion_delete", args=[version.pk])
    assert client.post(url, {"post": "yes"}).status_code == 403
    assert client.get(reverse("admin:scoring_scorecardversion_add")).status_code == 403
    url = reverse("admin:scoring_scorecard_delete", args=[version.scorecard_id])
    assert client.post(url, {"post": "yes"}).status_code == 403
    version.refresh_from_db()
    assert version.min_coverage == 0.5


def test_a_draft_can_be_deleted(draft, admin, client):
    client.force_login(admin)
    url = reverse("admin:scoring_scorecardversion_delete", args=[draft.pk])
    assert client.post(url, {"post": "yes"}).status_code == 302
    assert not ScorecardVersion.objects.filter(pk=draft.pk).exists()


def test_the_role_gives_and_takes_the_rights(admin, north, client):
    client.force_login(admin)
    data = {
        "username": "nina",
        "role": "admin",
        "teams": [north.pk],
        "usable_password": "true",
        "password1": "a long pass phrase",
        "password2": "a long pass phrase",
    }
    response = client.post(reverse("admin:csm_user_add"), data)
    assert response.status_code == 302, response.context["adminform"].form.errors
    nina = User.objects.get(username="nina")
    assert nina.is_staff
    assert nina.is_superuser
    assert list(nina.teams.all()) == [north]
    url = reverse("admin:csm_user_change", args=[nina.pk])
    client.post(url, {"username": "nina", "role": "manager", "is_active": "on"})
    nina.refresh_from_db()
    assert nina.role == "manager"
    assert not nina.is_staff
    assert not nina.is_superuser
    assert not nina.teams.exists()


def test_nobody_takes_the_admin_from_themselves(admin, client):
    client.force_login(admin)
    url = reverse("admin:csm_user_change", args=[admin.pk])
    client.post(url, {"username": "admin", "role": "csm"})
    admin.refresh_from_db()
    assert admin.role == "admin"
    assert admin.is_active
    delete = reverse("admin:csm_user_delete", args=[admin.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403
