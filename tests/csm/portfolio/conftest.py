"""Pages over several apps show what the playbooks left: their builders are at hand here."""

from tests.playbooks.conftest import (  # noqa: F401
    make_alert,
    make_clock,
    make_plan,
    make_playbook,
    make_trigger,
)
