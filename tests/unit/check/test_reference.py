"""The reference page says what the rules say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from kubectl_nsexec.check import landing, rules

PAGE: Final = (Path(__file__).parents[3] / "docs/reference/check.md").read_text()


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.id)
def test_every_rule_is_in_the_table_as_it_is(rule: rules.Rule) -> None:
    """With its severity, meaning and the rules of certsuite."""
    certsuite = ", ".join(f"`{name}`" for name in rule.certsuite) or "none"
    assert f"| `{rule.id}` `{rule.name}` | {rule.severity} | {rule.meaning} | {certsuite} |" in PAGE


def test_ids_are_in_order_and_stand_for_one_rule_each() -> None:
    """Whoever adds one adds it at the end."""
    assert [rule.id for rule in rules.RULES] == [f"NSX{number:03}" for number in range(1, len(rules.RULES) + 1)]
    assert len({rule.name for rule in rules.RULES}) == len(rules.RULES)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.name) for rule in rules.RULES)


def test_every_place_is_explained() -> None:
    """By the word that stands in JSON."""
    kinds = (landing.SHARED_CPU, landing.FIRST, landing.ANY, landing.OF_CLAIM, landing.IN_POOL, landing.ELSEWHERE)
    assert all(f"| `{kind}` |" in PAGE for kind in kinds)
