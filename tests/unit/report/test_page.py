"""A page needs nothing but itself, and shows texts as they are."""

import re

import pytest
from PIL import Image

from idm.report import (
    Card,
    Cards,
    Fold,
    Group,
    LabelledPictures,
    Page,
    Paragraph,
    Picture,
    SideBySide,
    Table,
    bound_by_timestep,
)
from idm.report.figures import raster
from idm.report.preformatted import Preformatted

NASTY = "<script>alert('x')</script> & \"q\""
PIXELS = Image.new("L", (3, 2), 7)


def whole_page(text):
    page = Page(text, text)
    page.section(
        text,
        Paragraph(text),
        Picture(PIXELS, text, text),
        Picture(bound_by_timestep([1.0], [0.1], [0]), text),
        LabelledPictures([(text, PIXELS)], text, text, across=True),
        Table([(text, "1"), (text, "2")], header=(text, text)),
        SideBySide([Cards([Card(text, text, text)])]),
    )
    return page


def test_every_text_is_escaped():
    html = whole_page(NASTY).html()
    assert "<script" not in html
    assert "alert('" not in html
    assert html.count("&lt;script&gt;") > 10


def test_a_page_asks_for_nothing_from_elsewhere():
    html = whole_page("text").html()
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'src="([^"]*)"', html))
    assert not re.search(r"<link|<script|url\(|@import|https?://|href=", html)


def test_pictures_say_their_size_and_what_is_seen():
    html = Picture(PIXELS, "three by two").html()
    assert 'alt="three by two" width="3" height="2"' in html


def test_numbers_are_set_like_numbers_but_the_first_column_never_is():
    html = Table([("1", "2", "a"), ("3", "4", "5")]).html()
    assert html.count('<td class="number">') == 2


@pytest.mark.parametrize("old", [None, "old"])
def test_the_file_is_the_document_in_utf_8(tmp_path, old):
    path = tmp_path / "page.html"
    if old is not None:
        path.write_text(old)
    page = Page("é ε", "±")
    assert page.write(path).read_bytes().decode() == page.html()
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]


def test_the_list_of_sections_leads_to_each_of_them():
    page = Page("title", "lead", has_contents=True)
    for heading in (NASTY, "two"):
        page.section(heading, Paragraph("text"))
    links = re.findall(r'<a href="([^"]*)">([^<]*)</a>', page.html())
    assert [name for _, name in links] == [
        "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;q&quot;",
        "two",
    ]
    assert all(f'<section id="{link.removeprefix("#")}">' in page.html() for link, _ in links)
    assert "<nav>" not in Page("title", "lead").section("two").html()


def test_what_holds_blocks_yields_what_is_drawn_in_them():
    one, two, three = (Image.new("L", (width, 1)) for width in (1, 2, 3))
    inner = [Picture(one, "one"), Group("g", [LabelledPictures([("x", two)], "two")]), Fold("f", [Picture(three, "f")])]
    found = list(SideBySide([*inner, Paragraph("text")]).drawn())
    assert [(name, picture.size) for name, picture in found] == [("one", (1, 1)), ("two: x", (2, 1)), ("f", (3, 1))]


def test_a_picture_of_many_bytes_is_embedded_as_one_of_few_and_a_small_one_as_it_is():
    noise = Image.effect_noise((900, 900), 90)
    large, small = Picture(noise, "noise").html(), Picture(PIXELS, "few").html()
    assert "data:image/png;base64," in small
    assert "data:image/webp;base64," in large
    assert 'width="900" height="900"' in large
    assert len(large) < len(noise.tobytes())  # noise, which no PNG makes smaller


def test_a_figure_that_was_made_a_picture_is_as_large_as_one_that_was_not():
    figure = bound_by_timestep([1.0], [0.1], [0])
    wide, high = figure.get_size_inches()
    size = f'width="{round(96 * wide)}" height="{round(96 * high)}"'  # 96 pixels of a page are an inch
    assert size in Picture(figure, "figure").html()
    assert size in Picture(raster(figure), "picture").html()


def test_numbers_may_have_a_sign():
    html = Table([("a", "-1.5", "-"), ("b", "+2", "1")]).html()
    assert html.count('<td class="number">') == 2


def test_lines_that_are_formatted_stay_lines():
    assert "<pre>a: 1\n  b: &lt;2</pre>" in Preformatted("a: 1\n  b: <2").html()


def test_what_is_folded_away_is_printed():
    printed = (
        Page("Title", "Lead").section("Heading", Fold("More", [Paragraph("inner")])).html().partition("@media print")[2]
    )
    hidden = re.findall(r"([^{}]*)\{ *display: none; *\}", printed)
    assert [name.strip() for name in hidden] == ["nav"]
    assert re.search(r"details::details-content \{[^}]*content-visibility: visible", printed)
    assert "inner" in printed
