#!/usr/bin/env python3
"""Makes the two PDF documents of the handbook, byte for byte the same on every run.

    python3 -m venv .venv && .venv/bin/pip install reportlab==5.1.0
    .venv/bin/python examples/handbook/make_pdf.py

The typeface is Bitstream Vera, which comes with reportlab; its licence allows embedding.
"""

import io
import re
from dataclasses import dataclass
from pathlib import Path

from reportlab.lib.colors import HexColor, white
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    BaseDocTemplate, CondPageBreak, Frame, KeepTogether, PageBreak, PageTemplate, Paragraph, Spacer, Table,
)

import pdf_text

HERE = Path(__file__).resolve().parent
MARGIN = 22 * mm
WIDTH = A4[0] - 2 * MARGIN
INK, PALE, LINE = HexColor("#1d2733"), HexColor("#eef3f6"), HexColor("#c3d0d8")


@dataclass(frozen=True)
class Booklet:
    """One PDF: where it goes, what its title block says, its colour and its words."""

    path: str
    title: str
    subtitle: str
    running_head: str
    colour: HexColor
    text: str


BOOKLETS = [
    Booklet("people/travel-and-expenses.pdf", "Travel and expenses",
            "Policy FI-P-09, version 7. In force from 1 January 2026. Owner: Finance",
            "Fernhaugh Instruments: Travel and expenses", HexColor("#1f5f74"), pdf_text.TRAVEL),
    Booklet("product/installation-guide.pdf", "Tarn Hub H2: installation guide",
            "Document TN-IG-204, revision F, October 2026. For firmware 4.2.0 and later",
            "Tarn Hub H2 installation guide, TN-IG-204 revision F", HexColor("#7a3b2e"), pdf_text.INSTALL),
]


def register_fonts():
    for name, file in [("Vera", "Vera"), ("Vera-Bold", "VeraBd"), ("Vera-Italic", "VeraIt"), ("Vera-BI", "VeraBI")]:
        pdfmetrics.registerFont(TTFont(name, f"{file}.ttf"))
    pdfmetrics.registerFontFamily("Vera", normal="Vera", bold="Vera-Bold", italic="Vera-Italic", boldItalic="Vera-BI")


def styles(colour):
    body = ParagraphStyle("body", fontName="Vera", fontSize=9.3, leading=14, textColor=INK, spaceAfter=6, alignment=TA_LEFT)
    cell = ParagraphStyle("cell", body, fontSize=8.4, leading=11, spaceAfter=0)
    heading = ParagraphStyle("h", body, fontName="Vera-Bold", textColor=colour, spaceAfter=5)
    return {
        "body": body,
        "title": ParagraphStyle("title", heading, fontSize=22, leading=28, spaceAfter=4),
        "subtitle": ParagraphStyle("subtitle", body, fontSize=9, textColor=HexColor("#566573"), spaceAfter=14),
        "h1": ParagraphStyle("h1", heading, fontSize=14, leading=18, spaceBefore=13),
        "h2": ParagraphStyle("h2", heading, fontSize=10.5, leading=14, spaceBefore=8, spaceAfter=3),
        "item": ParagraphStyle("item", body, leftIndent=15, bulletIndent=1, bulletFontName="Vera", bulletFontSize=9.3, spaceAfter=3),
        "box": ParagraphStyle("box", body, fontName="Vera-Italic", backColor=PALE, borderPadding=(7, 9, 8, 9),
                              leftIndent=9, rightIndent=9, spaceBefore=14, spaceAfter=16),
        "caption": ParagraphStyle("caption", cell, fontName="Vera-Bold", textColor=colour, spaceBefore=9, spaceAfter=4),
        "cell": cell,
        "head": ParagraphStyle("head", cell, fontName="Vera-Bold", textColor=white),
    }


def table(lines, style, colour):
    """`|= caption | widths` and rows: a captioned table that is not torn apart by a page break."""
    caption, widths = [part.strip() for part in lines[0][2:].split("|")]
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines[1:]]
    cells = [[Paragraph(cell, style["cell" if number else "head"]) for cell in row] for number, row in enumerate(rows)]
    rules = [("BACKGROUND", (0, 0), (-1, 0), colour), ("LINEBELOW", (0, 1), (-1, -1), 0.4, LINE),
             ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, PALE]), ("VALIGN", (0, 0), (-1, -1), "TOP"),
             ("TOPPADDING", (0, 0), (-1, -1), 3), ("BOTTOMPADDING", (0, 0), (-1, -1), 4)]
    drawn = Table(cells, colWidths=[WIDTH * int(share) / 100 for share in widths.split()], style=rules, hAlign="LEFT")
    return KeepTogether([Paragraph(caption, style["caption"]), drawn, Spacer(1, 9)])


