"""Company names for the demo book: coined stems, a trade word, and the legal form of the country.

No name is taken from a register; stems are put together from syllables so that they sound like
companies and belong to none that we know of.
"""

from collections.abc import Sequence

import numpy as np


def words(text: str) -> tuple[str, ...]:
    """Its words."""
    return tuple(text.split())


# Country → share of the book, legal forms (the first is the commonest).
COUNTRIES: dict[str, tuple[float, tuple[str, ...]]] = {
    "United States": (0.34, ("Inc.", "LLC", "Corp.")),
    "United Kingdom": (0.12, ("Ltd", "plc", "LLP")),
    "Germany": (0.11, ("GmbH", "AG", "GmbH & Co. KG")),
    "France": (0.07, ("SAS", "SA", "SARL")),
    "Canada": (0.05, ("Inc.", "Ltd.")),
    "Netherlands": (0.04, ("B.V.", "N.V.")),
    "Australia": (0.04, ("Pty Ltd",)),
    "Spain": (0.03, ("S.L.", "S.A.")),
    "Italy": (0.03, ("S.r.l.", "S.p.A.")),
    "Sweden": (0.025, ("AB",)),
    "Switzerland": (0.02, ("AG", "GmbH")),
    "Poland": (0.02, ("Sp. z o.o.", "S.A.")),
    "India": (0.02, ("Pvt. Ltd.",)),
    "Japan": (0.015, ("K.K.",)),
    "Denmark": (0.015, ("ApS", "A/S")),
    "Norway": (0.01, ("AS",)),
    "Austria": (0.01, ("GmbH",)),
    "Ireland": (0.01, ("Ltd",)),
    "Finland": (0.008, ("Oy",)),
    "Czechia": (0.008, ("s.r.o.",)),
    "Brazil": (0.008, ("Ltda.",)),
    "Singapore": (0.007, ("Pte. Ltd.",)),
    "Mexico": (0.006, ("S.A. de C.V.",)),
    "Türkiye": (0.005, ("A.Ş.",)),
}

_STARTS = words("""
Alder Ambr Ard Bracken Brim Calder Cinder Corv Dapple Dorn Drift Ebon Elver Ember Fallow Farr
Fenn Ferro Garn Gild Hallow Harrow Hazel Heron Holl Ister Junip Kell Kestr Lark Lind Lorn Lumen
Marr Meadow Merr Morro Nettle Nimb Ober Onyx Orl Osprey Pell Quarr Quill Ravel Rowan Rush Sable
Sedge Skell Spindle Sunder Tarn Teasel Thistle Thorn Timber Umber Vald Vesper Wend Whin Wick
Willow Wren Yarrow
""")
_ENDS = words("""
acre aver beck bourne by crest dell dyne fen fold grove ham haugh holt hurst lea light low mere
moor quay rick scope shaw stead thwaite vale vane wick wold worth
""")
_FIRST = words("""
Amber Brass Candid Cedar Clover Copper Coral Crooked Dusk Early Fable Feather Flint Gentle
Harvest Hidden Ivory Kindled Lantern Linen Long Lucky Maple Midwinter Mossy Narrow Ninth Open
Paper Patient Pebble Plum Quiet Rambling Russet Saffron Second Seven Slate Spare Still Sunday
Tall Tidal Tin Upper Velvet Wandering
""")
_SECOND = words("""
Acorn Anchor Anvil Basin Beacon Bench Bellows Bramble Bridge Buoy Candle Compass Cove Crane Dial
Ferry Finch Gable Gannet Garden Hinge Kettle Kiln Ladder Ledger Lintel Loom Magpie Mill Oar
Orchard Otter Pantry Pier Plover Quarry Rafter Reed Ripple Shutter Spruce Stile Thimble Trellis
Tern Weir Wharf Windlass
""")
# Beginnings and endings with letters outside ASCII, for a part of the accounts of these countries.
_GERMAN_ENDS = words("auen bach berg feld heim hof stetten tal wald")
_LOCAL: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Germany": (words("Grün Mühl Löwen Süd Höhen Käfer Weiß Brücken"), _GERMAN_ENDS),
    "Austria": (words("Grün Mühl Höhen Süd Föhren"), _GERMAN_ENDS),
    "Switzerland": (words("Zürn Grün Mühl Löwen Bäch"), _GERMAN_ENDS),
    "France": (
        words("Évasion Chêne Forêt Rivière Lumière Été"),
        (" Claire", " Haute", " d'Or", " du Nord"),
    ),
    "Spain": (words("Peña Otoño Montaña Río Caña"), (" Alta", " Nueva", " del Sur", " Clara")),
    "Sweden": (words("Björk Ängs Sjö Öst Västan"), words("dal gård holm lund strand vik")),
    "Norway": (words("Fjære Ås Bølge Sjø"), words("dal gård haug nes vik")),
    "Denmark": (words("Bøge Sø Ålke Højs"), words("bæk gård holm lund vig")),
    "Finland": (words("Järvi Mäki Käpy Pöllö"), words("la lahti niemi ranta saari")),
    "Poland": (words("Łąk Dąb Świt Źródł"), words("owa owiec owo owski")),
    "Czechia": (words("Říčk Šumn Žlut Hvězd"), words("any ov ovice ín")),
    "Brazil": (words("Manhã Coração Sertão Açude"), (" Nova", " Azul", " do Sul", " Clara")),
    "Mexico": (words("Ñandú Águila Colibrí Maíz"), (" Alto", " Nuevo", " del Valle")),
    "Türkiye": (words("Çınar Gökçe Işık Yıldız"), words("köy lar soy tepe")),
}
# Japanese stems in their own script, read left to right before 株式会社.
_JAPANESE = ("霧谷", "星森", "白樺野", "月影", "風見原", "青磁", "夜明町", "雪代沢")
_JAPANESE_TRADES = ("データ", "工業", "医療", "商店", "学習", "金融")

