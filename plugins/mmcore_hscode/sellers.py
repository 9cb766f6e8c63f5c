"""What sellers write: an invoice line, a title, a category path; terse or gushing, in several languages, with typos."""

from __future__ import annotations

from dataclasses import dataclass

from mmcore_hscode.dice import Dice
from mmcore_hscode.nomenclature import CODES, FAMILY_OF, LANGUAGES, Code, Family, Product, of_language

LANGUAGE_SHARES = (0.5, 0.16, 0.14, 0.1, 0.1)

PRAISE = {
    "en": ("NEW!!", "BEST quality", "HOT SALE", "Premium", "100% original", "luxury", "must have", "TOP", "super soft"),
    "fr": ("NOUVEAU!!", "qualité SUPÉRIEURE", "PROMO", "Premium", "100% original", "de luxe", "tendance", "TOP"),
    "de": ("NEU!!", "BESTE Qualität", "ANGEBOT", "Premium", "100% original", "luxuriös", "Trend", "TOP"),
    "nl": ("NIEUW!!", "BESTE kwaliteit", "AANBIEDING", "Premium", "100% origineel", "luxe", "trendy", "TOP"),
    "es": ("¡NUEVO!", "MEJOR calidad", "OFERTA", "Premium", "100% original", "de lujo", "tendencia", "TOP"),
}
COLOURS = {
    "en": ("black", "white", "blue", "red", "grey", "brown", "pink"),
    "fr": ("noir", "blanc", "bleu", "rouge", "gris", "marron", "rose"),
    "de": ("schwarz", "weiß", "blau", "rot", "grau", "braun", "rosa"),
    "nl": ("zwart", "wit", "blauw", "rood", "grijs", "bruin", "roze"),
    "es": ("negro", "blanco", "azul", "rojo", "gris", "marrón", "rosa"),
}
FOR = {
    "en": ("for every day", "for travel", "for home", "as a gift", "2024 collection"),
    "fr": ("pour tous les jours", "pour le voyage", "pour la maison", "idée cadeau", "collection 2024"),
    "de": ("für jeden Tag", "für die Reise", "für Zuhause", "als Geschenk", "Kollektion 2024"),
    "nl": ("voor elke dag", "voor op reis", "voor thuis", "als cadeau", "collectie 2024"),
    "es": ("para cada día", "para viajar", "para casa", "idea regalo", "colección 2024"),
}
EMPTY_INVOICES = (
    "goods as per list",
    "merchandise",
    "sample no value",
    "gift",
    "accessories",
    "article divers",
    "ware",
)
TOP_CATEGORIES = "All products > New|Tous les produits > Nouveautés|Alle Produkte > Neu|Alles > Nieuw|Todo > Novedades"
UNITS = ("pcs", "pc", "set", "pack", "ctn", "x")
_BEGINNINGS = ("Vel", "Kor", "Lum", "Tra", "Neo", "Zan", "Bri", "Ost", "Mir", "Pal", "Quin", "Rav")
_ENDINGS = ("ano", "tix", "ora", "vel", "ique", "dex", "lya", "mond", "za", "wick")


@dataclass(frozen=True)
class Wording:
    """How likely a field names what sets its code apart: by a seller who writes vaguely, and by another."""

    vague: float
    exact: float


VAGUE_SELLERS = 0.45
HOLLOW_SELLERS = 0.1
HOLLOW_FIELDS = 0.85
"""How likely a field of a hollow seller says nothing of the product; of another seller, `HOLLOW_ANYWAY`."""
HOLLOW_ANYWAY = 0.02

INVOICE = Wording(vague=0.06, exact=0.55)
TITLE = Wording(vague=0.1, exact=0.85)
CATEGORY = Wording(vague=0.08, exact=0.7)
WRONG_CATEGORY = 0.05
"""How often the category is the generic one of a code drawn at random."""


@dataclass(frozen=True)
class Seller:
    """Who writes a declaration's texts."""

    language: str
    brand: str
    vague: bool
    """Whether the wording rarely sets the code apart from its partner."""
    hollow: bool
    """Whether the texts hardly say what is sold."""


def draw_seller(dice: Dice) -> Seller:
    """A seller: language, an invented brand, and whether the wording gives codes away."""
    brand = dice.one_of(_BEGINNINGS) + dice.one_of(_ENDINGS)
    language = dice.weighted(LANGUAGES, LANGUAGE_SHARES)
    return Seller(language, brand, vague=dice.chance(VAGUE_SELLERS), hollow=dice.chance(HOLLOW_SELLERS))


