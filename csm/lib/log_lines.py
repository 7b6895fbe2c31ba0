"""What log lines name beside their own words."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from structlog.contextvars import bound_contextvars

P = ParamSpec("P")
R = TypeVar("R")


def naming(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Every line written while the function runs has `name`: its first argument, a row's key or the row."""

    def named(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            about: Any = args[0]
            with bound_contextvars(**{name: getattr(about, "pk", about)}):
                return function(*args, **kwargs)

        return wrapper

    return named
