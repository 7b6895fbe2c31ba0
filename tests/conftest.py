"""The standing cast and the builders every test uses."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import pytest_django

from accounts.models import Account, Reading, Team
from csm.models import Role, User
from csm.nightly import run_nightly
from scoring.metrics.catalogue import forget_definitions
from scoring.models import ScoreRun
from scoring.services import versions
from tests import migrated

NIGHT = date(2026, 11, 20)

# How long an example takes tells how busy the machine is, not what the code does.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")

# A complete reading under `crm-engagement`, about in the middle.
METRICS: dict[str, float] = {
    "total_activities_30d": 20,
    "days_since_last_activity": 10,
    "contacts_with_email": 8,
    "total_contacts": 10,
    "annual_revenue": 5_000_000,
    "total_won_amount": 400_000,
    "number_of_employees": 300,
    "current_pipeline_amount": 100_000,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--only-database",
        action="store_true",
        help="leave out tests that ask no database: they say the same on every one",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--only-database"):
        return
    asks = {"db", "transactional_db", "django_db_setup", "live_server", "client", "admin_client"}
    kept, left_out = [], []
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        marked = any(item.iter_markers("django_db"))
        (kept if marked or fixtures & asks else left_out).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    request: pytest.FixtureRequest,
    django_db_blocker: pytest_django.DjangoDbBlocker,
    django_db_modify_db_settings_parallel_suffix: None,
) -> None:
    if not request.config.getoption("nomigrations"):
        with django_db_blocker.unblock():
            migrated.use(afresh=request.config.getoption("create_db"))


@pytest.fixture(autouse=True)
def _fast_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _own_files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture(autouse=True)
def _forget_published_specs() -> None:
    # Primary keys start again in every test database, so what was remembered of them is another's.
    versions.published_spec.cache_clear()
    versions.number_and_note.cache_clear()
    forget_definitions()


@pytest.fixture
def make_team(db: None) -> Callable[..., Team]:
    def make(name: str = "North") -> Team:
        return Team.objects.get_or_create(name=name)[0]

    return make


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    def make(username: str, role: str = Role.CSM, teams: tuple[Team, ...] = ()) -> User:
        user = User.objects.create_user(
            username, f"{username}@example.test", "a long pass phrase", role=role
        )
        user.is_staff = role == Role.ADMIN
        user.is_superuser = role == Role.ADMIN
        user.save()
        user.teams.set(teams)
        return user

    return make


@pytest.fixture
def make_account(db: None) -> Callable[..., Account]:
    made = 0

    def make(name: str = "", **attributes: Any) -> Account:
        nonlocal made
        made += 1
        defaults = {
            "external_id": f"A{made:04d}",
            "name": name or f"Account {made}",
            "industry": "Technology",
            "size_segment": "Mid-Market",
            "arr_amount": 12_000_000,
        }
        return Account.objects.create(**(defaults | attributes))

    return make


@pytest.fixture
def report(db: None) -> Callable[..., Reading]:
    """A reading of an account: `METRICS` with the given ones changed; None leaves a metric out."""

    def make(account: Account, on: date = NIGHT, **metrics: float | None) -> Reading:
        values = {k: v for k, v in (METRICS | metrics).items() if v is not None}
        return Reading.objects.create(account=account, on=on, metrics=values)

    return make


@pytest.fixture
def score_book(report: Callable[..., Reading]) -> Callable[..., ScoreRun]:
    """Give accounts readings of a day and score that night."""

    def make(
        metrics: Mapping[Account, Mapping[str, float | None]] | None = None, as_of: date = NIGHT
    ) -> ScoreRun:
        for account, values in (metrics or {}).items():
            report(account, as_of, **values)
        run = run_nightly(as_of)
        assert run.state == ScoreRun.State.DONE, run.error
        return run

    return make


@pytest.fixture
def north(make_team: Callable[..., Team]) -> Team:
    return make_team("North")


@pytest.fixture
def south(make_team: Callable[..., Team]) -> Team:
    return make_team("South")


@pytest.fixture
def owner(make_user: Callable[..., User], north: Team) -> User:
    return make_user("owner", teams=(north,))


@pytest.fixture
def colleague(make_user: Callable[..., User], north: Team) -> User:
    return make_user("colleague", teams=(north,))


@pytest.fixture
def outsider(make_user: Callable[..., User], south: Team) -> User:
    return make_user("outsider", teams=(south,))


@pytest.fixture
def manager(make_user: Callable[..., User], north: Team) -> User:
    return make_user("manager", Role.MANAGER, teams=(north,))


@pytest.fixture
def executive(make_user: Callable[..., User]) -> User:
    return make_user("executive", Role.EXECUTIVE)


@pytest.fixture
def admin(make_user: Callable[..., User]) -> User:
    return make_user("admin", Role.ADMIN)


@pytest.fixture
def people(
    owner: User, colleague: User, outsider: User, manager: User, executive: User, admin: User
) -> dict[str, User]:
    return {
        "owner": owner,
        "colleague": colleague,
        "outsider": outsider,
        "manager": manager,
        "executive": executive,
        "admin": admin,
    }


@pytest.fixture
def book(
    make_account: Callable[..., Account],
    owner: User,
    colleague: User,
    north: Team,
    score_book: Callable[..., ScoreRun],
) -> list[Account]:
    """Six accounts of team North, scored on `NIGHT`: a healthy one, a poor one, one too thin to judge."""
    accounts = [
        make_account("Healthy Hats", owner=owner, team=north, size_segment="Enterprise"),
        make_account("Poor Pots", owner=owner, team=north, size_segment="Small Business"),
        make_account("Thin Things", owner=owner, team=north, size_segment=""),
        make_account("Middling Mills", owner=colleague, team=north, renewal_on=date(2026, 12, 20)),
        make_account("Ordinary Oats", owner=colleague, team=north, industry="Retail"),
        make_account("Nobody's Nuts", team=north, arr_amount=None, industry=""),
    ]
    score_book(
        {
            accounts[0]: {
                "total_activities_30d": 60,
                "days_since_last_activity": 0,
                "contacts_with_email": 10,
                "annual_revenue": 90_000_000,
                "total_won_amount": 9_000_000,
            },
            accounts[1]: {
                "total_activities_30d": 0,
                "days_since_last_activity": 90,
                "contacts_with_email": 1,
                "annual_revenue": 1_000,
                "total_won_amount": 0,
            },
            accounts[2]: dict.fromkeys(METRICS) | {"total_activities_30d": 3},
            accounts[3]: {},
            accounts[4]: {"total_activities_30d": 30},
            accounts[5]: {"days_since_last_activity": 40},
        }
    )
    return accounts
