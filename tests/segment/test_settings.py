from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from pipeline.settings import Segment

CONF = Path(__file__).parents[2] / "conf" / "segment"


def test_defaults_of_the_file_are_those_of_the_class():
    assert TypeAdapter(Segment).validate_python(yaml.safe_load((CONF / "default.yaml").read_text("utf-8"))) == Segment()


@pytest.mark.parametrize("path", sorted((CONF / "source").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_source_is_one_that_exists_and_its_rules_can_be_settings(path):
    assert (CONF.parent / "data" / path.name).exists()
    found = TypeAdapter(Segment).validate_python(yaml.safe_load(path.read_text("utf-8")))
    assert found.rules


@pytest.mark.parametrize("name", ["activity", "behaviour", "recency"])
def test_a_rule_is_not_called_what_rules_call_something_else(name):
    with pytest.raises(ValidationError, match=f"'{name}' is what rules call something else"):
        Segment(rules={name: {"where": "a=b"}})
