"""The systems facts come from, one import at a time each."""

from accounts.models import Source


def lock(source: str, *, make: bool = True) -> None:
    """Wait for other imports of `source`, until the caller's transaction ends; make it when first seen."""
    if make:
        Source.objects.bulk_create([Source(key=source)], ignore_conflicts=True)
    list(Source.objects.select_for_update().filter(key=source).values_list("pk"))
