"""Lambda functions on this machine, for measurements and tests: their runtime interface, DynamoDB by ministack, events of a URL."""
import http.client
import json
import os
import pathlib
import queue
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = pathlib.Path(__file__).resolve().parent.parent


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
        # A function that is not needed any more is stopped, and its connections break off.
        if not isinstance(sys.exc_info()[1], ConnectionResetError):
            super().handle_error(request, client_address)


def serve(handler):
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Invoked(Handler):
    """Lambda's Invoke, for the API: takes every event, and keeps it."""

    events = queue.Queue()

    def do_POST(self):
        self.events.put(json.loads(self.body()))
        self.reply(202, b"")


def surroundings(ministack_port, invoked):
    """What both functions are told: the table, whom the API wakes, and that no key is asked for."""
    return {
        "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "111111111111", "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ministack_port}",
        "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{invoked.server_port}",
        "TABLE_NAME": "queries", "WORKER_LAMBDA_NAME": "worker", "DOCENT_PUBLIC": "read,ask"}


class Function:
    """A function, started by `command`, and the runtime interface that it asks for events. What it prints goes to `log`."""

    def __init__(self, command, environment, log=subprocess.DEVNULL):
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
        self.process = subprocess.Popen(command, env={**environment, **runtime}, stdout=log, stderr=log)

    def call(self, event):
        self.events.put((f"{time.time_ns():032x}", json.dumps(event).encode()))
        kind, body = self.answers.get(timeout=60)
        if kind != "response":
            sys.exit(f"the function failed: {body.decode(errors='replace')}")
        return body

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
