"""A page needs nothing but itself, and shows texts as they are."""

import re

import pytest
from PIL import Image

from idm.report import Card, Cards, LabelledPictures, Page, Paragraph, Picture, SideBySide, Table, bound_by_timestep

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
