"""The forms of a page and the parameters of its own links, as a browser finds them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

FREE = {"text", "search", "email", "url", "tel", "textarea", "password", "hidden"}


@dataclass
class Form:
    """A form: where it goes and what it sends; `free` are the names one can write anything into."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    free: set[str] = field(default_factory=set)


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url, self.forms, self.links = url, [], []
        self.form = self.choice = None

    def handle_starttag(self, tag, attrs):
        told = {name: value or "" for name, value in attrs}
        if tag == "a" and "?" in told.get("href", ""):
            self.links.append(urljoin(self.url, told["href"]))
        if tag == "form":
            action = urljoin(self.url, told.get("action") or self.url)
            self.form = Form(action, told.get("method", "get").lower())
            self.forms.append(self.form)
        if self.form is None:
            return
        name, kind = told.get("name", ""), told.get("type", "text")
        if tag == "option" and self.choice and ("selected" in told or not self.value(self.choice)):
            self.form.values[self.choice] = told.get("value", "")
        if not name or name == "csrfmiddlewaretoken":
            return
        if tag == "select":
            self.choice = name
            self.form.values.setdefault(name, "")
        elif tag == "textarea" or (tag == "input" and kind in FREE):
            self.form.free.add(name)
            self.form.values[name] = told.get("value", "")
        elif tag in ("input", "button") and (
            kind not in ("radio", "checkbox") or "checked" in told or name not in self.form.values
        ):
            self.form.values[name] = told.get("value", "on")

    def value(self, name: str) -> str:
        return self.form.values.get(name, "") if self.form else ""

    def handle_endtag(self, tag):
        if tag == "select":
            self.choice = None
        if tag == "form":
            self.form = None


def forms_of(url: str, text: str) -> list[Form]:
    reader = _Reader(url)
    reader.feed(text)
    return reader.forms


def parameters_of(url: str, text: str) -> set[str]:
    """Names the page takes in its address: those of its forms of GET, and of its links to itself."""
    reader = _Reader(url)
    reader.feed(text)
    path = urlsplit(url).path
    found = {
        name
        for form in reader.forms
        if form.method == "get" and urlsplit(form.action).path == path
        for name in form.values
    }
    for link in (url, *reader.links):
        if urlsplit(link).path == path:
            found |= {name for name, _ in parse_qsl(urlsplit(link).query, keep_blank_values=True)}
    return found
