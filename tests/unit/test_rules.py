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
        assert "mem_mb=needs." in RULES[rule] and "runtime=" in RULES[rule]
    else:
        assert f'mem_mb=memory("{rule}")' in RULES[rule]
        assert f'runtime=minutes("{rule}")' in RULES[rule]


def test_needs_name_rules_that_are_there():
    assert set(needs.NEEDS) <= set(RULES)


def test_more_data_and_further_attempts_get_more():
    assert needs.memory_mb("embed", 0, attempt=1) == needs.BASE_MB
    first, second, third = (needs.memory_mb("embed", 1000, attempt=n) for n in (1, 2, 3))
    assert (second, third) == (1.5 * first, 2 * first)
    assert needs.memory_mb("embed", 2000, attempt=1) - first == first - needs.BASE_MB
    assert needs.minutes("embed", 1000, attempt=2) == 2 * needs.minutes("embed", 1000, attempt=1)
    assert needs.memory_mb("a rule to come", 10, attempt=1) > needs.BASE_MB


def test_what_was_measured_at_281000_cells_is_declared():
    """18.3 GB in one process that read 1.4 GB of counts; the largest of these rules must declare it."""
    assert (
        max(needs.memory_mb(name, 1400, attempt=1) for name in ("embed", "contrast", "filter_cells")) > 18300
    )
