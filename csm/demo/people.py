"""Who logs in to the demo: one admin, one executive, two managers with six CSMs each."""

from dataclasses import dataclass

from django.contrib.auth.hashers import make_password

from accounts.models import Team
from csm.models import Role, User

# Published on purpose; `manage.py demo` refuses a site with a public host because of it.
PASSWORD = "demo-workbench-2026"  # noqa: S105
# RFC 2606: never delivered anywhere. Also how a demo person is told from a real one.
MAIL_DOMAIN = "demo.example"


@dataclass(frozen=True)
class Person:
    """A demo colleague; `load` is the CSM's book against an average one."""

    username: str
    first_name: str
    last_name: str
    role: Role
    team: str = ""
    load: float = 0.0

    @property
    def email(self) -> str:
        return f"{self.username}@{MAIL_DOMAIN}"


NORTH, SOUTH = "Team North", "Team South"
TEAMS = (NORTH, SOUTH)

PEOPLE = (
    Person("ada.admin", "Ada", "Lindqvist", Role.ADMIN),
    Person("edgar.executive", "Edgar", "Okafor", Role.EXECUTIVE),
    Person("nadia.manager", "Nadia", "Brandt", Role.MANAGER, NORTH),
    Person("tomas.manager", "Tomás", "Herrera", Role.MANAGER, SOUTH),
    # Mara carries twice the average: books are never even.
    Person("mara.csm", "Mara", "Petrov", Role.CSM, NORTH, 2.0),
    Person("jonas.csm", "Jonas", "Weber", Role.CSM, NORTH, 1.1),
    Person("aiko.csm", "Aiko", "Tanabe", Role.CSM, NORTH, 1.0),
    Person("priya.csm", "Priya", "Raman", Role.CSM, NORTH, 0.9),
    Person("leo.csm", "Léo", "Marchand", Role.CSM, NORTH, 0.8),
    Person("zoe.csm", "Zoë", "de Wit", Role.CSM, NORTH, 0.5),
    Person("sam.csm", "Sam", "Adeyemi", Role.CSM, SOUTH, 1.2),
    Person("ines.csm", "Inês", "Carvalho", Role.CSM, SOUTH, 1.1),
    Person("oskar.csm", "Oskar", "Nyström", Role.CSM, SOUTH, 1.0),
    Person("grace.csm", "Grace", "Halloran", Role.CSM, SOUTH, 0.95),
    Person("ravi.csm", "Ravi", "Menon", Role.CSM, SOUTH, 0.85),
    Person("hana.csm", "Hana", "Dvořák", Role.CSM, SOUTH, 0.6),
)
CSMS = tuple(person for person in PEOPLE if person.role == Role.CSM)


def ensure_people() -> tuple[dict[str, User], dict[str, Team]]:
    """Users by username and teams by name, created where missing.

    An existing user keeps password, role and teams: somebody may have changed them on purpose.
    """
    users = {
        user.username: user
        for user in User.objects.filter(username__in=[p.username for p in PEOPLE])
    }
    missing = [person for person in PEOPLE if person.username not in users]
    if missing:
        # One hash for all: sixteen separate ones cost eight seconds and protect nothing here.
        password = make_password(PASSWORD)
        for person in missing:
            admin = person.role == Role.ADMIN
            users[person.username] = User.objects.create(
                username=person.username,
                first_name=person.first_name,
                last_name=person.last_name,
                email=person.email,
                role=person.role,
                password=password,
                is_staff=admin,
                is_superuser=admin,
            )
    teams = {name: Team.objects.get_or_create(name=name)[0] for name in TEAMS}
    for name, team in teams.items():
        team.members.add(*[users[person.username] for person in missing if person.team == name])
    return users, teams
