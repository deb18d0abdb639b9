"""A self-contained HTML page: no scripts, no requests, every picture embedded, light and dark."""

from html import escape
from pathlib import Path

from idm.core.files import write_atomically
from idm.core.text import printable
from idm.report.blocks import Block

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #22262b; --muted: #646d78; --rule: #e1e5ea;
  --raised: #f6f7f9; --accent: #0067a3; }
@media (prefers-color-scheme: dark) { :root { --paper: #16191d; --ink: #e3e6ea; --muted: #9aa4af; --rule: #30363d;
  --raised: #1e2227; --accent: #6fb8e6; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.0625rem/1.6 system-ui, -apple-system,
  "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 3.5rem 1.5rem 5rem; }
h1 { margin: 0 0 .75rem; font-size: 2.125rem; line-height: 1.2; letter-spacing: -.015em; text-wrap: balance; }
h2 { margin: 0 0 .75rem; font-size: 1.375rem; line-height: 1.3; letter-spacing: -.01em; }
section { margin-top: 3rem; padding-top: 2rem; border-top: 1px solid var(--rule); }
p { max-width: 44rem; margin: 0 0 1rem; text-wrap: pretty; }
.lead { font-size: 1.1875rem; color: var(--muted); }
figure { margin: 1.5rem 0; }
figcaption { max-width: 44rem; margin-top: .6rem; font-size: .9rem; line-height: 1.45; color: var(--muted); }
img { display: block; max-width: 100%; height: auto; }
.pixels { image-rendering: pixelated; }
.drawing { background: #fff; border-radius: 6px; }
@media (prefers-color-scheme: dark) { .drawing { padding: .5rem; filter: brightness(.9); } }
.beside .pixels { image-rendering: auto; }
h3 { margin: 1.5rem 0 .5rem; font-size: 1.0625rem; line-height: 1.35; overflow-wrap: anywhere; }
nav { columns: 12rem; column-gap: 1.5rem; margin-top: 1.75rem; font-size: .95rem; }
nav a { display: block; break-inside: avoid; padding: .2rem 0; color: var(--accent); text-decoration: none; }
nav a:hover { text-decoration: underline; }
details { margin: 1rem 0; }
summary { cursor: pointer; color: var(--accent); font-size: .95rem; }
.down { display: grid; grid-template-columns: auto minmax(0, 1fr); align-items: center; }
.down .item { display: contents; }
.down span { padding-right: .75rem; text-align: right; }
.down .item + .item img { border-top: 2px solid #808080; }
.across { display: flex; gap: .75rem; }
.across .item { display: flex; flex-direction: column-reverse; min-width: 0; }
.across span { padding-top: .35rem; text-align: center; }
.item span { font-size: .85rem; line-height: 1.3; color: var(--muted); font-variant-numeric: tabular-nums; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, var(--least)), 1fr)); gap: 0 1.5rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(12.5rem, 1fr)); gap: .75rem; margin: 1.5rem 0; }
.cards div { padding: 1rem 1.1rem; background: var(--raised); border-radius: 8px; }
.cards dd { margin: 0; font-size: 1.625rem; font-weight: 600; line-height: 1.25; color: var(--accent);
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.cards small { white-space: nowrap; font-size: .95rem; font-weight: 400; color: var(--muted); }
.cards dt { margin-top: .2rem; font-size: .875rem; line-height: 1.4; color: var(--muted); }
.scroll { overflow-x: auto; margin: 1.5rem 0; }
table { border-collapse: collapse; font-size: .95rem; line-height: 1.45; }
th, td { padding: .4rem 1.4rem .4rem 0; border-bottom: 1px solid var(--rule); text-align: left;
  vertical-align: baseline; }
th { font-weight: 600; color: var(--muted); }
td:first-child { color: var(--muted); }
th:last-child, td:last-child { padding-right: 0; }
.short { white-space: nowrap; }
.long { min-width: 17rem; }
.noted { font-size: .9rem; }
.noted :is(th, td):not(:last-child) { padding-right: 1.1rem; }
.number { white-space: nowrap; text-align: right; font-variant-numeric: tabular-nums; }
@media screen and (max-width: 60rem) { .long { min-width: 12rem; }
  .noted, .noted tbody, .noted tr, .noted td { display: block; } .noted thead, .noted td:empty { display: none; }
  .noted tr { padding: .6rem 0; border-bottom: 1px solid var(--rule); } .noted td:first-child { font-weight: 600; }
  .noted tr td { padding: .1rem 0; border: 0; text-align: left; white-space: normal; }
  .noted td + td::before { content: attr(data-column) ": "; color: var(--muted); } }
@media (max-width: 40rem) { main { padding: 2rem 1rem 3rem; } h1 { font-size: 1.625rem; }
  .cards dd { font-size: 1.3rem; } .cards { grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); }
  figure:has(.wide) { overflow-x: auto; } .wide { max-width: none; width: 46rem; }
  figure:has(.wide)::after { content: "Wider than the page: move it to the side."; display: block; position: sticky;
    left: 0; width: max-content; font-size: .8rem; color: var(--muted); } .pixels { image-rendering: auto; } }
@media print { section { margin-top: 1.5rem; padding-top: 1rem; } figure, tr, .cards div { break-inside: avoid; }
  h2, h3 { break-after: avoid; } nav { display: none; }
  details::details-content { display: block; block-size: auto; content-visibility: visible; } }
"""


class Page:
    """A page that grows section by section."""

    def __init__(self, title: str, lead: str, *, has_contents: bool = False) -> None:
        """Start a page.

        Args:
            title: heading of the page, and its name in the browser.
            lead: one or two sentences on what is shown.
            has_contents: list the sections at the top.
        """
        self.title = title
        self.lead = lead
        self._has_contents = has_contents
        self._headings: list[str] = []
        self._sections: list[str] = []

    def section(self, heading: str, *blocks: Block) -> "Page":
        """Add a section and return the page."""
        body = "\n".join(block.html() for block in blocks)
        place = f' id="section-{len(self._headings) + 1}"' if self._has_contents else ""
        self._headings.append(heading)
        self._sections.append(f"<section{place}>\n<h2>{escape(heading)}</h2>\n{body}\n</section>")
        return self

    def html(self) -> str:
        """Return the whole document."""
        sections = "\n".join(self._sections)
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(self.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n"
            f'<h1>{escape(self.title)}</h1>\n<p class="lead">{escape(self.lead)}</p>\n'
            f"{self._contents()}</header>\n"
            f"{sections}\n</main>\n</body>\n</html>\n"
        )

    def _contents(self) -> str:
        """List the sections, which are on this page; nothing where that is not wanted."""
        if not self._has_contents:
            return ""
        links = (f'<a href="#section-{i}">{escape(heading)}</a>' for i, heading in enumerate(self._headings, start=1))
        return f"<nav>{''.join(links)}</nav>\n"

    def write(self, path: str | Path) -> Path:
        """Write the document atomically, UTF-8, without marks that change the direction of reading and the like."""
        return write_atomically(path, "\n".join(map(printable, self.html().split("\n"))).encode())
