"""What customers were asked and what they said."""

import numpy as np

from accounts.models import Survey, SurveyKind
from csm.demo.facts.contacts import People
from csm.demo.facts.ledger import SUPPORT, Ledger
from csm.demo.facts.table import store
from csm.demo.facts.world import World, grade

# Kind → how often in days, how many people, least and highest score, means by grade.
_ASKED = {
    SurveyKind.NPS: (90, 2, 0, 10, [3.0, 5.2, 7.2, 8.6, 9.5]),
    SurveyKind.CSAT: (90, 2, 1, 5, [1.6, 2.7, 3.6, 4.3, 4.8]),
    SurveyKind.EFFORT: (120, 1, 1, 7, [2.0, 3.4, 4.6, 5.6, 6.4]),
}
_BACK = 360
_WORDS = ("Not what we hoped for.", "It does the job.", "We would choose it again.")


def write(ledger: Ledger, people: People) -> None:
    world = ledger.world
    rng = world.rng(9)
    parts = [_sent(world, rng, code, kind) for code, kind in enumerate(_ASKED)]
    account, ago, code = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((-ago, account))
    account, ago, code = account[order], ago[order], code[order]
    n = len(account)
    health = world.health(account, ago)
    low, high = (np.array([kind[at] for kind in _ASKED.values()])[code] for at in (2, 3))
    mean = np.select(
        [code == at for at in range(len(_ASKED))],
        [grade(health, kind[4]) for kind in _ASKED.values()],
    )
    score = np.clip(np.round(mean + 0.12 * high * rng.standard_normal(n)), low, high)
    answered = ago - rng.integers(0, 12, n)
    silent = rng.random(n) > grade(health, [0.2, 0.38, 0.5, 0.62, 0.75])
    answered = np.where(silent | (answered < 0), np.nan, answered)
    score[np.isnan(answered)] = np.nan
    said = ~np.isnan(score) & (rng.random(n) < 0.15)
    mood = np.clip(((score - low) / (high - low) * 3), 0, 2.99)
    store(
        Survey,
        {
            **ledger.facts(SUPPORT, "surveys", account, "SUR"),
            "kind": np.array([kind.value for kind in _ASKED], dtype=object)[code],
            "sent_on": world.on(ago),
            "answered_on": world.on(answered),
            "score": score,
            "comment": np.where(
                said, np.array(_WORDS, dtype=object)[np.nan_to_num(mood).astype(int)], ""
            ),
            "contact": people.pick(rng, account, np.ones(n, dtype=bool)),
        },
    )


def _sent(
    world: World, rng: np.random.Generator, code: int, kind: SurveyKind
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    every, count, *_ = _ASKED[kind]
    rows = np.flatnonzero(world.fed & (world.since > 0))
    first = rng.integers(0, every, len(rows))
    rounds = _BACK // every
    ago = first[:, None] + every * np.arange(rounds)[None, :]
    account = np.repeat(rows, rounds * count)
    days = np.repeat(ago.ravel(), count)
    keep = world.alive(account, days)
    return account[keep], days[keep], np.full(keep.sum(), code)
