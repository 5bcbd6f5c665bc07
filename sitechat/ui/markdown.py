"""Untrusted text as Markdown that Streamlit may draw.

What a model or a document wrote is parsed as CommonMark with tables, and written out anew from the parsed tokens.
Only what is meant survives: paragraphs, headings, lists, quotes, tables, code, emphasis, links, citation marks.
Everything else is escaped and appears as the characters it is made of: HTML, images (the link under their
description stays), formulas (``$5 and $6`` are prices), and Streamlit's own directives, icons, emoji and arrows.
A link shows the host it leads to. Reference definitions are not honoured, so that a block means the same alone as in
its text.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from sitechat.pipeline.marks import split_marks

_SCHEMES = {"http", "https", "mailto", "tel"}
_DRAWN_CODE = {"mermaid", "math"}
_SPECIAL = re.compile(r"[\\`*_\[\]<>#|~$&!{}\xa0]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufdd0]")
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\[\]{}|\\^`\"]+[^\s<>\[\]{}|\\^`\"'.,;:!?*_~)]", re.IGNORECASE)
_COLON = re.compile(r":(?=[\w+\\/-]+:)|:(?=[A-Za-z])")
_NAME = re.compile(r":[\w+\\/-]+:")
_ARROW = re.compile(r"(?:(?<=\s)|(?<=:)|^)(<->|->|<-|--|>=|<=|~=)(?=\s|$)")
_LINE_START = re.compile(r"^(?:([-+=]|:(?=-))|(\d{1,9})([.)])(?=\s|$))", re.MULTILINE)
_SIGN = "\ufdd0"
"""No character of any text; tells a mark from a bracketed number."""
_MARK = re.compile(rf"\[{_SIGN}(\d+)\]")
_CHECK = re.compile(rf"\{{{_SIGN}(\d*)\}}")
_PIECE = re.compile(r"(?<!\\)(?:\\\S|[^\s>|\\])(?:(?:\\[^\n]|[^|\n\\])*(?:\\\S|[^\s|\\]))?")
"""What stands in one line and one cell of a table; a backslash stays with what it escapes."""
_SPLIT = ":color[]"


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the evidence of a mark ``[number]`` is: an address and one line to show over it."""

    number: int
    url: str
    tooltip: str


@dataclass(frozen=True, slots=True)
class Check:
    """Words ``source[start:end]`` that are to be checked, where that can be done, and a line that says why."""

    start: int
    end: int
    url: str
    tooltip: str


@dataclass(frozen=True, slots=True)
class Block:
    """A top-level block: the line of the source where it begins, and its Markdown as it may be drawn."""

    line: int
    markdown: str
    ends_in_fence: bool


def safe_markdown(source: str, marks: Mapping[int, Mark] | None = None, checks: Sequence[Check] = ()) -> str:
    """All of ``source`` as drawable Markdown. ``marks``: which ``[n]`` are citations; others stay text."""
    return "\n\n".join(block.markdown for block in blocks(source, marks, checks))


def blocks(source: str, marks: Mapping[int, Mark] | None = None, checks: Sequence[Check] = ()) -> list[Block]:
    """The top-level blocks of ``source``, in order. Each drawn alone looks as it does within the whole."""
    tokens = _parsed(source, marks or {}, ())
    if checks:
        marked = _parsed(source, marks or {}, checks)
        tokens = marked if _shape(marked) == _shape(tokens) else tokens
    return [
        Block((group[0].map or [0])[0], _unsigned("\n".join(_block(group))), _ends_in_fence(group))
        for group in _groups(tokens)
    ]


def _parsed(source: str, marks: Mapping[int, Mark], checks: Sequence[Check]) -> list[Token]:
    signed = _signed(_underlined(source, checks), marks)
    return _PARSER.parse(signed, {"marks": marks, "checks": checks})


def _shape(tokens: Sequence[Token]) -> list[tuple[str, int]]:
    """What a text is made of: signs that would change it are left out altogether."""
    inside = (child for token in tokens for child in token.children or ())
    kept = [(child.type, child.level) for child in inside if child.type not in ("check", "text")]
    return [(token.type, token.level) for token in tokens] + kept


def plain(text: str) -> str:
    """One line of plain text for a place where Streamlit reads Markdown, such as a label."""
    return _line_starts(_text(" ".join(_clean(text).split())))


def _clean(source: str) -> str:
    return _CONTROL.sub("\ufffd", source.replace("\r\n", "\n").replace("\r", "\n").replace("\x0b", "\n"))


def _signed(source: str, marks: Mapping[int, Mark]) -> str:
    """With a sign in every mark, so that the pipeline alone decides what is one."""
    if not marks or "[" not in source:
        return source
    pieces = (f"[{_SIGN if p in marks else ''}{p}]" if isinstance(p, int) else p for p in split_marks(source))
    return "".join(pieces)


