"""The page in a browser, under the policy of a strict server: what it shows, saves, and asks for."""

import io
import re

import fixtures_results
import fixtures_scripts
import pandas as pd
import pytest
from carpeak import io as files
from opened_page import under_policy

pytestmark = pytest.mark.slow
LIMITS = fixtures_scripts.LIMITS


def results_page(folder, settings=None, **options):
    fixtures_results.make(folder, **options)
    settings = settings or fixtures_scripts.config()
    return under_policy(fixtures_scripts.make_page(folder, settings), folder / "report.html")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="module")
def report(folder):
    return results_page(folder, cells=600)


def table(folder, name):
    return files.read_table(folder / f"results/tables/{name}.tsv")


def genes(view):
    """The table of genes, unpacked and ready."""
    view.page.locator("#genes").scroll_into_view_if_needed()
    view.page.wait_for_selector('.tested[data-kind="genes"] tr[aria-rowindex]')
    return view.page.locator('.tested[data-kind="genes"]')


def terms(view):
    view.page.locator("#terms").scroll_into_view_if_needed()
    view.page.wait_for_selector('.tested[data-kind="terms"] tr[aria-rowindex]')
    return view.page.locator('.tested[data-kind="terms"]')


def names(root):
    return root.locator("tr[aria-rowindex] td:first-child button").all_inner_texts()


def count(root):
    return int(root.locator(".status b").inner_text().replace(",", ""))


def natural(name):
    """CD8B before CD79A, as readers sort."""
    return [int(part) if part.isdigit() else part.lower() for part in re.split(r"(\d+)", name)]


def compared(folder, group="CD4"):
    de = table(folder, "de.peak_vs_product")
    rows = de[(de["population"] == "car_t") & (de["group"] == group) & (de["depth"] == "equal")]
    return rows.set_index("gene")


def is_changed(rows):
    return (rows["p_adjusted"] < LIMITS["adjusted_p"]) & (
        rows["log2_fold_change"].abs() >= LIMITS["log2_fold_change"]
    )


def test_it_asks_for_nothing_and_complains_of_nothing(report, opened):
    view = opened(report)
    view.through()
    for link in view.page.locator("nav a").all():
        link.click()
    assert view.outside == []
    assert view.errors == []
    assert view.page.locator("[data-tested]:visible").count() == 2
    assert view.page.locator(".cell-map:visible").count() == 1


def test_the_table_of_genes_holds_all_that_were_tested(report, opened, folder):
    view, rows = opened(report), compared(folder)
    root = genes(view)
    changed = is_changed(rows)
    assert count(root) == changed.sum()
    falling = rows[changed].sort_values("log2_fold_change", ascending=False).index
    assert names(root)[:8] == list(falling[:8])
    root.get_by_label("only changed", exact=False).uncheck()
    assert count(root) == len(rows)
    assert root.locator("tr[aria-rowindex]").count() < 60  # only the rows in view are in the document
    root.get_by_label("CD8 CAR+").check()
    assert count(root) == len(compared(folder, "CD8"))


def test_genes_are_sorted_filtered_and_searched(report, opened, folder):
    view, rows = opened(report), compared(folder)
    root = genes(view)
    changed = rows[is_changed(rows)]
    root.get_by_label("lower in peak").check()
    assert count(root) == (changed["log2_fold_change"] < 0).sum()
    root.get_by_label("hide genes of ambient RNA", exact=False).check()
    own = changed[(changed["log2_fold_change"] < 0) & (changed["ambient_from"].fillna("") == "")]
    assert count(root) == len(own)
    root.get_by_role("button", name="Clear all filters").click()
    root.get_by_label("Filter log2 change").fill("> 1")
    assert count(root) == (changed["log2_fold_change"] > 1).sum()
    root.get_by_label("Filter log2 change").fill("0.6..1")
    assert count(root) == changed["log2_fold_change"].between(0.6, 1).sum()
    root.get_by_label("Filter log2 change").fill("about 1")
    assert root.get_by_label("Filter log2 change").get_attribute("aria-invalid") == "true"
    root.get_by_role("button", name="Clear all filters").click()
    root.get_by_role("button", name="Gene", exact=True).click()
    assert names(root)[:5] == sorted(changed.index, key=natural)[:5]
    assert root.locator("th").first.get_attribute("aria-sort") == "ascending"
    root.get_by_label("Genes", exact=True).fill("nkg7 GZMB")
    assert sorted(names(root)) == ["GZMB", "NKG7"]
    still = rows.index[~is_changed(rows)][0]
    root.get_by_label("Genes", exact=True).fill(still)
    assert count(root) == 0
    root.get_by_role("button", name="Show genes that did not change").click()
    assert still in names(root)


