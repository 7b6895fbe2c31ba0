"""What a browser would send: the fields of a form as the page has them."""

from html.parser import HTMLParser

import httpx


class _Fields(HTMLParser):
    def __init__(self, marker: str) -> None:
        super().__init__()
        self._marker = marker
        self._form: dict[str, str] | None = None
        self._is_wanted = False
        self._select = ""
        self._text = ""
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form, self._is_wanted = {}, False
        if self._form is None:
            return
        if self._marker in (given.get("action"), given.get("formaction"), given.get("name")):
            self._is_wanted = True
        name = given.get("name", "")
        if tag == "input" and name:
            ticked = given.get("type") not in ("checkbox", "radio") or "checked" in given
            if ticked and given.get("type") not in ("submit", "file"):
                self._form[name] = given.get("value", "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            if "selected" in given or self._select not in self._form:
                self._form[self._select] = given.get("value", "")
        elif tag == "textarea":
            self._text = name
            self._form[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._form is not None:
            if self._is_wanted:
                self.found |= self._form
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._text = ""

    def handle_data(self, data: str) -> None:
        if self._text and self._form is not None:
            self._form[self._text] += data


def fields(html: str, marker: str) -> dict[str, str]:
    """Fields of the form that has `marker` as an address or as a field."""
    parser = _Fields(marker)
    parser.feed(html)
    return parser.found


def press(
    client: httpx.Client, page: str, address: str, *, marker: str = "", **said: str
) -> httpx.Response:
    """Open `page`, fill in its form and send it to `address`."""
    shown = client.get(page)
    assert shown.status_code == 200, f"{page}: {shown.status_code}"
    known = fields(shown.text, marker or address)
    token = fields(shown.text, "csrfmiddlewaretoken").get("csrfmiddlewaretoken", "")
    sent = {"csrfmiddlewaretoken": token} | known | said
    return client.post(address, data=sent, headers={"Referer": str(client.base_url) + page})


def upload(client: httpx.Client, name: str, content: bytes, **said: str) -> httpx.Response:
    """Send a file with the upload form."""
    shown = client.get("/imports/new/")
    data = {"feed": "", "mapping": "", "source": "demo"} | said
    data["csrfmiddlewaretoken"] = fields(shown.text, "csrfmiddlewaretoken")["csrfmiddlewaretoken"]
    return client.post(
        "/imports/upload/",
        data=data,
        files={"file": (name, content, "text/csv")},
        headers={"Referer": str(client.base_url) + "/imports/new/"},
    )
