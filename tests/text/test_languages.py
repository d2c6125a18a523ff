"""Which language a text is in, and what counts as being in one."""

from __future__ import annotations

import pytest

from quoth.text.languages import is_in, is_surely_in, language_named, language_of

TEXTS = {
    "English": "The council met on Monday and decided that the bridge should be closed for repairs.",
    "German": "Der Rat hat am Montag beschlossen, dass die Brücke für den Verkehr gesperrt wird.",
    "French": "Le conseil a décidé lundi que le pont serait fermé pour des travaux dans la ville.",
    "Spanish": "El consejo decidió el lunes que el puente se cerrará por las obras de la ciudad.",
    "Portuguese": "O conselho decidiu na segunda que a ponte será fechada para as obras da cidade.",
    "Italian": "Il consiglio ha deciso lunedì che il ponte sarà chiuso per i lavori della città.",
    "Dutch": "De raad heeft maandag besloten dat de brug wordt gesloten voor het verkeer van de stad.",
    "Polish": "Rada zdecydowała w poniedziałek, że most zostanie zamknięty na czas remontu i nie jest to żart.",
    "Swedish": "Rådet beslutade på måndagen att bron ska stängas för trafik och att det är en fara.",
    "Chinese": "委员会星期一决定关闭 Harwick 大桥进行维修（bridge repair）。",
    "Japanese": "委員会は月曜日に橋を閉鎖することを決めました。",
    "Korean": "위원회는 월요일에 다리를 폐쇄하기로 결정했다.",
    "Russian": "Совет решил в понедельник закрыть мост на ремонт.",
    "Ukrainian": "Рада вирішила в понеділок закрити міст і його під'їзди на ремонт.",
    "Greek": "Το συμβούλιο αποφάσισε τη Δευτέρα να κλείσει η γέφυρα.",
    "Arabic": "قرر المجلس يوم الاثنين إغلاق الجسر للإصلاح.",
    "Hebrew": "המועצה החליטה ביום שני לסגור את הגשר.",
    "Hindi": "परिषद ने सोमवार को पुल बंद करने का फैसला किया।",
    "Thai": "สภาตัดสินใจในวันจันทร์ที่จะปิดสะพาน",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_sentence_shows_its_language(language: str) -> None:
    assert language_of(TEXTS[language]) == language
    assert is_surely_in(TEXTS[language], language)
    assert [other for other in TEXTS if is_in(TEXTS[language], other)] == [language]


@pytest.mark.parametrize("text", ["", "1994", "GNU/Linux 2.4", "Bruce Perens, Ian Murdock", "..."])
def test_what_shows_no_language_may_be_in_any_and_is_surely_in_none(text: str) -> None:
    assert language_of(text) == ""
    assert is_in(text, "German")
    assert not is_surely_in(text, "German")


def test_a_long_text_is_in_the_language_of_most_of_it() -> None:
    assert language_of(TEXTS["French"] + f" {TEXTS['German']}" * 4000) == "German"
    assert language_of(f"{TEXTS['Chinese']}\n" * 4000 + TEXTS["English"]) == "Chinese"


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("German", "German"),
        ("deutsch", "German"),
        ("de", "German"),
        ("Brazilian Portuguese", "Portuguese"),
        ("pt-BR", "Portuguese"),
        ("简体中文", "Chinese"),
        ("zh_CN", "Chinese"),
        ("Simplified Chinese", "Chinese"),
    ],
)
def test_a_language_has_several_names(name: str, language: str) -> None:
    found = language_named(name)
    assert found is not None
    assert found.name == language


def test_of_an_unknown_language_nothing_can_be_said() -> None:
    assert language_named("Klingon") is None
    assert is_in(TEXTS["English"], "Klingon")
    assert not is_surely_in(TEXTS["English"], "Klingon")
