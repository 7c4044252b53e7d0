#!/usr/bin/env python3
"""Cold start, memory and warm calls of the Lambda functions, on this machine.

usage: bench_lambda.py FOLDER [--starts N] [--calls N]

FOLDER holds the programs `api` and `worker`, and `docent`, which makes the index. The functions run against ministack's
DynamoDB and a stand-in for the model that answers at once; their events come from a runtime interface of our own. CPU time
is that of the function's process (user and system), memory its largest resident set. No sandbox start and no download of
code is included.
"""
import argparse
import http.client
import json
import os
import pathlib
import queue
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUNTIME = "/2018-06-01/runtime/"
DIMENSION = 384


class Handler(BaseHTTPRequestHandler):
    """Keeps connections open, and sends head and body in one write."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def body(self):
        if "chunked" not in (self.headers.get("transfer-encoding") or ""):
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # A function that has been measured is stopped, and its connections break off.
        if not isinstance(sys.exc_info()[1], ConnectionResetError):
            super().handle_error(request, client_address)


def serve(handler):
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


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


class Invoked(Handler):
    """Lambda's Invoke, for the API: takes every event."""

    def do_POST(self):
        self.body()
        self.reply(202, b"")


class Function:
    """One process of a function, and the runtime interface that it asks for events."""

    def __init__(self, program, environment):
        self.events, self.answers = queue.Queue(), queue.Queue()
        function = self

        class Runtime(Handler):
            def do_GET(self):
                request_id, event = function.events.get()
                deadline = int(time.time() * 1000) + 60_000
                self.reply(200, event, [
                    ("content-type", "application/json"), ("lambda-runtime-aws-request-id", request_id),
                    ("lambda-runtime-deadline-ms", str(deadline)), ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e8"),
                    ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:111111111111:function:bench")])

            def do_POST(self):
                function.answers.put((self.path.rsplit("/", 1)[1], self.body()))
                self.reply(202, b"{}")

        self.server = serve(Runtime)
        runtime = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}", "AWS_LAMBDA_FUNCTION_NAME": "bench",
                   "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                   "AWS_LAMBDA_LOG_GROUP_NAME": "bench", "AWS_LAMBDA_LOG_STREAM_NAME": "bench"}
        self.process = subprocess.Popen([program], env={**environment, **runtime}, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def call(self, event):
        self.events.put((f"{time.time_ns():032x}", json.dumps(event).encode()))
        kind, body = self.answers.get(timeout=60)
        if kind != "response":
            sys.exit(f"the function failed: {body.decode(errors='replace')}")
        return body

    def cpu_ms(self):
        """In nanoseconds from the scheduler, of all threads; the accounting in ticks is too coarse for one call."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6

    def peak_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.server.shutdown()
        self.server.server_close()


def url_event(method, path, body=None):
    event = {"version": "2.0", "routeKey": "$default", "rawPath": path.split("?")[0],
             "rawQueryString": path.partition("?")[2], "headers": {"content-type": "application/json", "host": "bench"},
             "requestContext": {"accountId": "anonymous", "apiId": "bench", "domainName": "bench", "domainPrefix": "bench",
                                "requestId": "bench", "routeKey": "$default", "stage": "$default",
                                "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1767225600000,
                                "http": {"method": method, "path": path.split("?")[0], "protocol": "HTTP/1.1",
                                         "sourceIp": "127.0.0.1", "userAgent": "bench"}},
             "isBase64Encoded": False}
    if body is not None:
        event["body"] = json.dumps(body)
    return event


def answered(body):
    """The JSON of a streamed answer: its prelude ends with eight zero bytes."""
    return json.loads(body.split(b"\0" * 8, 1)[-1])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_ministack(folder):
    tools = os.environ.get("DOCENT_TOOLS") or pathlib.Path.home() / ".cache/docent/tools"
    port = free_port()
    environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    process = subprocess.Popen([f"{tools}/python/bin/ministack"], env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=5)
            return process, port
        except OSError:
            time.sleep(0.1)
    sys.exit("ministack does not start")


def make_table(port):
    def key(name, kind):
        return {"AttributeName": name, "KeyType": kind}

    def attribute(name, kind):
        return {"AttributeName": name, "AttributeType": kind}

    def index(name, hash_key):
        return {"IndexName": name, "KeySchema": [key(hash_key, "HASH"), key("create_time", "RANGE")],
                "Projection": {"ProjectionType": "ALL"}}

    body = {"TableName": "queries", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [key("query_id", "HASH")],
            "AttributeDefinitions": [attribute("query_id", "S"), attribute("user_id", "S"), attribute("open", "S"),
                                     attribute("create_time", "N")],
            "GlobalSecondaryIndexes": [index("queries_by_user_id", "user_id"), index("open_queries", "open")]}
    scope = "AWS4-HMAC-SHA256 Credential=111111111111/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/", json.dumps(body), {
        "content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.CreateTable", "authorization": scope})
    answer = connection.getresponse()
    if answer.status != 200:
        sys.exit(f"no table: {answer.read().decode()}")


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
        function = Function(program, environment)
        function.call(event)
        wall.append((time.perf_counter() - began) * 1000)
        cold.append(function.cpu_ms())
        before = function.cpu_ms()
        for _ in range(calls):
            function.call(make_event())
        warm.append((function.cpu_ms() - before) / calls)
        peak.append(function.peak_mib())
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
    model, invoked = serve(Model), serve(Invoked)
    model_url = f"http://127.0.0.1:{model.server_port}/v1"
    index = make_index(options.folder / "docent", folder, model_url)
    environment = {
        "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "111111111111", "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{invoked.server_port}",
        "TABLE_NAME": "queries", "WORKER_LAMBDA_NAME": "worker", "DOCENT_PUBLIC": "read,ask",
        "DOCENT_INDEX": str(index), "TMPDIR": folder,
        "OPENAI_BASE_URL": model_url, "OPENAI_API_KEY": "sk-bench", "DOCENT_EMBEDDER": "openai",
        "DOCENT_OPENAI_EMBEDDING_DIMENSION": str(DIMENSION)}
    api, worker = options.folder / "api", options.folder / "worker"
    question = {"query_text": "What does error E-417 mean?", "user_id": "bench"}

    def submit():
        return url_event("POST", "/submit_query", question)

    asking = Function(api, environment)

    def work():
        return {"version": 1, "query_id": answered(asking.call(submit()))["query_id"]}

    measure("API, submit", api, environment, submit, options.starts, options.calls)
    read = url_event("GET", f"/get_query?query_id={work()['query_id']}")
    measure("API, get", api, environment, lambda: read, options.starts, options.calls)
    measure("worker", worker, environment, work, options.starts, options.calls)
    asking.stop()


if __name__ == "__main__":
    main()
