"""Every rule that runs a script says in words what it does, and what it needs."""

import re

import pytest
from carpeak.study import needs
from runs import ROOT

RULES = {
    match[1]: match[0]
    for path in sorted((ROOT / "workflow/rules").glob("*.smk"))
    for match in re.finditer(r"^ *rule (\w+):\n(?:(?! *rule \w+:)(?:.*)\n)*", path.read_text() + "\n", re.M)
    if "script:" in match[0]
}


def test_rules_are_found():
    scripts = {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")}
    assert set(RULES) <= scripts
    assert len(RULES) > 35


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_says_in_words_what_it_does(rule):
    words = re.search(r'^ +message:\n +"(.+)"$', RULES[rule], re.M)
    assert words, f"rule {rule} has no message: the terminal would show its name"
    assert 3 <= len(words[1].split()) <= 14
    assert "_" not in re.sub(r"\{wildcards\.\w+\}", "", words[1])


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_declares_memory_and_time(rule):
    """By the size of its inputs and the attempt, but for STAR, whose memory the configuration sets."""
    if rule in ("align", "index_reference"):
        assert "mem_mb=int(REFERENCE" in RULES[rule] and "runtime=" in RULES[rule]
    elif rule == "simulate":  # it has no inputs to speak of
        assert "needs.of_simulation(" in RULES[rule] and "runtime=" in RULES[rule]
    else:
        assert f'mem_mb=memory("{rule}")' in RULES[rule]
        assert f'runtime=minutes("{rule}")' in RULES[rule]


def test_needs_name_rules_that_are_there():
    assert set(needs.NEEDS) <= set(RULES)


def test_more_data_and_further_attempts_get_more():
    assert needs.memory_mb("annotate", 0, attempt=1) == needs.BASE_MB
    first, second, third = (needs.memory_mb("annotate", 500, attempt=n) for n in (1, 2, 3))
    assert (second, third) == (1.5 * first, 2 * first)
    half = needs.memory_mb("annotate", 250, attempt=1) - needs.BASE_MB
    assert needs.memory_mb("annotate", 500, attempt=1) - needs.BASE_MB == 2 * half
    assert first < needs.memory_mb("annotate", 3500, attempt=1) < 4 * first  # counts are not held any more
    assert needs.minutes("annotate", 500, attempt=2) == 2 * needs.minutes("annotate", 500, attempt=1)
    assert needs.memory_mb("a rule to come", 10, attempt=1) > needs.BASE_MB


# rule: MB of inputs, and MB at the peak of the process: of the demo, of 100,000 cells tiled from it (inputs
# reckoned at 4 bytes a value), and of a million cells (docs/performance.md)
MEASURED = [
    ("merge", 81, 596), ("embed", 65, 702), ("annotate", 76, 516), ("annotate", 74, 808),
    ("describe", 76, 752), ("describe", 74, 773), ("contrast", 66, 1012), ("control", 66, 1055),
    ("contrast_car", 66, 682), ("call_car", 65, 489), ("contamination", 65, 520), ("sex_genes", 65, 372),
    ("atlas", 71, 691), ("draw_population", 66, 505), ("pack_map", 91, 796), ("filter_cells", 48, 987),
    ("embed", 436, 3360), ("embed", 436, 2678), ("annotate", 514, 2079), ("annotate", 514, 3586),
    ("describe", 514, 2923), ("describe", 514, 2666), ("contrast", 444, 3252), ("control", 444, 3626),
    ("contrast_car", 444, 3014), ("call_car", 436, 1824), ("contamination", 436, 2104), ("atlas", 464, 2502),
    ("draw_population", 444, 1872), ("embed", 4450, 6604), ("annotate", 5090, 4390),
    ("annotate", 5090, 8672), ("describe", 5090, 3513), ("describe", 5090, 3047), ("contrast", 4450, 3866),
    ("control", 4450, 3072), ("call_car", 4450, 1090), ("contamination", 4450, 2721), ("atlas", 4590, 2780),
    ("pack_map", 5090, 4205), ("pack_map", 5090, 4597), ("draw_population", 4450, 1426),
    ("compare_donors", 4450, 10092), ("measure_donors", 4450, 8434),
    ("contrast_car", 4450, 5036), ("sex_genes", 4410, 1242),
]  # fmt: skip


# of all cells, by two processes: the demo, 100,000 cells and a million
IN_TWO = [("embed", 65, 1215), ("embed", 403, 5511), ("embed", 4405, 13368)]


@pytest.mark.parametrize(("rule", "inputs", "peak"), IN_TWO)
def test_a_second_process_is_declared(rule, inputs, peak):
    assert peak <= needs.memory_mb(rule, inputs, attempt=1, threads=2) <= 3 * peak


@pytest.mark.parametrize(("rule", "inputs", "peak"), MEASURED)
def test_what_was_measured_is_declared(rule, inputs, peak):
    assert peak <= needs.memory_mb(rule, inputs, attempt=1) <= 3 * peak


def test_a_million_cells_fit_into_a_workstation():
    """4.4 GB of counts: no rule that reads them all asks for more than 24 GB."""
    everything = [rule for rule, need in needs.NEEDS.items() if need.beyond is not None]
    assert len(everything) > 10
    assert max(needs.memory_mb(rule, 5090, attempt=1, threads=2) for rule in everything) <= 24_000
