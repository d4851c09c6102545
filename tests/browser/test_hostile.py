"""A study whose names are markup, quotes, other scripts or 300 characters long: nothing runs, nothing breaks."""

import fixtures_results
import fixtures_scripts
import pytest
from carpeak import io as files
from opened_page import under_policy

pytestmark = pytest.mark.slow
ATTACK = "<img src=x onerror=\"window.hacked='image'\"></script><script>window.hacked='script'</script>"
QUOTES = "a\"b'c`d${window.hacked='template'}\\"
SCRIPTS = "Ген-日本語-جين-\u202eneg\u202c-🧬"
LONG = "N" * 300
NAMES = [ATTACK, QUOTES, SCRIPTS, LONG]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The page of such a study."""
    folder = tmp_path_factory.mktemp("hostile")
    results = fixtures_results.make(folder, cells=400)
    de = files.read_table(results / "tables/de.peak_vs_product.tsv")
    swapped = dict(zip([f"GENE{i}" for i in range(len(NAMES))], NAMES))
    de["gene"] = de["gene"].replace(swapped)
    inside = de["gene"].isin(NAMES)
    de.loc[inside, ["log2_fold_change", "p_adjusted"]] = [3.0, 1e-20]
    de.loc[inside, "ambient_from"] = ATTACK.replace(";", "")
    files.write_table(de, results / "tables/de.peak_vs_product.tsv")
    terms = files.read_table(results / "tables/enrichment.peak_vs_product.tsv")
    shown = sorted(terms["term"].unique())[: len(NAMES)]
    terms["term"] = terms["term"].replace(dict(zip(shown, NAMES)))
    terms["genes"] = ";".join(["GZMB", ATTACK.replace(";", ""), LONG])
    terms["leader"] = terms["term_id"]
    files.write_table(terms, results / "tables/enrichment.peak_vs_product.tsv")
    claims = files.read_table(results / "tables/claims.tsv")
    claims["statement"] = NAMES
    files.write_table(claims, results / "tables/claims.tsv")
    genes = files.read_table(results / "tables/claim_genes.peak_vs_product.tsv")
    genes["gene"] = genes["gene"].replace({"NKG7": "<b>$x^2$</b>", "GZMB": LONG[:60]})
    files.write_table(genes, results / "tables/claim_genes.peak_vs_product.tsv")
    settings = fixtures_scripts.config()
    settings |= {"title": ATTACK, "description": LONG + QUOTES + SCRIPTS}
    settings["transgene"] = settings["transgene"] | {"name": ATTACK}
    settings["conditions"] = {"product": ATTACK[:40], "peak": QUOTES[:40]}
    return under_policy(fixtures_scripts.make_page(folder, settings), folder / "report.html")


def hacked(view):
    return view.page.evaluate("window.hacked ?? null")


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_of_a_hostile_study_runs_or_breaks_the_page(hostile, opened, width):
    view = opened(hostile, width=width, height=900)
    view.through()
    assert hacked(view) is None and view.outside == [] and view.errors == []
    assert view.page.locator("img[src='x']").count() == 0
    assert ATTACK in view.page.locator("h1").inner_text()
    assert ATTACK in view.page.locator("#t-claims").inner_text()
    assert view.page.evaluate("document.documentElement.scrollWidth") <= width


def test_its_tables_map_and_downloads_still_work(hostile, opened):
    view = opened(hostile)
    view.page.locator("#genes").scroll_into_view_if_needed()
    view.page.wait_for_selector('.tested[data-kind="genes"] tr[aria-rowindex]')
    root = view.page.locator('.tested[data-kind="genes"]')
    root.get_by_label("Genes", exact=True).fill("onerror")
    row = root.locator("tr[aria-rowindex]").first
    assert row.locator("button").inner_text() == ATTACK
    row.locator("button").click()
    root.locator("canvas").hover(position={"x": 700, "y": 60})
    root.get_by_label("Genes", exact=True).fill(LONG)
    assert root.locator("tr[aria-rowindex]").count() == 1
    root.get_by_role("button", name="Clear all filters").click()
    name, data = view.saved(lambda: root.get_by_role("button", name="Save rows as TSV").click())
    widths = {len(line.split("\t")) for line in data.decode().splitlines()}
    assert name == "genes.peak_vs_product.tsv" and len(widths) == 1
    for one in NAMES:
        assert one in data.decode()
    view.page.locator("#terms").scroll_into_view_if_needed()
    root = view.page.locator('.tested[data-kind="terms"]')
    root.get_by_label("Terms", exact=True).fill("onerror")
    root.locator("tr[aria-rowindex] button").first.click()
    root.get_by_role("button", name="Show them in the table of genes").click()
    view.page.locator("#explore").scroll_into_view_if_needed()
    view.page.wait_for_selector(".cell-map[data-ready]")
    canvas = view.page.locator(".cell-map canvas").first
    box = canvas.bounding_box()
    for step in range(8, 56, 3):
        canvas.hover(
            position={"x": box["width"] * (step % 8 + 0.5) / 8, "y": box["height"] * (step // 8) / 8}
        )
    assert hacked(view) is None and view.outside == [] and view.errors == []
