"""Which group a sender's user belongs to, as identify and group messages say it."""

from collections.abc import Collection

from accounts.models import Event, EventUser

UserKey = tuple[str, str]


class Users:
    """The users of a batch of events; asked and told in the order things happened, then saved."""

    def __init__(self, events: Collection[Event]) -> None:
        wanted: dict[str, set[str]] = {}
        for event in events:
            ids = wanted.setdefault(event.source, set())
            ids.add(event.user_id)
            if event.kind == "alias":
                ids.add(str(event.payload.get("previousId", "")))
        self._known: dict[UserKey, EventUser] = {
            (user.source, user.user_id): user
            for source, ids in wanted.items()
            for user in EventUser.objects.filter(source=source, user_id__in=ids)
        }
        self._told: set[UserKey] = set()
        # Users whose group changed: what was held for them can be looked at again.
        self.moved: set[UserKey] = set()

    def group_of(self, event: Event) -> str:
        """The group the event's user belongs to, or ""."""
        user = self._known.get((event.source, event.user_id))
        return user.group_id if user else ""

    def tell(self, event: Event) -> None:
        """Take in an identify, group or alias message. The newest group stays, whatever arrives late."""
        user = self._user(event, event.user_id)
        if event.kind == "alias":
            before = self._known.get((event.source, str(event.payload.get("previousId", ""))))
            if before and before.group_id and not user.group_id:
                self._move(user, before.group_id, event)
            return
        if event.kind == "identify":
            user.traits = {**user.traits, **event.payload.get("traits", {})}
        if event.group_id and (not user.group_id or event.at >= user.seen_at):
            self._move(user, event.group_id, event)

    def save(self) -> None:
        """Write what was told."""
        EventUser.objects.bulk_create(
            (_unsaved(self._known[key]) for key in sorted(self._told)),
            update_conflicts=True,
            unique_fields=["source", "user_id"],
            update_fields=["group_id", "traits", "seen_at"],
            batch_size=500,
        )

    def _user(self, event: Event, user_id: str) -> EventUser:
        key = (event.source, user_id)
        self._told.add(key)
        if key not in self._known:
            self._known[key] = EventUser(source=event.source, user_id=user_id, seen_at=event.at)
        return self._known[key]

    def _move(self, user: EventUser, group_id: str, event: Event) -> None:
        if user.group_id != group_id:
            self.moved.add((user.source, user.user_id))
        user.group_id, user.seen_at = group_id, event.at


def _unsaved(user: EventUser) -> EventUser:
    """The same without its primary key: the pair of source and id finds the row."""
    return EventUser(
        source=user.source,
        user_id=user.user_id,
        group_id=user.group_id,
        traits=user.traits,
        seen_at=user.seen_at,
    )
