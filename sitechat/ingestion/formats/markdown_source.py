"""What documentation tools add to Markdown (MyST, MkDocs), turned into plain Markdown before it is parsed."""

import re

_FRONT_MATTER = re.compile(r"\A---[^\S\n]*\n(.*?)\n(?:---|\.\.\.)[^\S\n]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title[^\S\n]*:[^\S\n]*(\S.*?)[^\S\n]*$", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
_TARGET = re.compile(r"^\([^()\s]+\)=\s*$")
_COLON_FENCE = re.compile(r"^ {0,3}:{3,}\s*(?:\{([\w:-]+)\}\s*(.*))?$")
_MKDOCS_BLOCK = re.compile(r"^(\s*)(?:!!!|\?\?\?\+?|===[!+]?)\s*[\w-]*[^\S\n]*(?:\"([^\"]*)\")?[^\S\n]*$")
_API_REFERENCE = re.compile(r"^(\s*)::: [\w.:]+\s*$")
_ATTRIBUTES = re.compile(r"^\s*\{:?\s*[.#][^{}]*\}\s*$")
_DIRECTIVE = re.compile(r"^\{([\w:-]+)\}\s*(.*)$")
_OPTION = re.compile(r"^:[\w-]+:.*$")

_CODE_DIRECTIVES = {"code", "code-block", "sourcecode", "code-cell", "prompt", "doctest"}
_PROSE_DIRECTIVES = {
    *(
        "note",
        "warning",
        "tip",
        "hint",
        "important",
        "caution",
        "danger",
        "attention",
        "error",
        "seealso",
        "admonition",
    ),
    *("versionadded", "versionchanged", "deprecated", "epigraph", "topic", "sidebar", "dropdown", "tab-item", "card"),
}


def split_front_matter(text: str) -> tuple[str | None, str]:
    """The title in the front matter, if any, and the text without it."""
    match = _FRONT_MATTER.match(text)
    if match is None:
        return None, text
    title = _TITLE.search(match[1])
    return (title[1].strip("\"'") if title else None), text[match.end() :]


def plain_markdown(text: str) -> str:
    """``text`` without targets, directive fences and attribute lines; what admonitions and tabs hold is kept."""
    return "\n".join(_plain_lines(text.split("\n")))


def _plain_lines(lines: list[str]) -> list[str]:
    plain: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        fence = _FENCE.match(line)
        if fence:
            end = _end_of_fence(lines, index, fence[1])
            plain.extend(_fenced(lines[index:end], fence[2].strip()))
            index = end
        elif reference := _API_REFERENCE.match(line):
            index = _end_of_indented(lines, index + 1, len(reference[1]) + 1)
        elif block := _MKDOCS_BLOCK.match(line):
            end = _end_of_indented(lines, index + 1, len(block[1]) + 4)
            inner = [held[len(block[1]) + 4 :] if held.strip() else "" for held in lines[index + 1 : end]]
            plain.extend(["", block[2] or "", "", *(block[1] + held for held in _plain_lines(inner)), ""])
            index = end
        else:
            plain.extend(_plain_line(line))
            index += 1
    return plain


def _plain_line(line: str) -> list[str]:
    if _TARGET.match(line) or _ATTRIBUTES.match(line):
        return [""]
    colons = _COLON_FENCE.match(line)
    if colons:
        return ["", colons[2] or "", ""]
    return [line]


def _fenced(lines: list[str], info: str) -> list[str]:
    """A fence as it is, or what stands for it if it is a directive."""
    directive = _DIRECTIVE.match(info)
    if directive is None:
        return lines
    name, argument = directive[1], directive[2]
    held = lines[1:]
    if held and _FENCE.match(held[-1]):
        held = held[:-1]
    while held and (_OPTION.match(held[0]) or not held[0].strip()):
        held = held[1:]
    if name in _CODE_DIRECTIVES:
        mark = "`" * 12
        return ["", mark + argument, *held, mark, ""]
    if name in _PROSE_DIRECTIVES:
        return ["", argument, "", *_plain_lines(held), ""]
    return [""]


def _end_of_fence(lines: list[str], start: int, mark: str) -> int:
    closing = re.compile(rf"^ {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}\s*$")
    for index in range(start + 1, len(lines)):
        if closing.match(lines[index]):
            return index + 1
    return len(lines)


def _end_of_indented(lines: list[str], start: int, width: int) -> int:
    """Where the lines indented by ``width`` or more end; blank lines belong if such a line follows."""
    end = start
    for index in range(start, len(lines)):
        line = lines[index]
        if not line.strip():
            continue
        if len(line) - len(line.lstrip()) < width:
            break
        end = index + 1
    return end
