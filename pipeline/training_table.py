"""What a training says on the console: a table of its predictors, and what their certificates were worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline import console


def show_training(facts: Mapping[str, Any]) -> None:
    """Print a training.

    Parameters
    ----------
    facts
        The training's manifest: `records.attribute_facts` by attribute, and `promises.promise_kept`.
    """
    console.table(
        "Predictors, judged on test customers",
        ["attribute", "customers", "AUC [95 %]", "certified: stated for (right, base rate)", "role"],
        [_row(name, fact) for name, fact in facts["attributes"].items()],
        "AUC of the prior is 0.500. A value is stated only where its precision is certified; shares are of all test "
        "customers.",
    )
    kept = facts["promise"]
    console.say(
        f"Of {kept['tested']} values {kept['certified']} are certified, {kept['majority']} of them their attribute's "
        f"most common one; {kept['kept']} of the {kept['measured']} that were stated to test customers "
        f"({kept['undeployed']} of which the deployed model does not state) were right as often as promised. A value "
        "besides the most common one is certified, and stated for at least a fifth of those who have it, for "
        f"{kept['useful']} of {len(facts['attributes'])} attributes."
    )
    console.say(
        f"Certified each by itself: {kept['pass_value']} values; with all of its attribute: {kept['pass_attribute']}; "
        f"with all of the catalogue: {kept['pass_catalogue']}. On test customers, of {kept['attributes_stated']} "
        f"attributes with a stated value {kept['attributes_kept']} kept the required precision with every value "
        f"({kept['attributes_kept'] / max(1, kept['attributes_stated']):.0%}); for {kept['attributes_broken']} an "
        "exact test says at 5 % that they miss it. This judges the recipe, which was run without them."
    )


def _row(name: str, fact: Mapping[str, Any]) -> list[str]:
    area, low, high = fact["auc"]
    stated = [
        f"{value} {item['coverage']:.0%} ({item['precision']:.0%} right, {item['share']:.0%} are)"
        if item["coverage"]
        else f"{value} (not measured)"
        for value, item in fact["values"].items()
        if item["threshold"] is not None
    ]
    interval = f"{area:.3f} [{low:.3f}, {high:.3f}]"
    return [name, f"{fact['n']:,}", interval, ", ".join(stated) or "withheld", fact["role"]]
