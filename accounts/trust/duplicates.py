"""Accounts that look alike. Pairs are found by what they share, never by comparing each with each.

Every sign is worth a share of certainty; several add up as 1 - ∏(1 - share). Pairs from `LEAST` on are kept.

    same id in two systems    0.6      same name, legal form and punctuation aside   0.6
    same e-mail or web domain 0.5      nearly the same name (same first word)        0.4
    same telephone            0.4      same group                                    0.2

Different countries take 0.3 of the sum away, different industries 0.1. What more than `MOST_SHARING` accounts
share (a mail provider nobody listed, a reseller's switchboard) says nothing of any two of them.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import combinations
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Account, Contact, LookAlike, Merge, NotADuplicate, Watermark
from csm.lib.errors import WorkbenchError

LEAST: Final = 0.55
MOST_SHARING: Final = 8
_MOST_SAME_FIRST_WORD: Final = 40
_NEARLY: Final = 0.88
# A night does not wait for more accounts than that to be compared.
NIGHTLY_MOST: Final = 200_000
MARK: Final = "duplicates"

_LEGAL_FORMS: Final = """
ab ag aps as asa bv co company corp corporation eood gmbh group holding holdings inc incorporated kg kk limited
llc llp ltd mbh nv oy oyj plc pte pty sa sarl sas se sl spa srl the
"""
_MAIL_PROVIDERS: Final = """
aol.com gmail.com gmx.com gmx.de gmx.net googlemail.com hotmail.com icloud.com live.com mac.com mail.com me.com
msn.com outlook.com proton.me protonmail.com qq.com t-online.de web.de yahoo.com yahoo.co.uk yandex.ru 163.com
126.com
"""
_LEGAL: Final = frozenset(_LEGAL_FORMS.split())
_PROVIDERS: Final = frozenset(_MAIL_PROVIDERS.split())
_SHARES: Final = {
    "id": (0.6, "the same id, {}, in two systems"),
    "name": (0.6, "the same name but for legal form and punctuation"),
    "domain": (0.5, "people at the same domain, {}"),
    "phone": (0.4, "the same telephone, {}"),
    "near": (0.4, "nearly the same name"),
    "parent": (0.2, "the same group"),
}
_COUNTRY: Final = 0.3
_INDUSTRY: Final = 0.1


class DuplicateError(WorkbenchError):
    """A pair that cannot be judged; the text says why."""


@dataclass
class _Seen:
    """What accounts share: key → ids, by sign."""

    signs: dict[str, dict[str, set[int]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )

    def add(self, sign: str, key: str, account: int) -> None:
        if key:
            self.signs[sign][key].add(account)


def plain_name(name: str) -> str:
    """A name for comparing: no accents, case, punctuation or legal form. "The Örtel GmbH" is "ortel"."""
    text = unicodedata.normalize("NFKD", name.casefold()).replace("&", " and ")
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    # Letters of any script; dots within an abbreviation go without a trace: "s.a." is "sa".
    words = re.findall(r"[^\W_]+", text.replace(".", ""))
    kept = [word for word in words if word not in _LEGAL]
    return " ".join(kept or words)


def domain_of(text: str) -> str:
    """The domain of an e-mail or web address; blank for mail providers and for what is neither."""
    host = text.strip().casefold().rsplit("@", 1)[-1]
    host = re.sub(r"^[a-z]+://", "", host).split("/")[0].split(":")[0].removeprefix("www.")
    return host if "." in host and " " not in host and host not in _PROVIDERS else ""


def search() -> int:
    """Look for pairs among all accounts and keep them as `LookAlike`; returns how many.

    One pass over accounts, one over contacts; memory grows with the accounts, time with the pairs that
    share something. Pairs somebody called two stay out.
    """
    accounts = {
        row[0]: row[1:]
        for row in Account.objects.filter(merged_into=None)
        .order_by("pk")
        .values_list(
            "pk", "name", "country", "industry", "source", "external_id", "parent_id", "custom"
        )
        .iterator(chunk_size=5_000)
    }
    names, seen = _gather(accounts)
    settled = set(NotADuplicate.objects.values_list("first_id", "second_id"))
    why: dict[tuple[int, int], dict[str, str]] = defaultdict(dict)
    for sign, key, pair in _pairs(seen, names):
        if pair not in settled:
            why[pair].setdefault(sign, key)
    rows = []
    for (first, second), signs in sorted(why.items()):
        score = _score(signs, accounts[first], accounts[second])
        if score >= LEAST:
            said = [_SHARES[sign][1].format(signs[sign]) for sign in _SHARES if sign in signs]
            rows.append(LookAlike(first_id=first, second_id=second, score=score, why=said))
    with transaction.atomic():
        LookAlike.objects.all().delete()
        LookAlike.objects.bulk_create(rows, batch_size=1_000)
        Watermark.objects.update_or_create(key=MARK, defaults={"at": timezone.now()})
    return len(rows)


def _gather(accounts: dict[int, Any]) -> tuple[dict[int, str], _Seen]:
    seen, names = _Seen(), dict[int, str]()
    for pk, (name, _, _, _, external_id, parent, custom) in accounts.items():
        names[pk] = plain_name(name)
        seen.add("name", names[pk], pk)
        seen.add("first word", names[pk].split(" ")[0], pk)
        seen.add("id", external_id, pk)
        if parent is not None:
            seen.add("parent", str(parent), pk)
        for key in ("website", "domain"):
            seen.add("domain", domain_of(str(custom.get(key) or "")), pk)
    people = Contact.objects.exclude(email="", phone="").order_by()
    for pk, email, phone in people.values_list("account_id", "email", "phone").iterator(
        chunk_size=5_000
    ):
        if pk in accounts:
            if email:
                seen.add("domain", domain_of(email) if "@" in email else "", pk)
            digits = re.sub(r"\D", "", phone).lstrip("0")
            seen.add("phone", digits if len(digits) >= 8 else "", pk)
    return names, seen


def _pairs(seen: _Seen, names: dict[int, str]) -> Iterator[tuple[str, str, tuple[int, int]]]:
    for sign in ("id", "name", "domain", "phone", "parent"):
        for key, ids in seen.signs[sign].items():
            if 1 < len(ids) <= MOST_SHARING:
                for first, second in combinations(sorted(ids), 2):
                    yield sign, key, (first, second)
    for ids in seen.signs["first word"].values():
        if 1 < len(ids) <= _MOST_SAME_FIRST_WORD:
            for first, second in combinations(sorted(ids), 2):
                if names[first] != names[second] and _near(names[first], names[second]):
                    yield "near", "", (first, second)


def _near(one: str, other: str) -> bool:
    # "North 1" and "North 2" are near in letters and two in fact.
    if re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return False
    if sorted(one.split()) == sorted(other.split()) or one.replace(" ", "") == other.replace(
        " ", ""
    ):
        return True
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.quick_ratio() >= _NEARLY and matcher.ratio() >= _NEARLY


def _score(signs: Iterable[str], first: Any, second: Any) -> float:
    doubt = 1.0
    for sign in signs:
        doubt *= 1 - _SHARES[sign][0]
    score = 1 - doubt
    if first[1] and second[1] and first[1] != second[1]:
        score -= _COUNTRY
    if first[2] and second[2] and first[2] != second[2]:
        score -= _INDUSTRY
    # The same id in one system is impossible; in two it is a coincidence unless something else agrees.
    return round(max(score, 0.0), 3)


def settle(first: Account, second: Account, *, by: Any) -> NotADuplicate:
    """Remember that the two are two. Raises DuplicateError when they are one and the same row."""
    if first.pk == second.pk:
        raise DuplicateError("An account cannot be told apart from itself.")
    low, high = sorted([first, second], key=lambda account: account.pk)
    with transaction.atomic():
        LookAlike.objects.filter(first=low, second=high).delete()
        settled, _ = NotADuplicate.objects.get_or_create(
            first=low, second=high, defaults={"by": by}
        )
    return settled


def unsettle(settled: NotADuplicate) -> None:
    """Take the word back; the next search lists the pair again if it still looks alike."""
    settled.delete()


def search_when_due() -> int | None:
    """`search` once a night when accounts changed, unless the book is so large that an admin should ask.

    None when nothing was searched.
    """
    if not changed_since_search() or Account.objects.count() > NIGHTLY_MOST:
        return None
    return search()


def changed_since_search() -> bool:
    """Whether accounts or merges came in since the last search, or none was made yet."""
    mark = Watermark.objects.filter(key=MARK).first()
    if mark is None:
        return True
    newer = Account.objects.filter(Q(created_at__gt=mark.at) | Q(updated_at__gt=mark.at))
    return newer.exists() or Merge.objects.filter(Q(undone_at__gt=mark.at)).exists()
