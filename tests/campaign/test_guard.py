"""No text gets through that speaks of a private matter, however it is written; harmless ones do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.campaign.guard import folded, reasons_against, topics_in, values_in
from pipeline.campaign.variants import read_library
from pipeline.settings import Campaign

FORBIDDEN = read_library(Campaign()).forbidden
WORDS = sorted({word for topics in FORBIDDEN.values() for words in topics.values() for word in words})
TOPICS = {"family", "health", "age"}
LIKE_LATIN = str.maketrans("aeopcyx", "аеорсух")  # written in Cyrillic letters


def test_every_language_forbids_what_the_guard_is_for() -> None:
    for code, topics in FORBIDDEN.items():
        assert set(topics) >= TOPICS, code
        assert all(len(topics[topic]) >= 10 for topic in TOPICS)


@pytest.mark.parametrize(
    "text",
    [
        "Everything for your baby",
        "Congratulations on your PREGNANCY!",
        "Nappies at half the price",
        "For children and grown-ups",
        "At your age comfort counts",
        "Seniors save on Mondays",
        "Relief from allergies",
        "Your medicine is ready",
        "Все для вашого малюка",
        "Дитячі підгузки вже на полиці",
        "У вашому віці важливо берегти себе",
        "Для пенсіонерів діє знижка",
        "Дбаємо про ваше здоров’я",
        "Вітаємо з вагітністю!",
        "Ліки від алергії",
        "Подарунок для вашої родини",
        "Для всієї сімʼї",
        "b a b y  food",
        "b.a.b.y food",
        "ba\u200bby food",
        "ba\u00adby food",
        "bаby food",  # a Cyrillic letter among Latin ones
        "ＢＡＢＹ food",
        "bàby food",
        "ди\u0301тина",
        "підгуз\u200dки",
    ],
)
def test_a_text_that_speaks_of_a_private_matter_is_refused(text: str) -> None:
    assert reasons_against(text, FORBIDDEN, [])


@pytest.mark.parametrize(
    "text",
    [
        "Kidney beans and baked potatoes",
        "Fresh bread from our bakery",
        "Packages arrive on Monday, manage them as you like",
        "Christmas is coming",
        "Вікно з видом на море",
        "Більше вигоди щодня",
        "Багато хто заходить у суботу",
        "Ковбаски та сосиски",
        "Синій чайник і синя чашка",
        "Ми підготували 21 ідею для вашого списку",
    ],
)
def test_a_harmless_text_gets_through(text: str) -> None:
    assert reasons_against(text, FORBIDDEN, []) == ""


@given(
    word=st.sampled_from(WORDS),
    before=st.text(alphabet="abcгдж .,!?\n", max_size=12),
    shape=st.sampled_from([str, str.upper, str.title, lambda text: text.translate(LIKE_LATIN)]),
    hidden=st.sampled_from(["", "\u200b", "\u00ad", "\u2060"]),
    place=st.integers(min_value=0, max_value=20),
)
def test_a_forbidden_word_is_found_wherever_and_however_it_stands(word, before, shape, hidden, place) -> None:
    bare = word.removesuffix("*")
    written = shape(bare[:place] + hidden + bare[place:])
    assert topics_in(f"{before} {written}, за вибором", FORBIDDEN)


@pytest.mark.parametrize(
    ("text", "values", "found"),
    [
        ("For 55+ customers", ["55+"], True),
        ("Only 155+ left", ["55+"], False),
        ("For married couples", ["married"], True),
        ("attributes: has_children", ["has_children"], True),
        ("income band", ["income band"], True),
        ("75K+", ["75K+"], True),
        ("75k and more", ["75K+"], False),
    ],
)
def test_a_sensitive_value_is_found_as_a_word(text: str, values: list[str], found: bool) -> None:
    assert bool(values_in(text, values)) is found


@given(st.text(max_size=60))
def test_texts_are_compared_in_one_form(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert folded(text.replace(" ", "  ")) == folded(text)
