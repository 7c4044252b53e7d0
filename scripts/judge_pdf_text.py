#!/usr/bin/env python3
"""Compares the text that is read from PDFs with pdftotext's (Debian: poppler-utils), page by page.

usage: scripts/judge_pdf_text.py READER FILE_OR_FOLDER...

READER is the program `docent`, or the word `pdfium` for Google's reader (PyPI: pypdfium2), to see how it would do.

Word F1: the pages' words as bags, after NFKC and lower case, words broken at line ends joined, Chinese, Japanese and
Korean by the character. Order: how many of pdftotext's pairs of neighbouring words are neighbours in ours; the better of its two
orders (as drawn, as laid out) counts. A file's figures are the means over its pages of at least 20 words; files that Docent refuses
or where pdftotext finds fewer words are named and not counted. CPU time is the reader's alone: of Docent all of `docent parse`, of
pdfium opening the file and taking the text of its pages.
"""

import collections
import json
import pathlib
import re
import resource
import subprocess
import sys
import unicodedata

WORD = re.compile(r"[\u2e80-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]|[^\W_]+")
WORDS_MIN = 20


def words(text):
    text = unicodedata.normalize("NFKC", text).replace("\u00ad", "")
    text = re.sub(r"(?<=\w)[-\u2010]\s*\n\s*(?=[a-z])", "", text)
    return WORD.findall(text.lower())


def pdftotext(path, *options):
    run = subprocess.run(["pdftotext", *options, str(path), "-"], capture_output=True, check=False)
    return [words(page) for page in run.stdout.decode("utf-8", "replace").split("\f")]


# It puts U+FFFE where it has joined a word that was broken at a line's end.
PDFIUM = """
import json, sys, time, pypdfium2
begun = time.process_time()
try:
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(sys.argv[1])]
    print(json.dumps({"pages": [{"text": text.replace("\\ufffe", "")} for text in pages], "reason": None, "cpu": time.process_time() - begun}))
except pypdfium2.PdfiumError as error:
    print(json.dumps({"pages": [], "reason": str(error), "cpu": 0}))
"""


def children_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read(reader, path):
    """Words of each page, why there are none, and the seconds it took."""
    before = children_cpu()
    command = [sys.executable, "-c", PDFIUM] if reader == "pdfium" else [reader, "parse", "--json"]
    parsed = json.loads(subprocess.run([*command, str(path)], capture_output=True, check=False).stdout)
    return [words(page["text"]) for page in parsed["pages"]], parsed["reason"], parsed.get("cpu", children_cpu() - before)


def f1(ours, theirs):
    common = sum((collections.Counter(ours) & collections.Counter(theirs)).values())
    return 2 * common / (len(ours) + len(theirs))


def order(ours, theirs):
    pairs = collections.Counter(zip(theirs, theirs[1:]))
    common = sum((pairs & collections.Counter(zip(ours, ours[1:]))).values())
    return common / max(1, sum(pairs.values()))


def judge(reader, path):
    pages, reason, cpu = read(reader, path)
    if reason:
        return None, reason, 0, 0
    drawn, laid = pdftotext(path, "-raw"), pdftotext(path)
    figures = []
    for mine, *theirs in zip(pages, drawn, laid):
        if len(theirs[0]) >= WORDS_MIN:
            figures.append((f1(mine, theirs[0]), max(order(mine, reference) for reference in theirs)))
    if not figures:
        return None, "pdftotext finds too few words", 0, 0
    return [sum(column) / len(figures) for column in zip(*figures)], f"{len(figures)} pages", len(pages), cpu


def main():
    reader, *places = sys.argv[1:]
    files = []
    for place in map(pathlib.Path, places):
        files += sorted(place.rglob("*.pdf")) if place.is_dir() else [place]
    total, pages, seconds = [], 0, 0
    for path in files:
        figures, note, count, cpu = judge(reader, path)
        if figures:
            total.append(figures)
            pages, seconds = pages + count, seconds + cpu
            print(f"{figures[0]:.3f}  {figures[1]:.3f}  {path.name}  ({note})")
        else:
            print(f"    -      -  {path.name}  ({note})")
    if total:
        means = [sum(column) / len(total) for column in zip(*total)]
        print(f"{means[0]:.3f}  {means[1]:.3f}  mean of {len(total)} files, {pages / seconds:.0f} pages per CPU second")


if __name__ == "__main__":
    main()