def _underlined(source: str, checks: Sequence[Check]) -> str:
    """Clean, with a sign before and behind each piece of what is to be checked."""
    parts: list[str] = []
    position = 0
    for number, check in enumerate(checks):
        for piece in _PIECE.finditer(source, check.start, check.end):
            parts += [
                _clean(source[position : piece.start()]),
                f"{{{_SIGN}{number}}}",
                _clean(piece[0]),
                f"{{{_SIGN}}}",
            ]
            position = piece.end()
    return "".join([*parts, _clean(source[position:])])


def _unsigned(markdown: str) -> str:
    """Without signs in code, where nothing is a mark."""
    return _CHECK.sub("", markdown).replace(_SIGN, "")


def _check_rule(state: StateInline, silent: bool) -> bool:
    """A sign of :func:`_underlined` becomes a token of its own, which says what is to be checked from here on."""
    match = _CHECK.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        state.push("check", "", 0).meta = {"check": state.env["checks"][int(match[1])] if match[1] else None}
    state.pos = match.end()
    return True


def _mark_rule(state: StateInline, silent: bool) -> bool:
    """A signed ``[n]`` becomes a token of its own, before links are looked for."""
    match = _MARK.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        state.push("mark", "", 0).meta = {"mark": state.env["marks"][int(match[1])]}
    state.pos = match.end()
    return True


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": 50}).enable(["table", "strikethrough"])
    parser.disable(["html_block", "html_inline", "reference"])
    parser.inline.ruler.before("link", "mark", _mark_rule)
    parser.inline.ruler.before("link", "check", _check_rule)
    return parser


_PARSER = _parser()


# Blocks: every function returns lines.


def _groups(tokens: Sequence[Token]) -> Iterable[Sequence[Token]]:
    """Cut a token list into its siblings: each an opening token through its closing one, or a single token."""
    start = depth = 0
    for index, token in enumerate(tokens):
        depth += token.nesting
        if depth == 0:
            yield tokens[start : index + 1]
            start = index + 1


def _ends_in_fence(group: Sequence[Token]) -> bool:
    last = next((token for token in reversed(group) if token.nesting != -1), group[0])
    return last.type in {"fence", "code_block"}


def _block(group: Sequence[Token]) -> list[str]:
    token = group[0]
    match token.type:
        case "heading_open":
            return ["#" * int(token.tag[1]) + " " + _inline(group[1]).replace("\\\n", " ").replace("\n", " ")]
        case "paragraph_open":
            return _line_starts(_inline(group[1])).split("\n")
        case "fence" | "code_block":
            return _fence(token)
        case "bullet_list_open" | "ordered_list_open":
            return _list(group)
        case "blockquote_open":
            return ["> " + line if line else ">" for line in _children(group[1:-1], blank=True) or [""]]
        case "table_open":
            return _table(group)
        case "hr":
            return ["___"]
        case _:
            return [_text(token.content)] if token.content else []


def _children(tokens: Sequence[Token], *, blank: bool) -> list[str]:
    lines: list[str] = []
    for group in _groups(tokens):
        lines += ["", *_block(group)] if lines and blank else _block(group)
    return lines


def _list(group: Sequence[Token]) -> list[str]:
    tight = all(token.hidden for token in group if token.type == "paragraph_open" and token.level == group[0].level + 2)
    number = int(group[0].attrGet("start") or 1) if group[0].type == "ordered_list_open" else None
    lines: list[str] = []
    for item in _groups(group[1:-1]):
        marker = item[0].markup if number is None else f"{number}{item[0].markup}"
        body = _children(item[1:-1], blank=not tight) or [""]
        indent = " " * (len(marker) + 1)
        if lines and not tight:
            lines.append("")
        lines.append(f"{marker} {body[0]}".rstrip())
        lines += [indent + line if line else "" for line in body[1:]]
        number = None if number is None else number + 1
    return lines


def _fence(token: Token) -> list[str]:
    language = re.match(r"[\w+#.-]{0,30}", token.info.strip())
    name = language[0] if language else ""
    ticks = "`" * max(3, _longest_run(token.content) + 1)
    body = token.content.removesuffix("\n").split("\n") if token.content else []
    return [ticks + ("text" if name.lower().split("-")[0] in _DRAWN_CODE else name), *body, ticks]


def _table(group: Sequence[Token]) -> list[str]:
    rows: list[list[str]] = []
    rule: list[str] = []
    for index, token in enumerate(group):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in {"th_open", "td_open"}:
            rows[-1].append(_inline(group[index + 1], cell=True))
            if token.type == "th_open":
                rule.append(_alignment(str(token.attrGet("style") or "")))
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], "| " + " | ".join(rule) + " |", *lines[1:]]


def _alignment(style: str) -> str:
    return {"text-align:left": ":--", "text-align:center": ":-:", "text-align:right": "--:"}.get(style, "---")


# Text within a block.


