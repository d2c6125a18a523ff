"""What a link shows is all of it, and only what a person can judge is opened."""

from __future__ import annotations

import pytest

from quoth.errors import InputError
from quoth.tui.terminal.links import checked, open_link, shown


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the browser was asked to open."""
    addresses: list[str] = []

    def open_(url: str) -> bool:
        addresses.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", open_)
    return addresses


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://example.org/a?b=c#d", "https://example.org/a?b=c#d"),
        ("https://example.org/" + "a" * 500, "https://example.org/" + "a" * 500),
        (
            "https://bank.example@evil.example/",
            "https://bank.example@evil.example/ (goes to evil.example: what stands before the @ is a name)",
        ),
        ("https://аpple.com/", "https://аpple.com/ (the host is xn--pple-43d.com; its letters are cyrillic and latin)"),
        ("https://xn--pple-43d.com/", "https://xn--pple-43d.com/ (the host reads аpple.com)"),
        ("https://bücher.example/", "https://bücher.example/ (the host is xn--bcher-kva.example)"),
        ("https://a\u202eb.example/\x1b]0;x\x07\nc", "https://ab.example/ c"),
        ("http://[::1", "http://[::1 (not an address)"),
        ("http://a:port/", "http://a:port/ (not an address)"),
    ],
)
def test_the_whole_address_is_shown_with_what_is_odd_about_it(url: str, text: str) -> None:
    assert shown(url) == text


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://example.org/a?b=c#d", "https://example.org/a?b=c#d"),
        ("HTTP://Example.org:8080/", "http://Example.org:8080/"),
        ("mailto:someone@example.org", "mailto:someone@example.org"),
        ("https://bücher.example:8/ü", "https://xn--bcher-kva.example:8/ü"),
        ("http://[::1]:80/", "http://[::1]:80/"),
    ],
)
def test_what_may_be_opened_goes_to_the_browser(url: str, address: str, opened: list[str]) -> None:
    open_link(url)
    assert opened == [address]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "only http, https, mailto links are opened"),
        ("javascript:alert(1)", "only http, https, mailto links are opened"),
        ("vscode://x", "only http, https, mailto links are opened"),
        ("data:text/html,x", "only http, https, mailto links are opened"),
        ("--help", "only http, https, mailto links are opened"),
        ("/relative", "only http, https, mailto links are opened"),
        ("", "only http, https, mailto links are opened"),
        ("https://", "it names no host"),
        ("https:///path", "it names no host"),
        ("https://\U0001f600\u0301..example/", "it names no host"),
        ("http://a:99999999/", "it is not an address"),
        ("https://a.example/ b", "it holds spaces, backslashes or invisible characters"),
        ("https://a.example\\@b.example", "it holds spaces, backslashes or invisible characters"),
        ("https://a.example/\x1b[2J", "it holds spaces, backslashes or invisible characters"),
        ("https://a\u200b.example/\u202e", "it holds spaces, backslashes or invisible characters"),
        ("https://a.example/" + "a" * 2048, "it is longer than 2,048 characters"),
    ],
)
def test_everything_else_is_refused_with_a_sentence(url: str, why: str, opened: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        open_link(url)
    assert (caught.value.why, opened) == (why, [])
    assert caught.value.what.startswith("the link '")
    assert checked("https://example.org/") == "https://example.org/"


def test_a_machine_without_a_browser_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    with pytest.raises(InputError, match="no web browser was found"):
        open_link("https://example.org/")
