"""A page in a headless browser, and pages under a strict content policy."""

import re
from pathlib import Path

# What a strict server would allow: scripts and styles of the page itself, no eval, no network.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


class Opened:
    """A page in the browser, with all it asked of the network and all it complained of."""

    def __init__(self, browser, file, *, width=1440, height=900, **options):
        options = {"viewport": {"width": width, "height": height}, "accept_downloads": True} | options
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.requests, self.errors = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console",
            lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None,
        )
        self.page.goto(file.as_uri())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    @property
    def outside(self):
        """Requests that are neither the file itself nor data that it holds."""
        own = self.page.url.split("#")[0]
        return [url for url in self.requests if not url.startswith((own, "data:", "blob:"))]

    def through(self):
        """Scroll through the page, so that everything that waits for its turn is made."""
        self.page.evaluate(
            """async () => {
                for (let y = 0; y < document.body.scrollHeight; y += 600) {
                    scrollTo({ top: y, behavior: "instant" });
                    await new Promise((done) => setTimeout(done, 30));
                }
            }"""
        )
        self.page.wait_for_timeout(400)

    def saved(self, action):
        """The name and the bytes of the file that `action` saves."""
        with self.page.expect_download() as download:
            action()
        return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def under_policy(text, file):
    """Write the page with the policy of a strict server into `file`."""
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    strict, n = re.subn(r'(<meta charset="utf-8">)', rf"\1{policy}", text, count=1)
    assert n == 1
    file.write_text(strict, encoding="utf-8")
    return file
