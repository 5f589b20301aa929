"""The control: planted faults, one of each kind that the other tests rely on being told of."""

from __future__ import annotations

import pytest

from tests.browser.looking import NARROW, Looker, Window, axe_says, fonts_of

pytestmark = pytest.mark.browser
FAULTS = """<!doctype html><html><head><title>Faults</title></head><body>
<h1>Faults</h1><h4>A level was left out</h4>
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">
<p style="color:#bbb;background:#fff">Too pale to read</p>
<form><input name="unlabelled"></form>
<a href="/"></a><button style="width:9px;height:9px;padding:0"></button><button style="width:9px;height:9px">x</button>
<div style="width:900px">wide</div><script>nowhere()</script>
</body></html>"""


@pytest.fixture
def faulty(look: Looker):
    with look.window() as window:
        window.page.set_viewport_size(NARROW)
        planted(window, FAULTS)
        window.open("/planted/")
        yield window
        window.troubles.clear()


def planted(window: Window, html: str) -> None:
    window.page.route("**/planted/", lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"))


@pytest.mark.parametrize(
    "rule", ["image-alt", "color-contrast", "label", "html-has-lang", "link-name", "heading-order"]
)
def test_axe_finds_a_planted_fault(faulty: Window, rule: str):
    assert [said for said in axe_says(faulty.page) if said.startswith(f"{rule}:")]


def test_a_page_that_is_too_wide_is_noticed(faulty: Window):
    assert faulty.sideways() > 0


def test_an_error_in_a_script_is_noticed(faulty: Window):
    assert any("nowhere" in trouble for trouble in faulty.troubles)


def test_a_font_that_is_not_ours_is_noticed(faulty: Window):
    assert not any(fonts_of(faulty.page, "h1").values())


def test_what_the_security_policy_refuses_is_noticed(look: Looker):
    with look.window() as window:
        window.open("/")
        window.page.evaluate(
            "document.head.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = true'}))"
        )
        assert window.page.evaluate("window.ran") is None
        assert any("Content Security Policy" in trouble for trouble in window.troubles)
        window.troubles.clear()
