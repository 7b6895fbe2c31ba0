"""The customers' people: who is known since when, who can be reached, who left."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from accounts.models import Contact, ContactState
from csm.demo.facts.ledger import CRM, Ledger
from csm.demo.facts.table import next_id, store
from csm.demo.facts.words import FIRST_NAMES, LAST_NAMES, TITLES
from csm.demo.facts.world import World, grade

# Places in an account's list of people. Those below `_STAKEHOLDERS` are the ones that matter.
_CHAMPION, _SPONSOR, _SECOND, _STAKEHOLDERS = 0, 1, 2, 6
# How often the product tells when a champion or sponsor was last seen.
_SEEN_EVERY = 21


@dataclass(frozen=True)
class People:
    """`first` is the primary key of an account's first contact, `count` how many it has, by row."""

    first: np.ndarray
    count: np.ndarray

    def pick(self, rng: np.random.Generator, account: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """A stakeholder for each wanted entry, by primary key; NaN for the others."""
        among = np.minimum(self.count[account], _STAKEHOLDERS)
        place = (rng.random(len(account)) ** 1.5 * among).astype(int)
        return np.where(wanted & (among > 0), self.first[account] + place, np.nan)


def write(ledger: Ledger) -> People:
    """Contacts whose counts are those of the weekly readings since the systems were connected.

    Champions and sponsors who left are in no reading's count: they come on top, and go.
    """
    world = ledger.world
    rng = world.rng(3)
    listed = _listed(world)
    account, place, known = listed["account"], listed["place"], listed["known"]
    first = next_id(Contact)
    starts = np.searchsorted(account, np.arange(world.size))
    people = People(first + starts, np.bincount(account, minlength=world.size))
    told = _changes(world, rng, listed, starts)
    states = _states(listed, told)
    last = states.drop_duplicates("contact", keep="last").sort_values("contact")
    names, mails = _names(rng, account)
    title = rng.integers(4, len(TITLES), len(account))
    title = np.where(place == _CHAMPION, 1, np.where(last["sponsor"], 0, title))
    mails[~last["mail"].to_numpy()] = ""
    ids = first + np.arange(len(account))
    store(
        Contact,
        {
            "id": ids,
            **ledger.facts(CRM, "contacts", account, "CON"),
            "name": names,
            "email": mails,
            "phone": "",
            "title": TITLES[title],
            "role": "",
            "is_champion": last["champion"].to_numpy(),
            "is_executive_sponsor": last["sponsor"].to_numpy(),
            "is_stakeholder": place < _STAKEHOLDERS,
            "known_on": world.on(known),
            "left_on": world.on(last["left"].to_numpy()),
            "last_active_on": world.on(last["seen"].to_numpy()),
        },
    )
    at = states["contact"].to_numpy()
    store(
        ContactState,
        {
            "account": ledger.ids[account[at]],
            "contact": ids[at],
            "valid_from": world.on(states["ago"].to_numpy()),
            "valid_to": world.on(states["until"].to_numpy()),
            "has_email": states["mail"].to_numpy(),
            "is_champion": states["champion"].to_numpy(),
            "is_executive_sponsor": states["sponsor"].to_numpy(),
            "is_stakeholder": place[at] < _STAKEHOLDERS,
            "left_on": world.on(states["left"].to_numpy()),
            "last_active_on": world.on(states["seen"].to_numpy()),
        },
    )
    return people


def _listed(world: World) -> dict[str, np.ndarray]:
    """Everybody ever known: account, place in its list, and days ago they became known.

    `former` marks a champion (1) or sponsor (2) who left, `left` how many days ago.
    """
    rng = world.rng(4)
    total = world.grid.whole["total_contacts"].astype(int)
    rows = np.flatnonzero(world.fed & (world.since > 0))
    count = total[rows, -1]
    account = np.repeat(rows, count)
    place = np.arange(len(account)) - np.repeat(np.cumsum(count) - count, count)
    known = np.minimum(world.since[account], 200 + rng.integers(0, 500, len(account)))
    added, week = np.nonzero(np.diff(total[rows], axis=1))
    later = place >= total[account, 0]
    known[later] = world.grid.ago[rows[added], week + 1]
    known = np.minimum(known, world.since[account])
    keep = known > world.churned[account]
    account, place, known = account[keep], place[keep], known[keep]
    mail = _mail_then(world, account, known)
    gone, which, left = _leavers(world, rng, rows)
    order = np.lexsort((np.r_[place, 10_000 + which], np.r_[account, gone]))
    former = np.r_[np.zeros(len(account), dtype=int), which]
    since = np.minimum(world.since[gone], 400)
    return {
        "account": np.r_[account, gone][order],
        "place": np.r_[place, 10_000 + which][order],
        "known": np.r_[known, since][order],
        # How many addresses the account has on the day: those of the first so many people work.
        "mail": np.r_[mail, np.full(len(gone), 1_000_000)][order],
        "former": former[order],
        "left": np.r_[np.full(len(account), np.nan), left][order],
    }


def _mail_then(world: World, account: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Contacts with e-mail on a day, as `_mail_changes` goes on from it."""
    grid = world.grid
    week0 = np.argmax(grid.ago <= world.plan.connected + 7, axis=1)[account]
    week = np.clip((grid.ago[account, 0] - known) // 7, 0, grid.ago.shape[1] - 1)
    return grid.whole["contacts_with_email"][account, np.maximum(week, week0)]


def _leavers(
    world: World, rng: np.random.Generator, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Accounts whose champion (1) or sponsor (2) left, and days ago: where things go down, mostly."""
    falling = np.isin(world.story[rows], ["declining", "churned", "recovered"])
    parts = []
    for which, share in ((1, 0.55), (2, 0.3)):
        some = rng.random(len(rows)) < np.where(falling, share, 0.03)
        account = rows[some]
        left = np.maximum(world.churned[account], 0) + rng.integers(4, 75, len(account))
        fits = left < world.since[account] - 5
        parts.append((account[fits], np.full(fits.sum(), which), left[fits].astype(float)))
    account, kind, left = (np.concatenate(part) for part in zip(*parts, strict=True))
    return account, kind, left


def _changes(
    world: World, rng: np.random.Generator, listed: dict[str, np.ndarray], starts: np.ndarray
) -> pd.DataFrame:
    """What became known of a contact after the first day: columns contact, ago and what changed."""
    mails = _mail_changes(world, listed, starts)
    gone = np.flatnonzero(listed["former"])
    leaving = pd.DataFrame(
        {"contact": gone, "ago": listed["left"][gone].astype(int), "left": listed["left"][gone]}
    )
    # Another takes over as sponsor some days after.
    sponsors = gone[listed["former"][gone] == 2]
    heirs = starts[listed["account"][sponsors]] + _SPONSOR
    after = np.maximum(listed["left"][sponsors].astype(int) - 12, 0)
    fits = (heirs < sponsors) & (after > world.churned[listed["account"][sponsors]])
    fits &= listed["known"][np.minimum(heirs, len(listed["known"]) - 1)] > after
    heirs = pd.DataFrame({"contact": heirs[fits], "ago": after[fits], "sponsor": True})
    seen = _sightings(world, rng, listed)
    return pd.concat([mails, leaving, heirs, seen], ignore_index=True)


def _mail_changes(world: World, listed: dict[str, np.ndarray], starts: np.ndarray) -> pd.DataFrame:
    """Addresses that began or ceased to work, so that their number is that of each weekly reading."""
    mail = world.grid.whole["contacts_with_email"].astype(int)
    week0 = np.argmax(world.grid.ago <= world.plan.connected + 7, axis=1)
    weeks = np.arange(1, mail.shape[1])
    account, week = np.nonzero((np.diff(mail, axis=1) != 0) & (weeks[None, :] > week0[:, None]))
    ago = world.grid.ago[account, week + 1]
    keep = world.fed[account] & world.alive(account, ago)
    account, week, ago = account[keep], week[keep], ago[keep]
    before, now = mail[account, week], mail[account, week + 1]
    times = np.abs(now - before)
    at = np.repeat(np.arange(len(account)), times)
    step = np.arange(len(at)) - np.repeat(np.cumsum(times) - times, times)
    place = np.minimum(before, now)[at] + step
    contact = starts[account[at]] + place
    frame = pd.DataFrame(
        {"contact": contact, "ago": ago[at], "mail": (now > before)[at].astype(object)}
    )
    # Newly known ones start with what holds that day.
    known = listed["known"][np.minimum(contact, len(listed["known"]) - 1)]
    mine = listed["account"][np.minimum(contact, len(listed["account"]) - 1)]
    return frame[(mine == account[at]) & (known > ago[at])]


def _sightings(
    world: World, rng: np.random.Generator, listed: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Days on which champions and sponsors were last active, told every three weeks."""
    who = np.flatnonzero((listed["place"] <= _SECOND) | (listed["former"] > 0))
    account = listed["account"][who]
    lag = rng.integers(0, _SEEN_EVERY, len(who))
    parts = []
    for turn in range(4):
        ago = lag + turn * _SEEN_EVERY
        seen = ago + rng.integers(0, 6, len(who))
        there = rng.random(len(who)) < grade(
            world.health(account, ago), [0.05, 0.45, 0.85, 0.97, 0.99]
        )
        there &= world.alive(account, ago) & (listed["known"][who] > seen)
        there &= ~(listed["left"][who] >= ago)
        parts.append(
            pd.DataFrame({"contact": who[there], "ago": ago[there], "seen": seen[there] * 1.0})
        )
    return pd.concat(parts, ignore_index=True)


def _states(listed: dict[str, np.ndarray], told: pd.DataFrame) -> pd.DataFrame:
    """Every state of every contact, by contact and oldest first; contact is the place in `listed`."""
    n = len(listed["account"])
    former = listed["former"]
    place = listed["place"]
    lost = np.zeros(listed["account"].max(initial=0) + 1, dtype=int)
    np.bitwise_or.at(lost, listed["account"], former)
    replaced = lost[listed["account"]]
    second = (place == _SECOND) & (listed["account"] % 2 == 0)
    first = pd.DataFrame(
        {
            "contact": np.arange(n),
            "ago": listed["known"],
            "mail": (place < listed["mail"]).astype(object),
            # Whose champion left has nobody yet: that is what the alert is about.
            "champion": (
                (former == 1) | ((replaced & 1 == 0) & ((place == _CHAMPION) | second))
            ).astype(object),
            "sponsor": ((former == 2) | ((replaced & 2 == 0) & (place == _SPONSOR))).astype(object),
            "left": np.nan,
            "seen": np.nan,
        }
    )
    frame = pd.concat([first, told], ignore_index=True)
    frame = frame.sort_values(["contact", "ago"], ascending=[True, False], kind="stable")
    several = frame["contact"].duplicated(keep=False)
    part = frame[several]
    fields = ["mail", "champion", "sponsor", "left", "seen"]
    filled = part.groupby("contact")[fields].ffill()
    frame.loc[several, fields] = filled
    # Two things learned on one day are one state.
    frame = frame.drop_duplicates(["contact", "ago"], keep="last")
    until = frame.groupby("contact")["ago"].shift(-1)
    frame = frame.assign(until=until)
    for field in ("mail", "champion", "sponsor"):
        frame[field] = frame[field].astype(bool)
    return frame


def _names(rng: np.random.Generator, account: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    given = rng.integers(0, len(FIRST_NAMES), len(account))
    family = rng.integers(0, len(LAST_NAMES), len(account))
    names = np.array(
        [f"{FIRST_NAMES[a]} {LAST_NAMES[b]}" for a, b in zip(given, family, strict=True)],
        dtype=object,
    )
    mails = np.array(
        [
            f"contact{number}@customer-{row + 1:06d}.example"
            for number, row in enumerate(account.tolist())
        ],
        dtype=object,
    )
    return names, mails
