"""Single sign-on against a real provider that answers over HTTP in a thread."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from oidc_provider_mock import run_server_in_thread

from accounts.models import AuditEvent
from csm.conf.sign_in import _provider
from csm.models import Role, User
from tests.csm.sign_in.test_second_factor import SECRET, code, guarded, second_step  # noqa: F401
from tests.csm.test_sessions import is_in, log_in

# The provider is built on a library that moves on; its thread shares our filters.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

KNOWN = {"email": "owner@example.test", "email_verified": True}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def sso(provider, settings, db):
    settings.OIDC_ON = True
    settings.SOCIALACCOUNT_PROVIDERS = _provider(
        provider, "workbench", "secret", {"OIDC_NAME": "House log-in"}
    )
    return provider


def come(client: Client, provider: str, sub: str, start: str = "/login/sso/", **claims):
    """Through the provider as `sub`; the answer of our callback."""
    return client.get(way_back(client, provider, sub, start, **claims))


def way_back(client: Client, provider: str, sub: str, start: str = "/login/sso/", **claims) -> str:
    """The address of our callback the provider sends `sub` to."""
    httpx.put(f"{provider}/users/{sub}", json=claims)
    away = client.get(start)
    assert away["Location"].startswith(provider)
    back = httpx.post(away["Location"], data={"sub": sub})
    assert back.status_code == 302, back.text
    to = urlsplit(back.headers["Location"])
    return f"{to.path}?{to.query}"


def test_a_colleague_is_known_by_the_verified_address(owner, client, sso):
    assert "/login/sso/" in client.get("/login/").content.decode()
    answer = come(client, sso, "owner-1", start="/login/sso/?next=/portfolio/", **KNOWN)
    assert answer["Location"] == "/portfolio/"
    assert is_in(client)
    assert AuditEvent.objects.first().detail == {"with": "single sign-on", "second factor": False}
    owner.refresh_from_db()
    assert owner.has_usable_password(), "the password stays: it is not for the provider to take"
    # From then on by what the provider calls them, whatever the address.
    other = Client()
    come(other, sso, "owner-1", email="new@elsewhere.test", email_verified=False)
    assert is_in(other)
    assert SocialAccount.objects.get().user == owner


def test_it_asks_with_a_challenge_and_a_state(client, sso):
    asked = parse_qs(urlsplit(client.get("/login/sso/")["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["state"]
    assert asked["redirect_uri"] == ["http://testserver/login/sso/callback/"]
    assert client.get("/login/sso/callback/?code=x&state=forged").status_code >= 400
    assert not is_in(client)


def test_nobody_is_logged_in_by_the_way_back_of_another(owner, client, sso):
    """The code is good: only the state says that another browser began."""
    theirs = Client()
    url = way_back(theirs, sso, "owner-1", **KNOWN)
    own = parse_qs(urlsplit(client.get("/login/sso/")["Location"]).query)["state"][0]
    assert own not in url
    assert client.get(url).status_code >= 400
    assert not is_in(client)
    theirs.get(url)
    assert is_in(theirs)


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "owner@example.test", "email_verified": False},
        {"email": "owner@example.test", "email_verified": "false"},
        {"email": "owner@example.test"},
        {"email": "stranger@example.test", "email_verified": True},
        {"email_verified": True},
        {"preferred_username": "owner"},
    ],
)
def test_who_is_not_let_in(owner, client, sso, claims):
    answer = come(client, sso, "eve", **claims)
    assert answer.status_code == 403
    assert not is_in(client)
    assert not SocialAccount.objects.exists()
    assert User.objects.count() == 1
    assert AuditEvent.objects.get().what == "failed to log in"


def test_a_second_identity_with_the_address_of_a_colleague_is_somebody_else(owner, client, sso):
    come(Client(), sso, "owner-1", **KNOWN)
    assert come(client, sso, "eve-2", **KNOWN).status_code == 403
    assert not is_in(client)


def test_an_address_of_two_colleagues_is_nobodys(owner, colleague, client, sso):
    User.objects.update(email="Owner@example.test")
    assert come(client, sso, "owner-1", **KNOWN).status_code == 403


def test_who_left_stays_out(owner, client, sso):
    come(Client(), sso, "owner-1", **KNOWN)
    User.objects.update(is_active=False)
    assert come(client, sso, "owner-1", **KNOWN).status_code == 403
    assert come(client, sso, "owner-9", **KNOWN).status_code == 403
    assert not is_in(client)


def test_strangers_become_colleagues_where_told_so_and_see_nothing(client, sso, settings, book):
    settings.OIDC_CREATE = "csm"
    claims = {"email": "Stranger@example.test", "preferred_username": "admin", "role": "admin"}
    assert come(client, sso, "s-1", **claims).status_code == 403
    come(client, sso, "s-1", **claims, email_verified=True)
    assert is_in(client)
    made = User.objects.get(email="stranger@example.test")
    assert (made.role, made.is_staff, made.is_superuser) == (Role.CSM, False, False)
    assert not made.has_usable_password()
    assert not made.teams.exists()
    assert book[0].name not in client.get("/portfolio/?scope=all").content.decode()
    assert AuditEvent.objects.filter(what=f"made the user {made.username}").exists()


def test_nobody_is_tied_to_anothers_identity(owner, colleague, client, sso):
    client.force_login(colleague)
    assert client.get("/login/sso/?process=connect")["Location"] == "/"
    assert not SocialAccount.objects.exists()


def test_another_site_does_not_start_it(client, sso):
    answer = client.get("/login/sso/", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer["Location"] == "/login/"


def test_it_never_goes_on_to_another_site(owner, client, sso):
    start = "/login/sso/?next=https://evil.example/"
    assert come(client, sso, "owner-1", start=start, **KNOWN)["Location"] == "/"


def test_the_second_factor_is_asked_for_all_the_same(guarded, client, sso):  # noqa: F811
    assert come(client, sso, "owner-1", **KNOWN)["Location"] == "/login/code/"
    assert not is_in(client)
    second_step(client, code())
    assert is_in(client)


def test_the_providers_second_factor_is_enough_where_the_house_says_so(
    owner, client, sso, settings
):
    settings.REQUIRE_SECOND_FACTOR = "all"
    settings.OIDC_IS_SECOND_FACTOR = True
    come(client, sso, "owner-1", **KNOWN)
    assert is_in(client)
    by_password = Client()
    log_in(by_password)
    assert not is_in(by_password)


def test_single_sign_on_only_leaves_admins_a_hatch(owner, admin, client, sso, settings):
    assert client.get("/login/admins/").status_code == 404
    settings.OIDC_ONLY = True
    page = client.get("/login/").content.decode()
    assert "/login/sso/" in page
    assert "password" not in page
    assert log_in(client).status_code == 404
    assert log_in(client, url="/login/admins/").status_code == 200
    assert not is_in(client)
    assert log_in(client, "admin", url="/login/admins/")["Location"] == "/"


def test_without_a_provider_there_is_no_button(client, db):
    assert "/sso/" not in client.get("/login/").content.decode()
    assert client.get("/login/sso/").status_code == 404
    assert client.get("/login/sso/callback/").status_code == 404
