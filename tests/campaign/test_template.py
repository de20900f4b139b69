"""What a template may do, what it may not, and how it is told."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from pipeline.campaign.language import SHIPPED, languages_of, read_language
from pipeline.campaign.reader import NAMES, Facts
from pipeline.campaign.template import MessageTemplate, read_template
from pipeline.campaign.variants import messages_for, read_library
from pipeline.errors import ConfigError
from pipeline.settings import Campaign

FACTS = Facts("Corner", "10% off", 7, ("cheese", "coffee", "tea"), "cheese", "on Saturday", "neutral", True)
NOTHING = Facts(None, None, None, (), None, None, "neutral", False)
HEAD = "---\napproach: own\nchannel: email\nlimits: {subject: 60, body: 300, action: 30}\n---\n"
ENGLISH = read_language("en", [SHIPPED / "en"])
UKRAINIAN = read_language("uk", [SHIPPED / "uk"])


def text(body: str, subject: str = "Hello", action: str = "Go") -> str:
    blocks = {"subject": subject, "body": body, "action": action}
    return HEAD + "\n".join(f"{{% block {name} %}}{inner}{{% endblock %}}" for name, inner in blocks.items())


def read(folder: Path, content: str, language=ENGLISH) -> MessageTemplate:
    (folder / "own.j2").write_text(content, "utf-8")
    return read_template(folder / "own.j2", language)


def refused(folder: Path, content: str, facts: Facts = FACTS) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, content).render(facts)
    return str(caught.value)


def test_a_template_is_filled_and_tidied(tmp_path: Path) -> None:
    found = read(tmp_path, text("  {{ interests | listed }}\n by {{ sender }}\n\n\n\nBye ")).render(FACTS)
    assert found == {"subject": "Hello", "body": "cheese, coffee and tea by Corner\n\nBye", "action": "Go"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            "{{ intrest }}",
            r"template en/own\.j2: there is no variable 'intrest' \(allowed: .*Did you mean 'interest'\?",
        ),
        ("{{ attributes.age }}", r"there is no variable 'attributes' \(allowed: sender, offer"),
        ("{{ customer_id }}", "there is no variable 'customer_id'"),
        ("{{ range(9) }}", "there is no variable 'range'"),
        ("{{ interest.age }}", "has no attribute 'age'"),
        ("{{ interest | capitl }}", r"line \d+: there is no filter 'capitl' .*Did you mean 'capital'\?"),
        ("{{ interest | attr('__class__') }}", "there is no filter 'attr'"),
        ("{{ interest.__class__.__mro__ }}", "not allowed in a template|unsafe"),
        ("{{ ''.__class__ }}", "not allowed in a template|unsafe"),
        ("{{ interest.format.__globals__ }}", "not allowed in a template|unsafe"),
        ("{{ '{0.__class__}'.format(interest) }}", "not allowed in a template|unsafe"),
        ("{{ self.__init__ }}", "not allowed in a template|unsafe"),
        ("{{ 'a' * 999999999 }}", r"not allowed in a template: the operator \*"),
        ("{{ 9 ** 99999999 }}", r"not allowed in a template: the operator \*\*"),
        ("{% include '/etc/passwd' %}", "no loader"),
        ("{% for i in %}", r"line \d+: "),
        ("{{ offer_days | plural('day') }}", "2 forms are needed in 'en', found 1: day"),
        ("{{ interests[9] }}", "no element 9"),
        ("", "template en/own.j2, body: it is empty for this segment"),
        ("x" * 301, "template en/own.j2, body: 301 characters, 300 are allowed"),
    ],
)
def test_what_a_template_must_not_do_is_told(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read(tmp_path, text(body)).render(FACTS)


def test_a_fact_that_is_not_known_is_not_written_as_none(tmp_path: Path) -> None:
    assert "write {% if … %} around it" in refused(tmp_path, text("Dear {{ sender }}"), NOTHING)
    filled = read(tmp_path, text("Dear {% if sender %}{{ sender }}{% else %}you{% endif %}")).render(NOTHING)
    assert filled["body"] == "Dear you"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("no head", "it must begin with a head between two lines '---'"),
        ("---\napproach: [\n---\n", "its head is not readable as YAML"),
        ("---\nchannel: email\nlimits: {body: 9, action: 9}\n---\n", "its head: approach: "),
        (
            "---\napproach: a\nchannel: fax\nlimits: {body: 9, action: 9}\n---\n",
            "its head: channel: .*'email' or 'sms'",
        ),
        ("---\napproach: a\nchannel: sms\nlimits: {body: 9}\n---\n", "its head: limits: .*'body' and 'action'"),
        ("---\napproach: a\nchannel: sms\nlimits: {body: 0, action: 9}\n---\n", r"its head: limits\.body: "),
        (
            HEAD + "{% block subject %}s{% endblock %}{% block bdy %}b{% endblock %}",
            "the block 'body' is missing.*'bdy'",
        ),
    ],
)
def test_a_bad_head_or_a_missing_block_is_told(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(ConfigError, match=f"template en/own.j2: .*{told}|template en/own.j2: {told}"):
        read(tmp_path, content)


def test_facts_are_texts_numbers_and_truths_and_name_no_person() -> None:
    assert {str(field.type) for field in fields(Facts)} <= {
        "str",
        "str | None",
        "int | None",
        "bool",
        "tuple[str, ...]",
    }
    forbidden = {"customer", "customers", "segment", "attributes", "portrait", "value", "id"}
    assert not forbidden & set(NAMES)


@pytest.mark.parametrize(
    ("number", "form"),
    [
        *((n, "день") for n in (1, 21, 101, 1001)),
        *((n, "дні") for n in (2, 3, 4, 22, 34, 122)),
        *((n, "днів") for n in (0, 5, 11, 12, 14, 25, 100, 111, 112)),
    ],
)
def test_ukrainian_numbers_take_their_forms(number: int, form: str) -> None:
    assert UKRAINIAN.plural_form(number, ("день", "дні", "днів")) == form


LISTS = [((), ""), (("a",), "a"), (("a", "b"), "a та b"), (("a", "b", "c"), "a, b та c")]


@pytest.mark.parametrize(("words", "listed"), LISTS)
def test_lists_read_as_in_a_sentence(words: tuple[str, ...], listed: str) -> None:
    assert UKRAINIAN.listed(words) == listed


def test_a_list_of_pairs_can_be_read() -> None:
    assert ENGLISH.listed(("salt", "bread and rolls", "tea")) == "salt, bread and rolls, and tea"


def test_names_in_capitals_are_written_as_titles() -> None:
    assert UKRAINIAN.quoted("  SET OF 3  CAKE TINS ") == "«Set Of 3 Cake Tins»"
    assert ENGLISH.quoted("lady's hat") == '"lady\'s hat"'


SHAPES = [
    replace(FACTS, tone=tone, interests=("сир", "кава", "чай")[:n], interest="сир" if n else None, saves=saves, **rest)
    for tone in ("welcoming", "familiar", "returning", "neutral")
    for n in range(4)
    for saves in (True, False)
    for rest in ({}, {"sender": None, "offer": None, "offer_days": None, "on_weekday": None}, {"offer_days": 21})
]


def test_every_shipped_template_can_be_filled_for_every_segment() -> None:
    library = read_library(Campaign())
    assert not library.broken
    for shape in SHAPES:
        made = messages_for("all", dict.fromkeys(library.templates, shape), library, [])
        assert [message.refused for message in made] == [""] * len(made)
        for message in made:
            told = " ".join(message.parts.values())
            assert "  " not in told
            assert " ." not in told
            assert " ," not in told
            assert told.count("“") == told.count("”")


def test_every_language_has_the_same_variants_three_approaches_at_least() -> None:
    library = read_library(Campaign())
    kinds = {
        code: {(template.head.approach, template.head.channel) for template in templates}
        for code, templates in library.templates.items()
    }
    assert kinds["en"] == kinds["uk"]
    assert {approach for approach, _ in kinds["en"]} == {"benefit", "novelty", "reminder"}
    for templates in library.templates.values():
        assert all({"body", "action"} <= set(template.head.limits) for template in templates)
        assert all("subject" in template.head.limits for template in templates if template.head.channel == "email")


LANGUAGE = """
name: Polski
plural: "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);"
and_: " i "
quote: "„{}”"
weekdays: [w poniedziałek, we wtorek, w środę, w czwartek, w piątek, w sobotę, w niedzielę]
forbidden: {family: [dziec*, rodzin*], health: [zdrow*, lek, leki], age: [wiek, wieku, emeryt*]}
"""


def polish(folder: Path, body: str) -> Campaign:
    (folder / "pl").mkdir()
    (folder / "pl" / "language.yaml").write_text(LANGUAGE, "utf-8")
    (folder / "pl" / "own.j2").write_text(text(body, "Cześć", "Zobacz"), "utf-8")
    return Campaign(templates=str(folder))


def test_a_language_is_added_by_a_folder(tmp_path: Path) -> None:
    days = "{{ offer_days }} {{ offer_days | plural('dzień', 'dni', 'dni') }}"
    campaign = polish(tmp_path, days + ": {{ interests | listed }}")
    library = read_library(campaign)
    assert set(library.templates) == {"en", "pl", "uk"}
    facts = dict.fromkeys(library.templates, replace(FACTS, interests=("ser", "kawa")))
    made = [message for message in messages_for("all", facts, library, []) if message.language == "pl"]
    assert [message.parts["body"] for message in made] == ["7 dni: ser i kawa"]


def test_words_of_every_language_are_forbidden_in_every_language(tmp_path: Path) -> None:
    campaign = replace(polish(tmp_path, "Dla dzieci"), languages=("pl",))
    (tmp_path / "pl" / "other.j2").write_text(text("Wszystko dla baby"), "utf-8")
    library = read_library(campaign)
    made = messages_for("all", dict.fromkeys(library.templates, FACTS), library, [])
    assert [message.parts for message in made] == [{}, {}]
    assert "'dziec*' (family)" in made[0 if "own" in made[0].template else 1].refused


def test_an_own_template_replaces_the_shipped_one_and_a_broken_one_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "uk").mkdir()
    (tmp_path / "uk" / "sms_benefit.j2").write_text(text("Своє"), "utf-8")
    (tmp_path / "uk" / "broken.j2").write_text(text("{{ intrest }}"), "utf-8")
    library = read_library(Campaign(templates=str(tmp_path)))
    made = messages_for("all", dict.fromkeys(library.templates, FACTS), library, [])
    assert len(made) == 12
    assert [message.parts["body"] for message in made if message.template == "uk/sms_benefit.j2"] == ["Своє"]
    assert set(library.broken) == {"uk/broken.j2"}
    assert "Did you mean 'interest'?" in library.broken["uk/broken.j2"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("and_:", "andd:"), "andd: unknown key .*Did you mean 'and_'"),
        (("nplurals=3", "plurals"), "plural: .*is no rule"),
        (("n%10>=2", "n$10"), "plural: .*is no rule"),
        (("„{}”", "none"), "quote: .*write quotes around one {}"),
        ((", w niedzielę", ""), "weekdays: "),
        (("name: Polski", "name: ["), "cannot be read as YAML"),
    ],
)
def test_a_language_that_cannot_be_read_is_told(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    polish(tmp_path, "Cześć")
    file = tmp_path / "pl" / "language.yaml"
    file.write_text(file.read_text("utf-8").replace(*change), "utf-8")
    with pytest.raises(ConfigError, match=told):
        read_library(Campaign(templates=str(tmp_path)))


def test_a_language_without_a_folder_is_told() -> None:
    with pytest.raises(ConfigError, match=r"there is no language 'ukr' \(allowed: en, uk\)\. Did you mean 'uk'\?"):
        languages_of(None, ("ukr",))
    with pytest.raises(ConfigError, match=r"campaign\.templates: there is no folder nowhere"):
        languages_of("nowhere", ())
