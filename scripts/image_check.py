"""What the images of `image_test.sh` do when they are started as they say: by their entry point, as their user.

The arguments are those that buildah needs to find its images.
"""

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

BUILDAH = ["buildah", *sys.argv[1:]]
REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
GET_HEALTH = {
    "version": "2.0",
    "rawPath": "/healthz",
    "rawQueryString": "",
    "headers": {"host": "x.lambda-url.us-east-1.on.aws"},
    "requestContext": {"http": {"method": "GET", "path": "/healthz", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}},
    "isBase64Encoded": False,
}


class RuntimeApi(http.server.BaseHTTPRequestHandler):
    """Lambda's side of the runtime API, for one event."""

    def do_GET(self):
        if self.server.handed_out:
            time.sleep(60)
        self.server.handed_out = True
        body = json.dumps(self.server.event).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", REQUEST_ID)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 30_000))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:111111111111:function:f")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.answers.append((self.path.rsplit("/", 1)[1], body.decode(errors="replace")))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """The test prints what matters."""


def config_of(image):
    """What an image says about itself."""
    said = subprocess.run(
        [*BUILDAH, "inspect", "--type", "image", f"localhost/{image}"], check=True, capture_output=True, text=True
    )
    return json.loads(said.stdout)["OCIv1"]["config"]


def start(image, environment):
    """A container that runs what its image says."""
    config = config_of(image)
    made = subprocess.run([*BUILDAH, "from", "--pull-never", f"localhost/{image}"], check=True, capture_output=True, text=True)
    variables = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
    command = [*config["Entrypoint"], *config.get("Cmd", [])]
    return subprocess.Popen(
        [*BUILDAH, "run", "--volume", "/usr:/usr:ro", *variables, made.stdout.strip(), "--", *command],
        start_new_session=True,
    )


def stop(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def within(seconds, found):
    """What `found` finds, tried again until then."""
    end = time.time() + seconds
    while time.time() < end:
        if (result := found()) is not None:
            return result
        time.sleep(0.1)
    raise SystemExit("image test: nothing came within the time")


def function_answers(image, event):
    """How a function answers one event: `response` or `error`, and the body."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
    server.event, server.answers, server.handed_out = event, [], False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    process = start(
        image,
        {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": image,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": "group",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "TABLE_NAME": "table",
            "WORKER_LAMBDA_NAME": "worker",
        },
    )
    try:
        return within(60, lambda: server.answers[0] if server.answers else None)
    finally:
        stop(process)


def server_refuses():
    """The status that the server answers to a question without a key."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start("server", {"DOCENT_LISTEN": f"0.0.0.0:{port}", "DOCENT_API_KEYS": "k" * 40})

    def status(path):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    try:
        within(60, lambda: status("/healthz"))
        return status("/v1/queries?user_id=u")
    finally:
        stop(process)


def baked_in():
    """The index of the worker's image, which a build argument named."""
    made = subprocess.run([*BUILDAH, "from", "--pull-never", "localhost/worker"], check=True, capture_output=True, text=True)
    root = subprocess.run([*BUILDAH, "mount", made.stdout.strip()], check=True, capture_output=True, text=True).stdout.strip()
    with open(f"{root}/var/task/index/marker", encoding="utf-8") as marker:
        return marker.read().strip()


def check(name, said, wanted):
    if wanted not in str(said):
        raise SystemExit(f"image test: {name}: expected {wanted!r}, got {said!r}")
    print(f"ok: {name}", flush=True)


check("the index in a function is what the build argument names", baked_in(), "from the build argument")
check("the API answers over the runtime API", function_answers("api", GET_HEALTH), '"statusCode":200')
check("the worker answers over the runtime API", function_answers("worker", {}), "does not understand its event")
check("the server runs as nobody", config_of("server").get("User"), "65532:65532")
check("the server asks for a key", server_refuses(), "401")
print("5 passed, 0 failed")
