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
    first, second, third = (needs.memory_mb("annotate", 1000, attempt=n) for n in (1, 2, 3))
    assert (second, third) == (1.5 * first, 2 * first)
    half = needs.memory_mb("annotate", 500, attempt=1) - needs.BASE_MB
    assert needs.memory_mb("annotate", 1000, attempt=1) - needs.BASE_MB == 2 * half
    assert first < needs.memory_mb("annotate", 7000, attempt=1) < 4 * first  # counts are not held any more
    assert needs.minutes("annotate", 1000, attempt=2) == 2 * needs.minutes("annotate", 1000, attempt=1)
    assert needs.memory_mb("a rule to come", 10, attempt=1) > needs.BASE_MB


# rule: MB of inputs, and MB at the peak of the process: of the demo, of 100,000 cells tiled from it (inputs
# reckoned at 8 bytes a value), and of a million cells (docs/performance.md)
MEASURED = [
    ("merge", 81, 596), ("embed", 130, 702), ("annotate", 141, 516), ("annotate", 139, 808),
    ("describe", 141, 752), ("describe", 139, 773), ("contrast", 131, 1012), ("control", 131, 1055),
    ("contrast_car", 131, 682), ("call_car", 130, 489), ("contamination", 130, 520), ("sex_genes", 130, 372),
    ("atlas", 136, 691), ("draw_population", 131, 505), ("pack_map", 156, 796), ("filter_cells", 48, 987),
    ("embed", 872, 3360), ("embed", 872, 2678), ("annotate", 950, 2079), ("annotate", 950, 3586),
    ("describe", 950, 2923), ("describe", 950, 2666), ("contrast", 880, 3252), ("control", 880, 3626),
    ("contrast_car", 880, 3014), ("call_car", 872, 1824), ("contamination", 872, 2104), ("atlas", 900, 2502),
    ("draw_population", 880, 1872), ("embed", 8890, 6604), ("annotate", 9500, 4390),
    ("annotate", 9500, 8672), ("describe", 9500, 3513), ("describe", 9500, 3047), ("contrast", 8890, 3866),
    ("control", 8890, 3072), ("call_car", 8890, 1090), ("contamination", 8890, 2721), ("atlas", 9000, 2780),
    ("pack_map", 9500, 4205), ("pack_map", 9500, 4597), ("draw_population", 8890, 1426),
    ("compare_donors", 8890, 10092), ("measure_donors", 8890, 8434),
    ("contrast_car", 8890, 5036), ("sex_genes", 8820, 1242),
]  # fmt: skip


# of all cells, by two processes: the demo, 100,000 cells and a million
IN_TWO = [("embed", 130, 1215), ("embed", 806, 5511), ("embed", 8810, 12824)]


@pytest.mark.parametrize(("rule", "inputs", "peak"), IN_TWO)
def test_a_second_process_is_declared(rule, inputs, peak):
    assert peak <= needs.memory_mb(rule, inputs, attempt=1, threads=2) <= 3 * peak


@pytest.mark.parametrize(("rule", "inputs", "peak"), MEASURED)
def test_what_was_measured_is_declared(rule, inputs, peak):
    assert peak <= needs.memory_mb(rule, inputs, attempt=1) <= 3 * peak


def test_a_million_cells_fit_into_a_workstation():
    """8.8 GB of counts: no rule that reads them all asks for more than 24 GB."""
    everything = [rule for rule, need in needs.NEEDS.items() if need.beyond is not None]
    assert len(everything) > 10
    assert max(needs.memory_mb(rule, 9500, attempt=1, threads=2) for rule in everything) <= 24_000