def test_what_is_shown_is_what_is_saved(report, opened, folder):
    view, rows = opened(report), compared(folder)
    root = genes(view)
    name, data = view.saved(lambda: root.get_by_role("button", name="Save rows as TSV").click())
    assert name == "genes.peak_vs_product.tsv"
    saved = pd.read_csv(io.BytesIO(data), sep="\t", keep_default_na=False).set_index("gene")
    wanted = rows[is_changed(rows)]
    assert sorted(saved.index) == sorted(wanted.index)
    for mine, theirs in (
        ("log2_fold_change", "log2_fold_change"),
        ("low", "log2_fold_change_low"),
        ("auc", "auc"),
    ):
        assert saved[mine].astype(float).to_numpy() == pytest.approx(
            wanted.loc[saved.index, theirs].to_numpy(), abs=0.0016
        )
    p = saved["p_adjusted"].astype(float)
    assert (p / wanted.loc[saved.index, "p_adjusted"]).between(0.93, 1.07).all()
    beside = table(folder, "attribution.peak_vs_product").query("group == 'CD4'").set_index("name")
    assert float(saved.loc["GZMB", "car_undetected"]) == pytest.approx(
        beside.loc["GZMB", "undetected"], abs=6e-4
    )
    assert set(saved["cells"]) == {"CD4 CAR+"}


def test_the_volcano_is_tied_to_the_table(report, opened):
    view = opened(report)
    root = genes(view)
    canvas = root.locator("canvas")
    root.get_by_role("button", name="GZMB").click()
    assert root.locator("tr.picked").inner_text().startswith("GZMB")
    assert "GZMB: log2 change" in root.locator(".status").inner_text()
    canvas.focus()
    before = root.locator("tr.picked").inner_text()
    view.page.keyboard.press("ArrowRight")
    assert root.locator("tr.picked").inner_text() != before
    box = canvas.bounding_box()
    found = ""
    for x in range(int(box["width"] * 0.6), int(box["width"]), 6):
        for y in range(20, 200, 20):
            canvas.hover(position={"x": x, "y": y})
            if root.locator(".tip").is_visible():
                found = root.locator(".tip").inner_text()
                canvas.click(position={"x": x, "y": y})
                break
        if found:
            break
    assert "log2 change" in found and "adjusted P" in found
    assert found.split()[0] in root.locator(".status").inner_text()


def test_terms_are_folded_and_found_by_synonym_and_gene(report, opened, folder):
    view = opened(report)
    root = terms(view)
    table_ = table(folder, "enrichment.peak_vs_product")
    part = table_[
        (table_["population"] == "car_t") & (table_["group"] == "CD4") & (table_["direction"] == "up")
    ]
    part = part[part["p_adjusted"] < LIMITS["adjusted_p"]]
    leaders = part[part["leader"] == part["term_id"]]
    assert count(root) == len(leaders) < len(part)
    root.get_by_role("button", name="alike").first.click()
    assert count(root) == len(part)
    root.get_by_label("Terms", exact=True).fill("interferon-gamma")
    assert sorted(names(root)) == sorted(part.loc[part["term"].str.contains("type II interferon"), "term"])
    root.get_by_label("Terms", exact=True).fill("gzmb")
    assert count(root) == len(part)
    root.get_by_label("Terms", exact=True).fill("GO:0006954")
    assert names(root) == ["inflammatory response"]
    root.get_by_role("button", name="inflammatory response").click()
    assert "NKG7, GZMB, PRF1" in root.locator(".detail").inner_text()
    root.get_by_role("button", name="Show them in the table of genes").click()
    shown = genes(view)
    assert sorted(names(shown)) == ["GZMB", "NKG7", "PRF1"]
    name, data = view.saved(lambda: root.get_by_role("button", name="Save rows as TSV").click())
    assert name == "terms.peak_vs_product.tsv"
    assert data.decode().splitlines()[1].split("\t")[:4] == [
        "CD4 CAR+",
        "up",
        "GO:0006954",
        "inflammatory response",
    ]


def test_the_map_answers(report, opened, folder):
    view = opened(report)
    view.page.locator("#explore").scroll_into_view_if_needed()
    view.page.wait_for_selector('.cell-map[data-ready="t_cells"]')
    root = view.page.locator(".cell-map")
    canvas = root.locator("canvas").first
    box = canvas.bounding_box()
    told = ""
    for step in range(8, 56):
        canvas.hover(
            position={"x": box["width"] * (step % 8 + 0.5) / 8, "y": box["height"] * (step // 8) / 8}
        )
        if root.locator(".tip").is_visible():
            told = root.locator(".tip").inner_text()
            break
    assert "T-cell state" in told
    root.get_by_label("or by gene").fill("GZMB")
    root.get_by_label("or by gene").press("Enter")
    root.locator(".legend", has_text="GZMB").wait_for()
    assert float(root.get_attribute("data-ms")) < 1000
    root.get_by_label("or by gene").fill("NOSUCHGENE")
    root.get_by_label("or by gene").press("Enter")
    assert "NOSUCHGENE is not among" in root.locator(".status").inner_text()
    root.get_by_role("button", name="Lasso").click()
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.03)]
    box = canvas.bounding_box()
    for number, (x, y) in enumerate(corners):
        view.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
        if number == 0:
            view.page.mouse.down()
    view.page.mouse.up()
    rows = [line.split("\t") for line in root.locator(".selected").inner_text().splitlines()]
    composition = table(folder, "composition")
    here = composition[(composition["population"] == "t_cells") & (composition["sample"] == "product")]
    wanted = here.set_index("label")["n"]
    found = {row[0]: int(row[1].split()[0].replace(",", "")) for row in rows if row[0] in wanted.index}
    assert found == {label: n for label, n in wanted.items() if label in found}
    assert sum(found.values()) > 0.97 * wanted.sum()
    name, data = view.saved(lambda: root.get_by_role("button", name="Save PNG").click())
    assert name.endswith(".png") and data.startswith(b"\x89PNG")
    assert view.errors == []