def invoice_line(code: Code, product: Product, seller: Seller, dice: Dice) -> str:
    """Two to six lower-case words, often English, now and then repeated ("usb type usb cable") or mistyped."""
    language = "en" if dice.chance(0.5) else seller.language
    family = FAMILY_OF[code.hs6]
    if _is_hollow(seller, dice):
        words = [dice.one_of(EMPTY_INVOICES)]
    else:
        words = _words(code, product, family, language, _is_exact(INVOICE, seller, dice), dice)
        if dice.chance(0.2):
            words.append(words[0].split()[0])
        if dice.chance(0.45):
            words.append(dice.one_of(family.details))
        if family.names_colours and dice.chance(0.3):
            words.append(dice.one_of(COLOURS[language]))
    if dice.chance(0.4):
        words.append(f"{dice.whole(1, 24)} {dice.one_of(UNITS)}")
    if dice.chance(0.25):
        words.append(_article_number(dice))
    return _mistyped(" ".join(words).lower(), 0.07, dice)


def title(code: Code, product: Product, seller: Seller, dice: Dice) -> str:
    """A marketplace title: brand, praise, the product, its details, what it is for."""
    family, language = FAMILY_OF[code.hs6], seller.language
    parts = [seller.brand] if dice.chance(0.7) else []
    if dice.chance(0.6):
        parts.append(dice.one_of(PRAISE[language]))
    hollow = _is_hollow(seller, dice)
    if hollow:
        parts += [dice.one_of(PRAISE[language]), _article_number(dice)]
    else:
        parts += _words(code, product, family, language, _is_exact(TITLE, seller, dice), dice)
        parts += dict.fromkeys(dice.one_of(family.details) for _ in range(dice.whole(0, 2)))
    if not hollow and family.names_colours and dice.chance(0.5):
        parts.append(dice.one_of(COLOURS[language]))
    if dice.chance(0.5):
        parts.append(dice.one_of(FOR[language]))
    if dice.chance(0.2):
        parts.append(dice.one_of(PRAISE[language]))
    return _mistyped(" ".join(parts), 0.01, dice)


def category_path(code: Code, seller: Seller, dice: Dice) -> str:
    """A path in a marketplace's tree, down to a leaf that may fit both codes of a family; sometimes a wrong branch."""
    exact = _is_exact(CATEGORY, seller, dice)
    place = LANGUAGES.index(seller.language)
    if _is_hollow(seller, dice):
        return TOP_CATEGORIES.split("|")[place]
    if dice.chance(WRONG_CATEGORY):
        code, exact = dice.one_of(CODES), False
    family = FAMILY_OF[code.hs6]
    leaf = (code.leaf if exact else family.leaf).split("|")[place]
    return f"{family.path.split('|')[place]} > {leaf}"


def _is_hollow(seller: Seller, dice: Dice) -> bool:
    return dice.chance(HOLLOW_FIELDS if seller.hollow else HOLLOW_ANYWAY)


def _is_exact(wording: Wording, seller: Seller, dice: Dice) -> bool:
    return dice.chance(wording.vague if seller.vague else wording.exact)


def _words(code: Code, product: Product, family: Family, language: str, exact: bool, dice: Dice) -> list[str]:
    """The product's own words, or those that fit both codes of the family."""
    if family.told_by == "text":
        name = product.name(language) if dice.chance(0.6) else dice.one_of(of_language(family.generic, language))
        return [dice.one_of(of_language(code.traits, language)), name] if exact else [name]
    if exact:
        return [product.name(language) if dice.chance(0.7) else dice.one_of(of_language(code.traits, language))]
    return [dice.one_of(of_language(family.generic, language))]


def _article_number(dice: Dice) -> str:
    return f"{dice.one_of('abkmstx')}{dice.one_of('dglrx')}{dice.whole(10, 999)}"


def _mistyped(text: str, rate: float, dice: Dice) -> str:
    """A text in which some words have two letters swapped, or one dropped or doubled.

    >>> _mistyped("usb cable", 0.0, Dice(0, 0, 0))
    'usb cable'
    """
    return " ".join(_slip(word, dice) if len(word) > 3 and dice.chance(rate) else word for word in text.split())


def _slip(word: str, dice: Dice) -> str:
    at = dice.whole(0, len(word) - 2)
    return dice.one_of(
        (
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[: at + 1] + word[at:],
        )
    )