def _inline(token: Token, *, cell: bool = False) -> str:
    out: list[str] = []
    closed = False
    check: Check | None = None
    children = token.children or []
    index = 0
    while index < len(children):
        child = children[index]
        if child.type == "check":
            check = child.meta["check"]
            index += 1
            continue
        if child.type == "link_open":
            end = next(i for i in range(index, len(children)) if children[i].type == "link_close")
            label = children[index + 1 : end]
            out.append(_link(str(child.attrGet("href") or ""), label))
            check = next((each.meta["check"] for each in reversed(label) if each.type == "check"), check)
            index = end
        else:
            # Without something between them, a closing and an opening row of asterisks would read as one.
            out.append(_SPLIT + child.markup if closed and child.nesting == 1 else _span(child, check, cell=cell))
        closed = child.nesting == -1
        index += 1
    return "".join(out)


def _span(token: Token, check: Check | None, *, cell: bool) -> str:
    match token.type:
        case "text":
            return _text(token.content, check)
        case "code_inline":
            return _checked(_code(token.content, cell=cell), check)
        case "softbreak":
            return "\n"
        case "hardbreak":
            return "\\\n"
        case "mark":
            return _mark(token.meta["mark"])
        case "image":
            return _link(str(token.attrGet("src") or ""), token.children or [])
        case _:
            return token.markup


def _checked(markdown: str, check: Check | None) -> str:
    """Words that are to be checked are a link to where that can be done; the style sheet shows them as words."""
    words = markdown.strip()
    if check is None or not any(char.isalnum() for char in words):
        return markdown
    before, _, after = markdown.partition(words)
    return f'{before}[{words}](<{_destination(check.url)}> "{_tooltip(check.tooltip)}"){after}'


def _mark(mark: Mark) -> str:
    return f'[:color[\\[]{mark.number}:color[\\]]](<{_destination(mark.url)}> "{_tooltip(mark.tooltip)}")'


def _tooltip(words: str) -> str:
    return _text(" ".join(_clean(words).split())).replace('"', '\\"')


def _link(target: str, label: Sequence[Token]) -> str:
    """A link that says where it leads; what is no web, mail or telephone address becomes plain text."""
    words = "".join(f"[{t.meta['mark'].number}]" if t.type == "mark" else t.content for t in label if t.nesting == 0)
    words = " ".join(words.split())
    scheme, where = _lead(target)
    if scheme not in _SCHEMES:
        return _text(f"{words} ({target})" if target and target != words else words)
    shown = words if where.casefold() in words.casefold() else f"{words} ({where})".strip()
    return f"[{_escape(shown)}](<{_destination(target)}>)"


def _lead(target: str) -> tuple[str, str]:
    """Scheme of ``target`` and what a reader should see of it: the host, or the mail or telephone address."""
    try:
        parts = urlsplit(target)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "", target
    if parts.scheme in {"http", "https"}:
        return (parts.scheme if host else ""), host
    return parts.scheme, parts.path


def _destination(url: str) -> str:
    return re.sub(r"[<>\\|\s\x00-\x1f]", lambda m: f"%{ord(m[0]):02X}" if ord(m[0]) < 128 else "", url)


def _code(content: str, *, cell: bool) -> str:
    ticks = "`" * (_longest_run(content) + 1)
    edges = content[:1] + content[-1:]
    pad = " " if "`" in edges or (edges == "  " and content.strip()) else ""
    return ticks + pad + (content.replace("|", "\\|") if cell else content) + pad + ticks


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _text(text: str, check: Check | None = None) -> str:
    """Escape ``text``; bare web addresses become links whose words are the address."""
    out: list[str] = []
    end = 0
    for match in _URL.finditer(text):
        target = match[0] if "://" in match[0] else f"http://{match[0]}"
        out += [_checked(_escape(text[end : match.start()]), check), f"[{_escape(match[0])}](<{_destination(target)}>)"]
        end = match.end()
    return "".join([*out, _checked(_escape(text[end:]), check)])


def _escape(text: str) -> str:
    if "--" in text or ">" in text or "<" in text or "~" in text:
        return "".join(
            _split_arrow(part) if index % 2 else _escape_rest(part) for index, part in enumerate(_ARROW.split(text))
        )
    return _escape_rest(text)


def _escape_rest(text: str) -> str:
    return _COLON.sub(_colon, _SPECIAL.sub(lambda m: "&nbsp;" if m[0] == "\xa0" else "\\" + m[0], text))


def _colon(match: re.Match[str]) -> str:
    """A colon that a directive, or the name of an emoji or icon, could begin with; names are sought in parsed text."""
    return ":color[\\:]" if _NAME.match(match.string, match.start()) else "\\:"


def _split_arrow(arrow: str) -> str:
    """Streamlit replaces arrows and dashes in parsed text: keep their characters in separate pieces."""
    escaped = [f"\\{char}" for char in arrow]
    return "".join(f":color[{char}]" for char in escaped[:-1]) + escaped[-1]


def _line_starts(text: str) -> str:
    """Escape what would begin a list or an underlined heading."""
    return _LINE_START.sub(lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", text)
