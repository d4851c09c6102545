"""A page of HTML taken apart, for tests of reports."""

from html.parser import HTMLParser
from urllib.request import urlopen

VOID = {"meta", "link", "img", "input", "br", "hr"}
IMAGE = "data:image/svg+xml"


class Page(HTMLParser):
    """Collects tags and the ones that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def loaded(self):
        """Tags that make a browser fetch something: what stands in the page itself is not fetched."""
        links = ("src", "srcset", "action", "data", "poster", "href")
        return [
            (tag, attrs[name])
            for tag, attrs in self.tags
            for name in links
            if name in attrs and (tag, name) != ("a", "href") and not (attrs[name] or "").startswith("data:")
        ]

    def images(self):
        """The SVG images that the page holds, as bytes."""
        sources = [attrs.get("src") or "" for tag, attrs in self.tags if tag == "img"]
        return [urlopen(source).read() for source in sources if source.startswith(IMAGE)]  # no network
