"""The admin of accounts and their facts."""

from accounts.admin import accounts, facts

__all__ = ["accounts", "facts"]
