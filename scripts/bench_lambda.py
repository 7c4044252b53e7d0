#!/usr/bin/env python3
"""Cold start, memory and warm calls of the Lambda functions, on this machine.

usage: bench_lambda.py FOLDER [--starts N] [--calls N]

FOLDER holds the programs `api` and `worker`, and `docent`, which makes the index. The functions run against ministack's
DynamoDB and a stand-in for the model that answers at once; their events come from a runtime interface of our own. CPU time
is that of the function's process (user and system), memory its largest resident set. No sandbox start and no download of
code is included.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from lambda_here import ROOT, Function, Handler, Invoked, answered, make_table, serve, start_ministack, surroundings, url_event

DIMENSION = 384


class Model(Handler):
    """Embeds everything alike and answers with the first sentence of its first passage."""

    def do_POST(self):
        body = json.loads(self.body())
        if self.path.endswith("/embeddings"):
            vector = [1 / DIMENSION**0.5] * DIMENSION
            data = [{"index": n, "embedding": vector} for n, _ in enumerate(body["input"])]
            answer = {"data": data, "model": body["model"], "usage": {"prompt_tokens": 8, "total_tokens": 8}}
        else:
            statement = {"text": "It says so.", "quotes": [{"passage": 1, "quote": "the hub"}]}
            content = json.dumps({"statements": [statement], "missing": None})
            choice = {"index": 0, "message": {"content": content}, "finish_reason": "stop"}
            answer = {"choices": [choice], "usage": {"prompt_tokens": 900, "completion_tokens": 20, "total_tokens": 920}}
        self.reply(200, json.dumps(answer).encode(), [("content-type", "application/json")])


def cpu_ms(function):
    """In nanoseconds from the scheduler, of all threads; the accounting in ticks is too coarse for one call."""
    tasks = pathlib.Path(f"/proc/{function.process.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6


def peak_mib(function):
    status = pathlib.Path(f"/proc/{function.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def make_index(docent, folder, model_url):
    """The product part of the handbook: some 30 chunks, embedded by the stand-in."""
    environment = {**os.environ, "OPENAI_BASE_URL": model_url, "DOCENT_EMBEDDER": "openai", "DOCENT_OPENAI_EMBEDDING_DIMENSION": str(DIMENSION)}
    command = [docent, "--data", folder, "ingest", ROOT / "examples/handbook/product", "--json"]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return pathlib.Path(folder) / "index"


def median(values):
    return statistics.median(values)


def measure(name, program, environment, make_event, starts, calls):
    cold, wall, peak, warm = [], [], [], []
    for _ in range(starts):
        event, began = make_event(), time.perf_counter()
        function = Function([program], environment)
        function.call(event)
        wall.append((time.perf_counter() - began) * 1000)
        cold.append(cpu_ms(function))
        before = cpu_ms(function)
        for _ in range(calls):
            function.call(make_event())
        warm.append((cpu_ms(function) - before) / calls)
        peak.append(peak_mib(function))
        function.stop()
    print(f"{name}: start to first answer {median(cold):.1f} ms CPU ({median(wall):.0f} ms wall), "
          f"warm {median(warm):.2f} ms CPU, peak {median(peak):.1f} MiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--calls", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ministack, port = start_ministack(folder)
        try:
            run(options, folder, port)
        finally:
            ministack.terminate()
            ministack.wait()


def run(options, folder, port):
    make_table(port)
    model = serve(Model)
    model_url = f"http://127.0.0.1:{model.server_port}/v1"
    index = make_index(options.folder / "docent", folder, model_url)
    environment = {
        **surroundings(port, serve(Invoked)),
        "DOCENT_INDEX": str(index), "TMPDIR": folder,
        "OPENAI_BASE_URL": model_url, "OPENAI_API_KEY": "sk-bench", "DOCENT_EMBEDDER": "openai",
        "DOCENT_OPENAI_EMBEDDING_DIMENSION": str(DIMENSION)}
    api, worker = options.folder / "api", options.folder / "worker"
    question = {"query_text": "What does error E-417 mean?", "user_id": "bench"}

    def submit():
        return url_event("POST", "/submit_query", question)

    asking = Function([api], environment)

    def work():
        return {"version": 1, "query_id": answered(asking.call(submit()))["query_id"]}

    measure("API, submit", api, environment, submit, options.starts, options.calls)
    read = url_event("GET", f"/get_query?query_id={work()['query_id']}")
    measure("API, get", api, environment, lambda: read, options.starts, options.calls)
    measure("worker", worker, environment, work, options.starts, options.calls)
    asking.stop()


if __name__ == "__main__":
    main()
