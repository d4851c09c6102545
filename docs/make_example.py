"""Write docs/example/report.html, a reduced copy of the demo's report: `make example`.

The report of a run holds its figures as SVG and has 7 to 8 MB, too much to keep every version of. The copy
holds them as images of 1,000 pixels in at most 64 colours and the tables and maps as they are; it is renewed
for a release, not for a commit.
"""

from __future__ import annotations

import base64
import io
import re
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs/example/report.html"
WIDTH, COLOURS = 1000, 64
NOTE = (
    "This is a reduced copy of the demo's report (simulated data), kept with the documentation: figures are "
    "images here, and links to files lead nowhere. "
)
SVG = re.compile(r'<img src="data:image/svg\+xml,[^"]*"')
FIGURE = re.compile(r'<figure id="fig-([^"]+)">.*?</figure>', re.S)
SAVE = re.compile(r'<button type="button" data-save="svg"[^>]*>.*?</button>\s*')


def reduced(page: str, figures: Path) -> str:
    """`page` with its SVG figures replaced by images of the PNG files in the folder `figures`."""

    def shrunk(match: re.Match[str]) -> str:
        image = as_image(figures / f"{match[1]}.png")
        return SAVE.sub("", SVG.sub(f'<img src="{image}"', match[0], count=1))

    page = FIGURE.sub(shrunk, page)
    page = page.replace(f"{ROOT}/", "")  # where the checkout lay says nothing to readers
    return page.replace("<footer>", f"<footer>{NOTE}", 1)


def as_image(png: Path) -> str:
    """A data URI of the image, small."""
    with Image.open(png) as image:
        height = round(image.height * WIDTH / image.width)
        small = image.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.quantize(COLOURS).save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def main() -> None:
    """Reduce the report of the results that the command line names (default: results/ of the checkout)."""
    results = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "results"
    if not (results / "report.html").is_file():
        sys.exit(f"{results / 'report.html'} is not there; run the demo first: make demo")
    page = reduced((results / "report.html").read_text(encoding="utf-8"), results / "figures")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(page, encoding="utf-8")
    print(f"{OUT.relative_to(ROOT)}: {OUT.stat().st_size / 10**6:.1f} MB")


if __name__ == "__main__":
    main()