TRADES: dict[str, tuple[str, ...]] = {
    "Technology": (
        "Systems",
        "Software",
        "Cloud",
        "Analytics",
        "Networks",
        "Robotics",
        "Digital",
        "Labs",
    ),
    "Financial Services": (
        "Capital",
        "Insurance",
        "Payments",
        "Credit",
        "Wealth",
        "Leasing",
        "Trust",
    ),
    "Healthcare": ("Health", "Diagnostics", "Clinics", "Biotech", "Pharma", "Care", "Medical"),
    "Manufacturing": (
        "Industries",
        "Works",
        "Components",
        "Tooling",
        "Materials",
        "Fabrication",
        "Motors",
    ),
    "Retail": ("Stores", "Outfitters", "Markets", "Goods", "Home", "Grocers"),
    "Education": ("Learning", "Academy", "Campus", "Institute", "Schools"),
    "": ("Group", "Holdings", "Partners", "Ventures", "Services"),
}

# One name as long as the longest that people really meet, to keep every layout honest.
VERY_LONG = (
    "Vereinigte Grünauer und Mühlbrückener Gesellschaft für nachhaltige Fertigungstechnik, "
    "Anlagenüberwachung und vorausschauende Instandhaltung im Maschinen- und Anlagenbau, "
    "Niederlassung Oberwendelshausen GmbH & Co. KG"
)


def company_names(
    rng: np.random.Generator, countries: Sequence[str], industries: Sequence[str]
) -> list[str]:
    """One distinct name per account; about one in 300 looks like a duplicate of another."""
    n = len(countries)
    stems = [start + end for start in _STARTS for end in _ENDS]
    stems += [f"{first} {second}" for first in _FIRST for second in _SECOND]
    order = rng.permutation(len(stems))
    picks = rng.random((n, 4))
    names: list[str] = []
    taken: set[str] = set()
    for i, (country, industry) in enumerate(zip(countries, industries, strict=True)):
        forms = COUNTRIES[country][1] if country else ("Group",)
        form = forms[int(picks[i, 0] ** 2 * len(forms))]
        trades = TRADES[industry]
        trade = trades[int(picks[i, 1] * len(trades))]
        name = _name(country, stems[order[i % len(stems)]], trade, form, picks[i, 2], picks[i, 3])
        turn = 0
        while name in taken:
            # Books beyond the combinations at hand number their branches, as groups do.
            turn += 1
            other = stems[order[(i * 7 + turn * 31) % len(stems)]]
            name = f"{other} {trade} {form}" if turn < 20 else f"{name} ({turn})"
        taken.add(name)
        names.append(name)
    _disturb(rng, names, taken, countries, industries)
    return names


def _name(country: str, stem: str, trade: str, form: str, local: float, shape: float) -> str:
    if country == "Japan" and local < 0.5:
        base = _JAPANESE[int(local * 2 * len(_JAPANESE))]
        return f"{base}{_JAPANESE_TRADES[int(shape * len(_JAPANESE_TRADES))]}株式会社"
    if country in _LOCAL and local < 0.3:
        starts, ends = _LOCAL[country]
        stem = starts[int(local / 0.3 * len(starts))] + ends[int(shape * len(ends))]
    elif shape < 0.04:
        return f"O'{stem.split()[-1].title()} & Sons {form}"
    elif shape < 0.1:
        return f"{stem} & Daughters {form}"
    elif shape < 0.2:
        return f"{stem} {form}"
    return f"{stem} {trade} {form}"


def _disturb(
    rng: np.random.Generator,
    names: list[str],
    taken: set[str],
    countries: Sequence[str],
    industries: Sequence[str],
) -> None:
    """Put in the very long name and the likely duplicates every real book has."""
    if len(names) < 20:
        return
    tweaks = (
        str.upper,
        lambda s: s.replace(".", ""),
        lambda s: f"{s} (old)",
        lambda s: s.replace(" ", "  ", 1),
    )
    # A likely duplicate is of the same country and trade as the one it resembles.
    waiting: dict[tuple[str, str], int] = {}
    pairs = 0
    for spot in rng.permutation(len(names)).tolist():
        twin = waiting.pop((countries[spot], industries[spot]), None)
        if twin is None:
            waiting[countries[spot], industries[spot]] = spot
        elif pairs < max(2, len(names) // 300):
            name = tweaks[pairs % len(tweaks)](names[twin])
            if name not in taken:
                taken.add(name)
                names[spot] = name
                pairs += 1
    german = [spot for spot, country in enumerate(countries) if country == "Germany"]
    names[german[0] if german else 0] = VERY_LONG
