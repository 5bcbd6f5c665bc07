"""Tells pages that say they do not exist, though the server says they do."""

import re

_SHORT = 1000
_VERY_SHORT = 300
_SENTENCES = "|".join(
    [
        r"page (?:was |is |could )?not (?:be )?found",
        r"page (?:does not|doesn.t|no longer) exists?",
        r"page (?:you requested|you are looking for|you.re looking for) (?:was|could) not (?:be )?found",
        r"seite (?:wurde |konnte )?nicht gefunden",
        r"page (?:non trouvée|introuvable)",
        r"pagina non trovata",
        r"p[áa]gina no (?:encontrada|existe)",
        r"p[áa]gina n[ãa]o encontrada",
        r"pagina niet gevonden",
        r"sidan (?:kunde inte hittas|hittades inte)",
        r"nie znaleziono strony",
        r"strona nie istnieje",
        r"страница не найдена",
        r"ページが見つかりません",
        r"(?:页面|頁面)(?:不存在|未找到|找不到)",
    ]
)
# These say it as a title only: within a text they speak of something else.
_TITLES = r"(?:http\s*)?(?:error\s*)?404(?:\s*[-–—:|.]?\s*(?:error|(?:page |file )?not found))?|(?:file )?not found"
_ADDRESSED = r"(?:oops|sorry)?\W*(?:(?:this|the|that|die|diese|la|cette)\s+)?"
# What follows is the end or, after a separator, the name of the site: "404 Main Street" is a place.
_TITLE = re.compile(
    rf"^{_ADDRESSED}(?:{_SENTENCES}|{_TITLES})[!.]*\s*(?:$|\s[|–—·•»-]\s|[:|]\s)"
    rf"|\s[|–—·•»-]\s(?:{_SENTENCES}|{_TITLES})[!.]*$",
    re.IGNORECASE,
)
_OPENING = re.compile(rf"^(?:(?:error\s*)?404\W{{0,5}})?{_ADDRESSED}(?:{_SENTENCES})(?:\W|$)", re.IGNORECASE)


def looks_like_missing(title: str, text: str) -> bool:
    """Whether a page is an error page by its title and a text that is short, or by the first words of a very short one.

    Rather no than yes: a page about error pages has more to say than one.
    """
    title, text = " ".join(title[:500].split()), text.strip()
    if len(text) < _SHORT and _TITLE.search(title):
        return True
    return len(text) < _VERY_SHORT and bool(_OPENING.match(" ".join(text.split())))
