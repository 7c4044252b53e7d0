#!/usr/bin/env python3
"""Prints how often the passage that answers a question is among the first five that a search finds.

usage: eval_passages.py DOCENT FOLDER

FOLDER holds any of `uda_pdf` and `wiki_html` (documents, questions about one document each, with gold pages or passages) and
`chunking_eval` (texts, questions about any of them, with gold spans). Documents go through `docent ingest` into a data
folder of their own, questions through `/v1/search` of `docent serve`, with the settings that everybody has.

For `chunking_eval` the same texts are also cut into pieces of 200 and of 400 tokens, whatever they say, and each piece is taken
in as a document: only the cutting differs. Recall is the share of the gold characters, white space not counted, that chunks
hold: the first five, with the tokens that they have; and those that fit into 1,000 tokens, which is fair to short ones. After:
Smith and Troynikov, "Evaluating Chunking Strategies for Retrieval", Chroma, 2024.
"""

import itertools
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unicodedata
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOP = 5
BUDGET = 1_000
VOCABULARY = set((ROOT / "models/minilm/vocab.txt").read_text(encoding="utf-8").splitlines())


def tokens_of(word):
    """How many WordPiece tokens the bundled model sees in a word: the longest known pieces, from the left."""
    word, count = word.lower(), 0
    prefix = ""
    while word:
        length = next((n for n in range(len(word), 0, -1) if prefix + word[:n] in VOCABULARY), 0)
        if not length:
            return 1
        word, prefix, count = word[length:], "##", count + 1
    return count


def count_tokens(text):
    return sum(tokens_of(word) for word in re.findall(r"\w+|[^\w\s]", text))


def pieces(text, limit):
    """The text in runs of at most so many tokens, words whole."""
    start = end = count = 0
    for word in re.finditer(r"\w+|[^\w\s]", text):
        cost = tokens_of(word.group())
        if count + cost > limit:
            yield text[start:end]
            start, count = word.start(), 0
        count, end = count + cost, word.end()
    yield text[start:]


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def plain(text):
    """What a file and its stored text agree on: not spaces, quotes, tags, marks of Markdown or numbers of notes."""
    text = re.sub(r"<\w+>|\[\s*(\d+|[a-z]|citation needed)\s*\]", "", text)
    return re.sub(r"[\s\u00ad`'\u2018\u2019\"\u201c\u201d*_#|\\]+", "", unicodedata.normalize("NFKC", text)).lower()


