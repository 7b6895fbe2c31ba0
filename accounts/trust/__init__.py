"""Whether the facts can be believed: freshness, the breaker, and what contradicts or repeats itself."""

from accounts.trust.breaker import frozen_on

__all__ = ["frozen_on"]