def test_figures_tables_and_references_are_saved(report, opened, folder):
    view = opened(report)
    figure = view.page.locator("#fig-qc_removed")
    name, data = view.saved(lambda: figure.get_by_role("button", name="Save SVG").click())
    assert name == "qc_removed.svg" and b"<svg" in data and b"</svg>" in data
    name, data = view.saved(lambda: figure.get_by_role("button", name="Save PNG").click())
    assert name == "qc_removed.png" and data.startswith(b"\x89PNG") and len(data) > 10_000
    samples = view.page.locator(".table", has=view.page.locator("#t-samples"))
    name, data = view.saved(lambda: samples.get_by_role("button", name="Save as TSV").click())
    saved = pd.read_csv(io.BytesIO(data), sep="\t", thousands=",")
    assert name == "t-samples.tsv"
    assert saved["Cells kept"].tolist() == table(folder, "samples")["cells_kept"].tolist()
    name, data = view.saved(lambda: view.page.get_by_role("button", name="Save references as BibTeX").click())
    assert name == "references.bib" and data.decode().count("@article{") >= 10


def test_claims_lead_to_their_evidence(report, opened):
    view = opened(report)
    claims = view.page.locator("#t-claims tbody tr")
    for row in claims.all():
        for link in row.locator("a.see").all():
            target = link.get_attribute("href")
            assert view.page.locator(f'[id="{target[1:]}"]').count() == 1
    view.page.locator('button.tally:has-text("opposed")').click()
    assert view.page.locator("#t-claims tbody tr:visible").count() == 1
    view.page.locator('button.tally:has-text("opposed")').click()
    assert view.page.locator("#t-claims tbody tr:visible").count() == claims.count()


def test_words_are_explained_on_hover_and_focus(report, opened):
    view = opened(report)
    word = view.page.locator('#dependence abbr[data-term="LISI"]').first
    word.hover()
    assert "how many samples" in view.page.locator(".meaning").inner_text()
    view.page.keyboard.press("Escape")
    assert not view.page.locator(".meaning").is_visible()
    word.focus()
    assert "how many samples" in view.page.locator(".meaning").inner_text()


def background(view):
    return view.page.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_system_and_its_own_switch(report, opened, scheme):
    view = opened(report, color_scheme=scheme)
    before = background(view)
    assert (sum(map(int, before[4:-1].split(","))) < 200) is (scheme == "dark")
    switch = view.page.locator("#theme")
    switch.click()
    assert background(view) != before
    switch.click()
    assert background(view) == before


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (800, 900), (390, 844), (320, 700)])
def test_nothing_is_wider_than_the_screen(report, opened, width, height):
    view = opened(report, width=width, height=height)
    view.through()
    assert view.page.evaluate("document.documentElement.scrollWidth") <= width
    if (width, height) in {(1440, 900), (390, 844)}:
        view.page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
        for tile in view.page.locator(".tile").all():
            box = tile.bounding_box()
            assert box["y"] + box["height"] <= height


def test_it_prints_what_needs_no_script(report, opened):
    view = opened(report)
    view.through()
    view.page.emulate_media(media="print")
    for hidden in ("nav", ".tested", ".cell-map", ".saves", "#theme"):
        assert not view.page.locator(hidden).first.is_visible()
    assert view.page.locator("#t-genes-peak_vs_product").is_visible()
    assert len(view.page.pdf()) > 100_000


def test_without_scripts_the_page_says_the_same(report, opened):
    view = opened(report, java_script_enabled=False)
    assert view.page.locator("#t-genes-peak_vs_product").is_visible()
    assert view.page.locator("#t-terms-peak_vs_product").is_visible()
    assert view.page.locator("dl.glossary").is_visible()
    for needs_a_script in (".tested", ".cell-map", "#theme", "[data-text]"):
        assert not view.page.locator(needs_a_script).first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 800, 390])
def test_axe_finds_nothing_serious(report, chromium, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    from opened_page import Opened

    with Opened(chromium, report, width=width, color_scheme=scheme, bypass_csp=True) as view:
        view.through()
        found = axe.Axe().run(view.page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not serious, [(one["id"], [node["html"][:200] for node in one["nodes"][:4]]) for one in serious]