class Docent:
    """A server on documents of its own."""

    def __init__(self, program, documents, **settings):
        self.folder = tempfile.TemporaryDirectory()
        variables = {"HOME": self.folder.name, "PATH": os.defpath, "DOCENT_DATA": self.folder.name + "/data", **settings}
        ingest = [program, "ingest", "--json", "."]
        subprocess.run(ingest, cwd=documents, env=variables, check=True, capture_output=True)
        # What it calls a document begins with the folder's own name.
        self.prefix = pathlib.Path(documents).name + "/"
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = "127.0.0.1:%d" % free.getsockname()[1]
        self.url = f"http://{address}"
        self.server = subprocess.Popen(
            [program, "serve", "--listen", address], env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while True:
            try:
                urllib.request.urlopen(self.url + "/readyz")
                return
            except OSError:
                time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()
        self.folder.cleanup()

    def search(self, query, document=None, most=TOP):
        body = {"query": query, "max_num_results": most}
        if document:
            body["filters"] = {"type": "eq", "key": "filename", "value": self.prefix + document}
        request = urllib.request.Request(
            self.url + "/v1/search", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            hits = json.load(answer)["data"]
        return [{**hit, "filename": hit["filename"].removeprefix(self.prefix)} for hit in hits]


def report(name, found, asked):
    print(f"{name}: {found} of {asked} ({found / asked:.2f})")


def gold_pages(program, folder):
    questions = [one for one in read_lines(folder / "questions.jsonl") if one["answerable"] and one["evidence"]]
    with Docent(program, folder / "docs") as docent:
        for scope in ("its document", "all documents"):
            found = 0
            for one in questions:
                hits = docent.search(one["text"], one["document"] if scope == "its document" else None)
                pages = {hit["page_number"] for hit in hits if hit["filename"] == one["document"]}
                found += any(gold["page"] in pages for gold in one["evidence"])
            report(f"{folder.name}: gold page in the top {TOP} of {scope}", found, len(questions))


def gold_passages(program, folder):
    questions = [one for one in read_lines(folder / "questions.jsonl") if one["answerable"] and one.get("passage")]
    with Docent(program, folder / "docs") as docent:
        for scope in ("its document", "all documents"):
            found = 0
            for one in questions:
                hits = docent.search(one["text"], one["document"] if scope == "its document" else None)
                found += any(shares_passage(plain(hit["text"]), plain(one["passage"])) for hit in hits)
            report(f"{folder.name}: gold passage in the top {TOP} of {scope}", found, len(questions))


def shares_passage(chunk, passage):
    """True if a third of the passage, in one run, is in the chunk: a passage may be cut in two, and is spelt with spaces of its own."""
    size = max(20, len(passage) // 3)
    return any(passage[at : at + size] in chunk for at in range(0, max(1, len(passage) - size + 1), 10))


def covered(document, hits):
    """Where in a document, by places in its plain text, the chunks are."""
    places = set()
    for hit in hits:
        # A chunk may have lost a mark at its edges: lines of it are looked for.
        for line in filter(None, map(plain, hit["text"].split("\n"))):
            at = document.find(line)
            if at >= 0:
                places.update(range(at, at + len(line)))
    return places


def chunking(program, folder):
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted((folder / "docs").iterdir())}
    questions = read_lines(folder / "questions.jsonl")
    with Docent(program, folder / "docs") as docent:
        spans(f"{folder.name}, chunks of Docent", docent, texts, questions, lambda filename: filename)
    for size in (200, 400):
        with tempfile.TemporaryDirectory() as cut:
            for name, text in texts.items():
                for number, piece in enumerate(pieces(text, size)):
                    if piece.strip():
                        path = pathlib.Path(cut) / name / f"{number:05}.txt"
                        path.parent.mkdir(exist_ok=True)
                        path.write_text(piece, encoding="utf-8")
            # So that each piece stays whole.
            with Docent(program, cut, DOCENT_CHUNK_TOKENS="600") as docent:
                spans(f"{folder.name}, every {size} tokens", docent, texts, questions, lambda filename: filename.split("/")[0])


def spans(name, docent, texts, questions, source):
    compact = {name: plain(text) for name, text in texts.items()}
    first, fitting, tokens, chunks = 0, 0, 0, 0
    for one in questions:
        hits = docent.search(one["text"], most=20)
        sizes = [count_tokens(hit["text"]) for hit in hits]
        gold = set()
        for reference in one["references"]:
            start = len(plain(texts[one["document"]][: reference["start"]]))
            gold.update(range(start, start + len(plain(reference["text"]))))

        def recall(taken):
            mine = [hit for hit in taken if source(hit["filename"]) == one["document"]]
            return len(gold & covered(compact[one["document"]], mine)) / len(gold)

        first += recall(hits[:TOP])
        fitting += recall([hit for hit, until in zip(hits, itertools.accumulate(sizes)) if until <= BUDGET])
        tokens += sum(sizes[:TOP])
        chunks += len(hits[:TOP])
    asked = len(questions)
    print(
        f"{name}: recall {first / asked:.3f} in the top {TOP}, {tokens / asked:.0f} tokens, {tokens / chunks:.0f} a chunk; "
        f"{fitting / asked:.3f} within {BUDGET} tokens"
    )


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, folder = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    for name, judge in {"uda_pdf": gold_pages, "wiki_html": gold_passages, "chunking_eval": chunking}.items():
        if (folder / name).is_dir():
            judge(program, folder / name)
        else:
            print(f"skipped: there is no {folder / name}")


main()
