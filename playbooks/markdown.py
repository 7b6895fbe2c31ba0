"""Notes as HTML: Markdown without raw HTML, then only the few tags a note needs."""

import re
from collections.abc import Mapping
from typing import Final

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

# A log-in name after an @ that does not stand in an address or a path.
MENTION: Final = re.compile(r"(?<![\w@/.])@([\w+-]+(?:\.[\w+-]+)*)")
_TAGS: Final = {
    *("p", "br", "strong", "em", "s", "code", "pre", "a", "h4", "hr"),
    *("ul", "ol", "li", "blockquote", "table", "thead", "tbody", "tr", "th", "td"),
}
_SCHEMES: Final = {"http", "https", "mailto"}
# Pictures would be fetched from wherever the note says.
_MARKDOWN: Final = (
    MarkdownIt("commonmark", {"html": False, "breaks": True})
    .enable(["table", "strikethrough"])
    .disable("image")
)


def mentioned(body: str) -> set[str]:
    """Log-in names a note mentions, outside of code, in small letters."""
    found = set()
    for token in _MARKDOWN.parse(body):
        for child in token.children or []:
            if child.type == "text":
                found |= {name.lower() for name in MENTION.findall(child.content)}
    return found


def as_html(body: str, names: Mapping[str, str] | None = None) -> SafeString:
    """The note as safe HTML; a mention of a key of `names` (small letters) reads as its value."""
    tokens = _MARKDOWN.parse(body)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            # Below the headings of the page it stands on.
            token.tag = "h4"
        if token.children:
            token.children = [
                part for child in token.children for part in _with_names(child, names or {})
            ]
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(clean)


def _with_names(token: Token, names: Mapping[str, str]) -> list[Token]:
    if token.type != "text" or "@" not in token.content:
        return [token]
    parts: list[Token] = []
    at = 0
    for match in MENTION.finditer(token.content):
        name = names.get(match.group(1).lower())
        if name is None:
            continue
        parts += [
            _text(token.content[at : match.start()]),
            Token("strong_open", "strong", 1, markup="@"),
            _text(f"@{name}"),
            Token("strong_close", "strong", -1, markup="@"),
        ]
        at = match.end()
    return [*parts, _text(token.content[at:])] if parts else [token]


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)
