"""No message reveals an inferred sensitive attribute: not by what it is given, what it names, or what it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pipeline.campaign.brief import Brief, facts_for, silence, word_for
from pipeline.campaign.guard import reasons_against, topics_in
from pipeline.campaign.hours import Timing
from pipeline.campaign.interests import Interest, Interests
from pipeline.campaign.lift import Tally
from pipeline.campaign.manner import Manner
from pipeline.campaign.price import PriceSense
from pipeline.campaign.sensitive import explained, is_sensitive, sensitive_values, telling_tokens
from pipeline.campaign.tokens import Counts
from pipeline.campaign.variants import messages_for, read_library
from pipeline.settings import Attribute, Campaign, CampaignSource, Data, Declared, Log, Model, Settings

CONF = Path(__file__).resolve().parents[2] / "conf"
LIBRARY = read_library(Campaign())
FIELD = "buy__shelf"
# What shelves of shops are called, harmless and not; of the second kind nobody may read.
HARMLESS = [
    "CHEESE",
    "COFFEE",
    "GARDEN TOOLS",
    "RED RETROSPOT MUG",
    "KIDNEY BEANS",
    "Tomato soup",
    "Сир",
    "Кава мелена",
]
PRIVATE = [
    "BABY FOOD",
    "Diapers, size 3",
    "INCONTINENCE PADS",
    "Pregnancy test",
    "VITAMINS 50+",
    "Back to school",
    "Glucose, diabetic",
]
PRIVATE += [
    "Дитяче харчування",
    "Підгузки",
    "Ліки від тиску",
    "Для пенсіонерів",
    "KIDS' TOYS",
    "Red wine",
    "B A B Y WIPES",
    "bаby",
]
PLAINLY = [
    "baby",
    "diaper",
    "pregnan",
    "incontinen",
    "vitamin",
    "diabet",
    "wine",
    "дитяч",
    "підгуз",
    "пенсіонер",
    "аптек",
    "55+",
]
VALUES = ["55+", "19-34", "has_children", "married", "75K+", "2 adults, kids"]


def shipped() -> dict[str, dict[str, Attribute]]:
    """Return the attributes of every shipped catalogue."""
    reader = TypeAdapter(dict[str, Attribute])
    return {
        path.stem: reader.validate_python(yaml.safe_load(path.read_text("utf-8")))
        for path in sorted((CONF / "attributes").glob("*.yaml"))
    }


PRIVATE_ATTRIBUTES = {
    "atus": {"sex", "age_band", "marital_status", "child_in_household", "household_size", "income_band", "education"}
    | {"home_ownership", "employment", "occupation"},
    "complete_journey": {"age_band", "income_band", "income_50k", "home_ownership", "marital_status", "household_size"}
    | {"household_composition", "has_children", "number_of_children", "buys_baby", "buys_diapers", "buys_medicine"}
    | {"buys_vitamins", "buys_wine", "buys_beer", "buys_liquor", "buys_cigarettes", "buys_toys"},
    "movielens": {"gender", "age_band", "occupation"},
    "online_retail": set(),
    "telecom": {"gender", "age_band", "under_35", "marital_status", "married", "has_children", "number_of_children"}
    | {"household_size", "income_band", "high_income", "occupation", "student", "uses_health", "uses_family"}
    | {"uses_dating", "night_worker", "home_region", "work_region"},
}


@pytest.mark.parametrize("name", sorted(PRIVATE_ATTRIBUTES))
def test_private_attributes_of_the_shipped_catalogues_are_known_by_their_names_alone(name: str) -> None:
    bare = {key for key in shipped()[name] if is_sensitive(key, None, Campaign().sensitive)}
    assert PRIVATE_ATTRIBUTES[name] <= bare
    marked = {key for key, one in shipped()[name].items() if one.sensitive}
    everything = {key for key, one in shipped()[name].items() if is_sensitive(key, one, Campaign().sensitive)}
    assert everything == bare | marked


@pytest.mark.parametrize(
    "name", ["will_lapse", "top_spender", "buys_cheese", "buys_sausage", "page_views", "uses_maps"]
)
def test_what_is_no_private_matter_is_not_taken_for_one(name: str) -> None:
    assert not is_sensitive(name, None, Campaign().sensitive)


def test_every_catalogue_is_tested() -> None:
    assert set(shipped()) == set(PRIVATE_ATTRIBUTES)


@pytest.mark.parametrize("file", sorted((CONF / "campaign" / "source").glob("*.yaml")), ids=lambda path: path.stem)
def test_no_word_for_a_token_speaks_of_a_private_matter(file: Path) -> None:
    source = TypeAdapter(CampaignSource).validate_python(yaml.safe_load(file.read_text("utf-8")))
    for tokens in source.words.values():
        for token, words in tokens.items():
            assert set(words) == {"en", "uk"}, token
            assert not [word for word in words.values() if reasons_against(word, LIBRARY.forbidden, [])], token
            assert all(len(word) <= 40 for word in words.values())


def brief(tokens: list[str], tone: str = "neutral", price: str | None = "high") -> Brief:
    """Return a brief whose interests are these tokens, silenced as a run would silence them."""
    campaign = Campaign()
    silent = silence([(FIELD, token) for token in tokens], LIBRARY.forbidden, campaign)
    wanted = tuple(Interest(FIELD, token, 50, 0.5, 2.0, 1.5, 2.5, silent.get((FIELD, token), "")) for token in tokens)
    nothing = Timing("buy", None, None, ())
    return Brief(
        "all",
        "file",
        100,
        1000,
        "",
        Interests(wanted, (), (), 9),
        nothing,
        PriceSense(price),
        Manner(None, tone, ""),
        (),
    )


def letters(one: Brief, campaign: Campaign) -> list[str]:
    facts = {code: facts_for(one, LIBRARY.languages[code], campaign) for code in LIBRARY.templates}
    return ["\n".join(message.parts.values()) for message in messages_for("all", facts, LIBRARY, VALUES)]


@settings(max_examples=60, deadline=None)
@given(
    tokens=st.lists(st.sampled_from(HARMLESS + PRIVATE), max_size=8, unique=True),
    said=st.sampled_from([None, "Corner Shop", "Baby World", "Аптека 24"]),
    offer=st.sampled_from([None, "10% off", "Free diapers", "знижка для пенсіонерів", "for 55+ only"]),
    tone=st.sampled_from(["welcoming", "familiar", "returning", "neutral"]),
    price=st.sampled_from(["high", "low", None]),
)
def test_whatever_a_segment_likes_and_whoever_writes_no_letter_reveals_it(tokens, said, offer, tone, price) -> None:
    offers = {} if offer is None else {"en": offer, "uk": offer}
    campaign = Campaign(sender=said, offer=offers, source=CampaignSource(quoted=("buy.shelf",)))
    for letter in letters(brief(tokens, tone, price), campaign):
        assert not reasons_against(letter, LIBRARY.forbidden, VALUES)
        for private in (*PRIVATE, *PLAINLY):
            assert private.casefold() not in letter.casefold()


@pytest.mark.parametrize("token", PRIVATE)
def test_a_private_token_alone_leaves_letters_as_if_there_were_none(token: str) -> None:
    campaign = Campaign(source=CampaignSource(quoted=("buy.shelf",)))
    assert letters(brief([token]), campaign) == letters(brief([]), campaign)
    assert all(letters(brief([token]), campaign))


def test_a_harmless_word_given_to_a_private_token_does_not_bring_it_back() -> None:
    words = {"buy.shelf": {"BABY FOOD": {"en": "purees", "uk": "пюре"}}}
    campaign = Campaign(source=CampaignSource(words=words))
    one = brief(["BABY FOOD"])
    assert word_for(one.interests.wanted[0], LIBRARY.languages["en"], campaign) is None
    assert letters(one, campaign) == letters(brief([]), campaign)


def test_a_private_word_given_to_a_harmless_token_is_not_said() -> None:
    words = {"buy.shelf": {"CHEESE": {"en": "baby cheese", "uk": "дитячий сир"}}}
    campaign = Campaign(source=CampaignSource(words=words))
    assert letters(brief(["CHEESE"]), campaign) == letters(brief([]), campaign)


HEAD = "---\napproach: own\nchannel: sms\nlimits: {body: 200, action: 30}\n---\n"
TRICKS = [
    "{{ attributes.age }}",
    "{{ customer.has_children }}",
    "{{ portrait['age_band'] }}",
    "{{ facts.attributes }}",
    "{{ interests.__class__.__base__.__subclasses__() }}",
    "{{ self._TemplateReference__context }}",
    "{{ interest.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__ }}",
    "{% set x = namespace(age=1) %}{{ x.age }}",
    "{% from 'en/email_benefit.j2' import x %}",
    "{% if tone %}We know that you are pregnant{% endif %}",
    "{{ 'ba' ~ 'by' }} food",
    "{{ 'B' }}{{ 'A' }}{{ 'B' }}{{ 'Y' }}",
    "{% for letter in ['п', 'і', 'д', 'г', 'у', 'з', 'к', 'и'] %}{{ letter }}{% endfor %}",
    "Only for customers 55+",
    "has_children: yes",
    "Вам уже за 60?",
]


@pytest.mark.parametrize("trick", TRICKS)
def test_a_malicious_template_gets_nothing_out_and_the_others_still_appear(tmp_path: Path, trick: str) -> None:
    (tmp_path / "en").mkdir()
    body = f"{HEAD}{{% block body %}}{trick}{{% endblock %}}{{% block action %}}Go{{% endblock %}}"
    (tmp_path / "en" / "trick.j2").write_text(body, "utf-8")
    library = read_library(Campaign(templates=str(tmp_path)))
    facts = {code: facts_for(brief(["CHEESE"]), library.languages[code], Campaign()) for code in library.templates}
    made = messages_for("all", facts, library, VALUES)
    own = [message for message in made if message.template == "en/trick.j2"]
    assert all(message.parts == {} and message.refused for message in own)
    assert own or "en/trick.j2" in library.broken
    others = [message for message in made if message.template != "en/trick.j2"]
    assert len(others) == 12
    assert all(message.parts for message in others)


def test_values_of_sensitive_attributes_are_looked_for_but_no_bare_number_or_yes() -> None:
    attributes = {
        "age_band": Attribute("ordinal", declared=Declared("age", map={"1": "19-34", "2": "55+"})),
        "has_children": Attribute("binary", declared=Declared("kids")),
        "household_size": Attribute("ordinal", declared=Declared("size"), values=("1", "2", "3+ people")),
        "secret": Attribute("nominal", declared=Declared("s"), values=("alpha", "no"), sensitive=True),
        "likes_tea": Attribute("nominal", declared=Declared("t"), values=("green", "black")),
    }
    data = Data("shop", {"buy": Log(path="-", id="-", time="-")})
    found = set(sensitive_values(Settings(data, Model("m", {}), attributes=attributes)))
    assert {"19-34", "55+", "has_children", "has children", "3+ people", "alpha", "secret"} <= found
    assert not {"1", "2", "no", "yes", "green", "likes_tea"} & found


def by_value(rng: np.random.Generator, rates: np.ndarray, values: np.ndarray) -> Counts:
    events = rng.poisson(rates)
    parts = events / np.maximum(events.sum(axis=1, keepdims=True), 1)

    def tally(inside: np.ndarray) -> Tally:
        own = parts[inside]
        return Tally(
            np.array([float(len(own))]), *((table.sum(axis=0)[None]) for table in ((own > 0) * 1.0, own, own**2))
        )

    names = np.array([f"t{place}" for place in range(rates.shape[1])], dtype=object)
    groups = {str(value): tally(values == value) for value in np.unique(values)}
    return Counts(FIELD, names, tally(np.ones(len(values), dtype=bool)), groups)


def test_a_token_of_harmless_name_that_tells_a_sensitive_value_is_found() -> None:
    rng = np.random.default_rng(1)
    values = np.where(rng.random(800) < 0.3, "yes", "no")
    rates = np.ones((800, 30))
    rates[values == "yes", 4] *= 2  # juice, which families drink
    told = telling_tokens(by_value(rng, rates, values), "has_children", 5, 1.2)
    assert set(told) == {"t4"}
    assert (told["t4"].attribute, told["t4"].value) == ("has_children", "yes")
    assert told["t4"].low > 1
    assert "has children" in told["t4"].words()
    assert "yes" not in told["t4"].words()  # the brief says which attribute, not which answer


def test_where_no_token_tells_anything_hardly_one_is_silenced() -> None:
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(30):
        values = rng.choice(["a", "b", "c"], 500)
        found += len(telling_tokens(by_value(rng, np.ones((500, 30)), values), "age_band", 5, 1.2)) > 0
    assert found <= 4


def test_a_lift_that_is_gone_among_those_alike_in_a_value_is_explained_by_it() -> None:
    assert explained([2.0, 2.0, 1.0], [1.05, 1.8, 1.0]).tolist() == [True, False, False]


def test_small_shares_are_not_named_to_everybody() -> None:
    campaign = Campaign(source=CampaignSource(quoted=("buy.shelf",)), min_share=0.1)
    one = brief(["CHEESE"])
    rare = replace(one.interests.wanted[0], share=0.05)
    assert word_for(rare, LIBRARY.languages["en"], campaign) is None
    assert word_for(one.interests.wanted[0], LIBRARY.languages["en"], campaign) == '"Cheese"'


def test_tokens_that_the_source_itself_calls_private_are_silent() -> None:
    campaign = Campaign(source=CampaignSource(unnamed={"buy.shelf": ("GARDEN*",)}))
    found = silence(
        [(FIELD, "GARDEN TOOLS"), (FIELD, "CHEESE"), ("other__shelf", "GARDEN TOOLS")], LIBRARY.forbidden, campaign
    )
    assert set(found) == {(FIELD, "GARDEN TOOLS")}
    assert topics_in("GARDEN TOOLS", LIBRARY.forbidden) == []


def test_the_page_of_a_run_shows_names_as_text() -> None:
    from pipeline.campaign.page import number, page, percent

    facts = {"hidden": 0, "broken": {"x": "<script>"}, "later": None, "min_cell": 20}
    shown = page("<b>shop</b>", "now", [], facts)
    assert "<script>" not in shown
    assert "&lt;b&gt;shop" in shown
    assert (number(None), percent(0.5)) == ("–", "50 %")
