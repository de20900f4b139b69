import string

import pytest
import yaml
from babel import Locale

from pipeline.errors import ConfigError
from pipeline.report.words import TEXTS, Words, languages

FILES = {name: yaml.safe_load((TEXTS / f"{name}.yaml").read_text("utf-8")) for name in languages()}


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def forms(text):
    return list(text.values()) if isinstance(text, dict) else [text]


def test_there_is_english_and_ukrainian():
    assert {"en", "uk"} <= set(languages())


@pytest.mark.parametrize("language", languages())
def test_every_language_has_every_text_with_the_same_values_put_in(language):
    assert set(FILES[language]) == set(FILES["en"])
    for key, text in FILES[language].items():
        wanted = placeholders(forms(FILES["en"][key])[-1])
        assert all(placeholders(form) == wanted for form in forms(text)), key


@pytest.mark.parametrize("language", languages())
def test_texts_that_depend_on_a_number_have_all_forms_of_the_language(language):
    rules = Locale.parse(language).plural_form
    for key, text in FILES[language].items():
        if isinstance(text, dict):
            assert set(text) == {*rules.rules, "other"}, key


def test_ukrainian_forms_follow_the_number():
    words = Words("uk")
    said = [words.say("overview.customers", n=n) for n in (1, 2, 5, 11, 21, 104)]
    assert said == ["клієнт", "клієнти", "клієнтів", "клієнтів", "клієнт", "клієнти"]


def test_numbers_are_written_as_the_language_does():
    english, ukrainian = Words("en"), Words("uk")
    assert english.number(1234567) == "1,234,567"
    assert ukrainian.number(1234567.5, 1) == "1\u00a0234\u00a0567,5"
    assert english.span(0.5, 0.4, 0.6, share=True) == "50 % [40 %; 60 %]"
    assert english.span(0.5, float("nan"), 0.6, share=True) == "50 %"
    assert english.number(float("nan")) == english.percent(None) == "–"


def test_an_unknown_language_is_told_with_those_there_are():
    with pytest.raises(ConfigError, match=r"no texts in 'ua'.*uk"):
        Words("ua")
