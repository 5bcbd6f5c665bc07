"""One spelling for each page, to know whether it has been seen."""

import re
from dataclasses import replace
from urllib.parse import unquote

from sitechat.ingestion.site.escapes import normal_escapes
from sitechat.ingestion.urls import WebAddress

_TRACKING = frozenset(
    {
        *("gclid", "gclsrc", "dclid", "gbraid", "wbraid", "fbclid", "msclkid", "yclid", "ysclid", "twclid", "ttclid"),
        *("li_fat_id", "igshid", "igsh", "mc_cid", "mc_eid", "mkt_tok", "_ga", "_gl", "_hsenc", "_hsmi", "vero_id"),
        *("oly_enc_id", "oly_anon_id", "wickedid", "s_cid", "epik", "srsltid", "_openstat"),
    }
)
_TRACKING_FAMILIES = ("utm_", "hsa_", "pk_", "mtm_", "matomo_", "piwik_")
_SESSION = frozenset(
    {
        *("phpsessid", "jsessionid", "cfid", "cftoken", "zenid", "oscsid", "sessionid", "session_id", "sessid"),
        *("symfony_session", "laravel_session", "viewstate", "__viewstate"),
    }
)
_SESSION_FAMILIES = ("aspsessionid",)
# Names that mean a session on one site and a story or section on another: the value tells.
_PERHAPS_SESSION = frozenset({"sid", "s", "session"})
_TOKEN = re.compile(r"^(?:[0-9a-f]{16,}|[0-9A-Za-z]{22,})$")
_SESSION_IN_PATH = re.compile(r";(?:jsessionid|phpsessid|aspsessionid\w*|cfid|cftoken|sid)=[^;/]*", re.IGNORECASE)


def canonical(address: WebAddress) -> WebAddress:
    """``address`` in the form in which all ways to write it meet. Canonical again, it stays as it is.

    Host, port and fragment are settled already. The order of parameters is kept, and so are empty ones, ``www.`` and a
    slash at the end: there are sites on which each of them makes another page.
    """
    path, mark, query = address.target.partition("?")
    path = _without_dots(_SESSION_IN_PATH.sub("", normal_escapes(path)))
    kept = "&".join(part for part in normal_escapes(query).split("&") if not _is_noise(part))
    return replace(address, target=f"{path}{mark}{kept}" if kept else path)


def _is_noise(parameter: str) -> bool:
    """Whether a parameter says who comes from where, and not which page is asked for."""
    written, _, value = parameter.partition("=")
    name = unquote(written).lower()
    if name in _TRACKING or name in _SESSION or name.startswith((*_TRACKING_FAMILIES, *_SESSION_FAMILIES)):
        return True
    return name in _PERHAPS_SESSION and bool(_TOKEN.match(value)) and sum(map(str.isdigit, value)) > 2


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4, for a path that begins with a slash."""
    *folders, last = path.split("/")[1:]
    kept: list[str] = []
    for segment in folders:
        _step(kept, segment)
    if last in (".", ".."):
        _step(kept, last)
        last = ""
    return "/".join(["", *kept, last])


def _step(kept: list[str], segment: str) -> None:
    if segment == "..":
        del kept[-1:]
    elif segment != ".":
        kept.append(segment)
