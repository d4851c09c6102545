"""The example report of the documentation: the page of a run, with images in the place of its SVG figures."""

import base64
import io
import re
import sys

from html_page import Page
from PIL import Image
from runs import ROOT

sys.path.insert(0, str(ROOT / "docs"))
import make_example

MOST_BYTES = 4_000_000


def test_figures_become_images_and_nothing_else_changes(tmp_path):
    Image.new("RGB", (2000, 1000), "white").save(tmp_path / "umap.all.png")
    svg = '<img src="data:image/svg+xml,%3Csvg/%3E" width="960" height="480" alt="A map">'
    save = '<button type="button" data-save="svg" data-name="umap.all">Save SVG</button> '
    page = f'<p>12 % of cells</p><figure id="fig-umap.all">{svg}{save}<b>x</b></figure><footer>Made</footer>'
    found = make_example.reduced(page, tmp_path)
    (image,) = re.findall(r'src="data:image/png;base64,([^"]+)"', found)
    with Image.open(io.BytesIO(base64.b64decode(image))) as small:
        assert small.size == (1000, 500)
    assert 'width="960" height="480" alt="A map"' in found
    assert "svg" not in found
    assert found.startswith("<p>12 % of cells</p>")
    assert "<footer>This is a reduced copy" in found


def test_the_example_is_small_stands_alone_and_says_what_it_is():
    file = make_example.OUT
    text = file.read_text()
    assert file.stat().st_size < MOST_BYTES
    assert Page(text).loaded() == []
    assert "data:image/svg+xml" not in text
    assert text.count("data:image/png;base64,") >= 15
    assert re.search("<title>Simulated data: ", text)
    assert "reduced copy of the demo's report" in text
    assert not re.search(r"[\s>\"']/(home|root|Users|tmp|work)/", text), "no path of the machine that made it"
