#!/usr/bin/env python3
"""Compares the text Docent reads from PDFs with pdftotext's (Debian: poppler-utils), page by page.

usage: scripts/judge_pdf_text.py DOCENT FILE_OR_FOLDER...

Word F1: the pages' words as bags, after NFKC and lower case, words broken at line ends joined, Chinese, Japanese and
Korean by the character. Order: how many of pdftotext's pairs of neighbouring words are neighbours in ours; the better of its two
orders (as drawn, as laid out) counts. A file's figures are the means over its pages of at least 20 words; files that Docent refuses
or where pdftotext finds fewer words are named and not counted.
"""

import collections
import json
import pathlib
import re
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


def ours(docent, path):
    run = subprocess.run([docent, "parse", "--json", str(path)], capture_output=True, check=False)
    parsed = json.loads(run.stdout)
    return [words(page["text"]) for page in parsed["pages"]], parsed["reason"]


def f1(ours, theirs):
    common = sum((collections.Counter(ours) & collections.Counter(theirs)).values())
    return 2 * common / (len(ours) + len(theirs))


def order(ours, theirs):
    pairs = collections.Counter(zip(theirs, theirs[1:]))
    common = sum((pairs & collections.Counter(zip(ours, ours[1:]))).values())
    return common / max(1, sum(pairs.values()))


def judge(docent, path):
    pages, reason = ours(docent, path)
    if reason:
        return None, reason
    drawn, laid = pdftotext(path, "-raw"), pdftotext(path)
    figures = []
    for mine, *theirs in zip(pages, drawn, laid):
        if len(theirs[0]) >= WORDS_MIN:
            figures.append((f1(mine, theirs[0]), max(order(mine, reference) for reference in theirs)))
    if not figures:
        return None, "pdftotext finds too few words"
    return [sum(column) / len(figures) for column in zip(*figures)], f"{len(figures)} pages"


def main():
    docent, *places = sys.argv[1:]
    files = []
    for place in map(pathlib.Path, places):
        files += sorted(place.rglob("*.pdf")) if place.is_dir() else [place]
    total = []
    for path in files:
        figures, note = judge(docent, path)
        if figures:
            total.append(figures)
            print(f"{figures[0]:.3f}  {figures[1]:.3f}  {path.name}  ({note})")
        else:
            print(f"    -      -  {path.name}  ({note})")
    if total:
        means = [sum(column) / len(total) for column in zip(*total)]
        print(f"{means[0]:.3f}  {means[1]:.3f}  mean of {len(total)} files")


if __name__ == "__main__":
    main()
