"""What the certificates of a catalogue were worth on test customers."""

from __future__ import annotations

from typing import Any, get_args

from scipy.stats import binom

from pipeline.model.multiplicity import Scope

PASSES = tuple(f"pass_{scope}" for scope in get_args(Scope))
_USEFUL_RECALL = 0.2
_DOUBT = 0.05  # level of the test whether an attribute misses its precision on test customers


def promise_kept(facts: dict[str, Any]) -> dict[str, int]:
    """Count what a catalogue's certificates are worth on test customers.

    Parameters
    ----------
    facts
        `records.attribute_facts` by attribute.

    Returns
    -------
    dict
        By value: `tested`; `certified` ones, and of these `majority`: each attribute's most common value, whose
        statements may merely repeat it; `measured`: stated to test customers, of which `kept` were right at least as
        often as required, and `undeployed` are not certified for the deployed model (in a cross-validation the test
        customers of one fold certify in the others, so that to leave these out would be to look only at those that test
        customers confirm); `pass_value`, `pass_attribute`, `pass_catalogue`: would
        be certified if the certificates were to hold for this, see `pipeline.model.multiplicity`.

        By attribute: `useful`, of which a value besides the most common one is certified and stated for at least a
        fifth of those who truly have it; `attributes_stated`: with a measured value; of these `attributes_kept`: with
        every measured value as often right as required; `attributes_broken`: for which an exact binomial test says
        at 5 %, divided by the number of measured values, that one of these is right less often than required.
    """
    by_value = ("tested", "certified", "majority", "measured", "kept", "undeployed", *PASSES)
    by_attribute = ("useful", "attributes_stated", "attributes_kept", "attributes_broken")
    found = dict.fromkeys((*by_value, *by_attribute), 0)
    for fact in facts.values():
        most, required = max(fact["counts"], key=fact["counts"].get), fact["min_precision"]
        measured = {value: item for value, item in fact["values"].items() if item["coverage"] > 0}
        measured = {value: {**item, **item.get("promised", {})} for value, item in measured.items()}
        kept = [item["precision"] >= required for item in measured.values()]
        for value, item in fact["values"].items():
            certified = item["threshold"] is not None
            found["tested"] += 1
            found["certified"] += certified
            found["majority"] += certified and value == most
            for name in PASSES:
                found[name] += item[name]
        found["measured"] += len(measured)
        found["kept"] += sum(kept)
        deployed = {value: item for value, item in measured.items() if item["threshold"] is not None}
        found["undeployed"] += len(measured) - len(deployed)
        found["useful"] += any(v != most and i["recall"] >= _USEFUL_RECALL for v, i in deployed.items())
        found["attributes_stated"] += bool(measured)
        found["attributes_kept"] += bool(measured) and all(kept)
        found["attributes_broken"] += any(_misses(i, required, _DOUBT / len(measured)) for i in measured.values())
    return found


def _misses(item: dict[str, Any], required: float, level: float) -> bool:
    """Tell whether a value is right too rarely for chance: the exact one-sided binomial test."""
    n_right = round(item["precision"] * item["n_stated"])
    return bool(binom.cdf(n_right, item["n_stated"], required) < level)