def items(lines, style):
    """A bulleted or numbered list; a line that begins with neither mark continues the item before it."""
    found = []
    for line in lines:
        mark = re.match(r"(-|\d+\.) +(.*)", line)
        if mark:
            found.append(["\u2022" if mark[1] == "-" else mark[1], mark[2]])
        else:
            found[-1][1] += f" {line}"
    return [Paragraph(text, style["item"], bulletText=bullet) for bullet, text in found]


def block(text, style, colour):
    """The flowables of one block of the markup."""
    lines = text.splitlines()
    joined = " ".join(lines)
    if text == "---":
        return [PageBreak()]
    if text.startswith("|="):
        return [table(lines, style, colour)]
    if re.match(r"(-|1\.) ", text):
        return [*items(lines, style), Spacer(1, 4)]
    if text.startswith("#"):
        level = len(text) - len(text.lstrip("#"))
        heading = Paragraph(joined[level + 1:], style[f"h{level}"])
        heading.outline_level = level - 1
        return [CondPageBreak(32 * mm), heading]
    if text.startswith("! "):
        return [Paragraph(joined[2:], style["box"])]
    return [Paragraph(joined, style["body"])]


class Document(BaseDocTemplate):
    """A4 pages with a running head, page numbers and an outline of the headings."""

    def __init__(self, target, booklet, page_count):
        super().__init__(target, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=26 * mm,
                         bottomMargin=24 * mm, title=booklet.title, author="Fernhaugh Instruments",
                         subject=booklet.subtitle, lang="en-GB", invariant=1, pageCompression=1)
        self.booklet, self.page_count = booklet, page_count
        frame = Frame(MARGIN, self.bottomMargin, WIDTH, A4[1] - self.topMargin - self.bottomMargin,
                      leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)
        self.addPageTemplates(PageTemplate("page", [frame], onPage=self.draw_head, onPageEnd=self.draw_foot))

    def draw_head(self, canvas, _document):
        canvas.setFillColor(self.booklet.colour)
        canvas.rect(0, A4[1] - 5 * mm, A4[0], 5 * mm, stroke=0, fill=1)
        if canvas.getPageNumber() > 1:
            canvas.setFont("Vera", 7.5)
            canvas.drawString(MARGIN, A4[1] - 16 * mm, self.booklet.running_head)

    def draw_foot(self, canvas, _document):
        canvas.setFont("Vera", 7.5)
        canvas.setFillColor(INK)
        canvas.drawRightString(A4[0] - MARGIN, 13 * mm, f"Page {canvas.getPageNumber()} of {self.page_count}")

    def afterFlowable(self, flowable):  # noqa: N802, the name is reportlab's
        level = getattr(flowable, "outline_level", None)
        if level is not None:
            key = f"h{self.seq.nextf('outline')}"
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(flowable.getPlainText(), key, level, closed=False)


def story(booklet):
    style = styles(booklet.colour)
    flowables = [Paragraph(booklet.title, style["title"]), Paragraph(booklet.subtitle, style["subtitle"])]
    for text in re.split(r"\n\s*\n", booklet.text.strip()):
        flowables.extend(block(text, style, booklet.colour))
    return flowables


def refuse_missing_glyphs(booklet):
    """A character the typeface does not have would become a box in print and nothing in the text."""
    known = pdfmetrics.getFont("Vera").face.charToGlyph
    missing = sorted({character for character in booklet.text if character > " " and ord(character) not in known})
    if missing:
        raise SystemExit(f"error: {booklet.path} uses characters that Vera does not have: {' '.join(missing)}")


def render(booklet):
    """The bytes of the PDF and its pages; the first pass only counts the pages for the foot."""
    page_count = 0
    for _ in range(2):
        target = io.BytesIO()
        document = Document(target, booklet, page_count)
        document.build(story(booklet))
        page_count = document.page
    return target.getvalue(), page_count


def main():
    register_fonts()
    for booklet in BOOKLETS:
        refuse_missing_glyphs(booklet)
        content, page_count = render(booklet)
        (HERE / booklet.path).write_bytes(content)
        print(f"{booklet.path}: {page_count} pages, {len(content):,} bytes")


if __name__ == "__main__":
    main()
