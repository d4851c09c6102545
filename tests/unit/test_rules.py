"""Every rule that runs a script says in words what it does, and what it needs."""

import re

import pytest
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
