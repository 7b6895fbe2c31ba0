"""What makes a production setting unsafe, in sentences; and the key of an embedded workbench."""

import secrets
from collections.abc import Iterable
from pathlib import Path
from zoneinfo import available_timezones

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", ".localhost", "testserver"})
MINIMUM_KEY_LENGTH = 50


def faults(
    *,
    production: bool,
    debug: bool,
    secret_key: str,
    allowed_hosts: Iterable[str],
    time_zone: str,
    currency: str,
) -> list[str]:
    """Every reason not to start, each naming its variable and the remedy; empty when safe."""
    found = []
    if time_zone not in available_timezones():
        found.append(f"TIME_ZONE={time_zone!r} is no time zone: use a name such as Europe/Berlin.")
    if not (len(currency) == 3 and currency.isalpha() and currency.isupper()):
        found.append(
            f"DEFAULT_CURRENCY={currency!r} is no currency code: use three capitals, e.g. EUR."
        )
    if not production:
        return found
    if debug:
        found.append("DEBUG is on while ALLOWED_HOSTS names a public host: set DEBUG=false.")
    if not secret_key:
        found.append("SECRET_KEY is missing: set a random value of at least 50 characters.")
    elif len(secret_key) < MINIMUM_KEY_LENGTH or len(set(secret_key)) < 5:
        found.append("SECRET_KEY is too weak: use a random value of at least 50 characters.")
    if "*" in set(allowed_hosts):
        found.append("ALLOWED_HOSTS=* answers to any name: list the host names people use.")
    return found


def local_secret_key(folder: Path) -> str:
    """The key of an embedded workbench: made once, kept in `folder` readable by its owner only."""
    folder.mkdir(exist_ok=True)
    path = folder / "secret_key"
    try:
        with path.open("x") as file:
            path.chmod(0o600)
            file.write(secrets.token_urlsafe(64))
    except FileExistsError:
        pass
    return path.read_text()
