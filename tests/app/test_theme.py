"""Every ink is read at WCAG AA on every ground that it lies on, light and dark."""

import itertools
import re
import tomllib
from pathlib import Path

import pytest

from app.theme import (
    DARK,
    LIGHT,
    TOKEN_COLOURS,
    Palette,
    along,
    contrast,
    ink_on,
    luminance,
    mixed,
)

TEXT, PARTS = 4.5, 3.0
"""What WCAG 2.2 asks at level AA of text, and of lines, marks and frames."""
APP = Path(__file__).parents[2] / "app"
THEME = tomllib.loads((APP / ".streamlit/config.toml").read_text())["theme"]
SCHEMES = [pytest.param("light", LIGHT, id="light"), pytest.param("dark", DARK, id="dark")]
REPORT = (APP.parent / "slm/comparing/report/report.css").read_text()


def grounds(scheme: str) -> set[str]:
    """What text may lie on in a theme: pages, controls, the sidebar."""
    theme = THEME[scheme]
    return {
        of[name]
        for of in (theme, theme["sidebar"])
        for name in ("backgroundColor", "secondaryBackgroundColor")
    }


def pairs(css: str) -> list[tuple[str, str]]:
    """Every pair of colours, light and dark, that a style sheet says."""
    return re.findall(r"light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", css)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert luminance("#ff0000") == pytest.approx(0.2126)
    assert mixed("#000000", "#ffffff", 0.25) == "#bfbfbf"
    assert [along(("#000000", "#ffffff", "#ff0000"), at) for at in (0, 0.5, 1, 2)] == [
        "#000000",
        "#ffffff",
        "#ff0000",
        "#ff0000",
    ]


@pytest.mark.parametrize(("scheme", "palette"), SCHEMES)
def test_text_is_read_on_every_ground_of_the_app(scheme: str, palette: Palette) -> None:
    theme = THEME[scheme]
    inks = {theme["textColor"], theme["linkColor"], palette.text, palette.muted}
    for ink, ground in itertools.product(inks, grounds(scheme)):
        assert contrast(ink, ground) >= TEXT, (ink, ground)


@pytest.mark.parametrize(("scheme", "palette"), SCHEMES)
def test_figures_are_read_on_the_page(scheme: str, palette: Palette) -> None:
    page = THEME[scheme]["backgroundColor"]
    for ink in (palette.plus, palette.minus, palette.other, palette.text, palette.muted):
        assert contrast(ink, page) >= TEXT, ink
    assert contrast(palette.text, palette.unseen) >= TEXT
    assert palette.text == THEME[scheme]["textColor"]
    assert palette.sequential[0] == page


@pytest.mark.parametrize(("scheme", "palette"), SCHEMES)
def test_text_is_read_on_every_colour_of_a_heat_map(scheme: str, palette: Palette) -> None:
    for scale in (palette.sequential, palette.diverging):
        for share in range(101):
            ground = along(scale, share / 100)
            assert contrast(ink_on(ground), ground) >= TEXT, (scheme, ground)


@pytest.mark.parametrize(("which", "scheme"), [(0, "light"), (1, "dark")])
def test_a_story_is_read_on_its_colours(which: int, scheme: str) -> None:
    css = (APP / "widgets/story_view/story_view.css").read_text()
    strongest = int(re.findall(r"var\(--much, 0\) \* (\d+)%", css)[0]) / 100
    theme = THEME[scheme]
    for page, colours in itertools.product(grounds(scheme), TOKEN_COLOURS.values()):
        ground = mixed(colours[which], page, strongest)
        assert contrast(theme["textColor"], ground) >= TEXT, ground
    page, ink = theme["backgroundColor"], theme["textColor"]
    for share in re.findall(r"[{ ]color: color-mix\(in srgb, var\(--st-text-color\) (\d+)%", css):
        assert contrast(mixed(ink, page, int(share) / 100), page) >= TEXT, share
    for share in re.findall(r"solid color-mix\(in srgb, var\(--st-text-color\) (\d+)%", css):
        assert contrast(mixed(ink, page, int(share) / 100), page) >= PARTS, share


@pytest.mark.parametrize("which", [0, 1], ids=["light", "dark"])
def test_the_app_s_own_style_is_read(which: int) -> None:
    scheme = ("light", "dark")[which]
    quiet, on_accent, open_menu = [pair[which] for pair in pairs((APP / "main.css").read_text())]
    assert open_menu == THEME[scheme]["primaryColor"]
    assert all(contrast(open_menu, ground) >= TEXT for ground in grounds(scheme))
    assert quiet == (LIGHT, DARK)[which].muted
    assert contrast(on_accent, THEME[scheme]["primaryColor"]) >= TEXT
    for ground in grounds(scheme):  # of a chosen option, tinted by the accent
        tinted = mixed(THEME[scheme]["primaryColor"], ground, 0.12)
        assert contrast(THEME[scheme]["primaryColor"], tinted) >= TEXT


@pytest.mark.parametrize("which", [0, 1], ids=["light", "dark"])
def test_the_report_is_read(which: int) -> None:
    named = dict(re.findall(r"--([\w-]+): (light-dark\([^)]*\));", REPORT))
    colours = {name: pairs(pair)[0][which] for name, pair in named.items()}
    for name in ("text", "muted", "plus", "minus", "other"):
        assert contrast(colours[name], colours["paper"]) >= TEXT, name
    for name in ("ink-plus", "ink-minus"):
        ground = mixed(colours[name], colours["paper"], 0.62)
        assert contrast(colours["text"], ground) >= TEXT
    assert colours["muted"] == (LIGHT, DARK)[which].muted
