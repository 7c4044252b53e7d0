#!/usr/bin/env python3
"""What must hold of the images that image_test.sh made.

usage: image_check.py server PORT CONTAINER | kept PORT | functions IMAGES
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from lambda_here import Function, Invoked, answered, make_table, serve, start_ministack, surroundings, url_event

USER = "65532"
QUESTION = {"query": "What does error E-417 mean?", "user_id": "image-test"}
# As Lambda treats a function: some user of its own, nothing to write to but /tmp, no capability.
LIKE_LAMBDA = ["--user=993:990", "--read-only", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges"]


def demand(holds, otherwise):
    if not holds:
        sys.exit(f"image test: {otherwise}")


def demand_answer(query):
    quotes = [citation["verification"] for citation in query.get("citations") or []]
    demand(query.get("outcome") == "answered" and "verified" in quotes, f"no answer with a verified quote: {query}")
    print(f"  {query['id']}: {query['outcome']}, {len(quotes)} quotes")


def call(port, path, body=None):
    """The answer of the server as JSON, with the key that it was started with; it may still be starting."""
    headers = {"authorization": f"Bearer {os.environ['DOCENT_API_KEYS']}", "content-type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode() if body else None, headers)
    for attempt in range(300):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except (ConnectionError, urllib.error.URLError) as error:
            if isinstance(error, urllib.error.HTTPError) or attempt == 299:
                sys.exit(f"image test: {path}: {error}")
            time.sleep(0.1)


def inspected(container):
    return json.loads(subprocess.check_output(["podman", "inspect", container]))[0]


def check_server(port, container):
    """It is up, answers, and can do no more than compose.yaml says."""
    demand(call(port, "/healthz"), "/healthz says nothing")
    demand_answer(call(port, "/v1/queries", {**QUESTION, "wait": 30}))
    found = inspected(container)
    demand(found["HostConfig"]["ReadonlyRootfs"], "the root file system can be written")
    status = pathlib.Path(f"/proc/{found['State']['Pid']}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    user = subprocess.check_output(["podman", "top", container, "user"], text=True).split()[1]
    demand(user == USER, f"the server runs as {user}")
    demand(int(fields["CapEff"], 16) == 0 and fields["NoNewPrivs"] == "1", f"the server may too much: {status}")
    mounts = pathlib.Path(f"/proc/{found['State']['Pid']}/mounts").read_text()
    options = {line.split()[1]: line.split()[3].split(",")[0] for line in mounts.splitlines()}
    expected = {"/": "ro", "/data": "rw", "/tmp": "rw"}
    demand({place: options.get(place) for place in expected} == expected, f"mounted otherwise:\n{mounts}")
    print(f"  as user {user}, without capabilities, on a read-only root")


def check_kept(port):
    """What was asked before the container was thrown away is still known."""
    kept = call(port, "/v1/queries?user_id=image-test")["data"]
    demand(len(kept) == 1, f"the question is not there any more: {kept}")
    demand_answer(call(port, f"/v1/queries/{kept[0]['id']}"))


def function_in(image, environment, log):
    command = ["podman", "run", "--rm", f"--name={container_of(image)}", "--network=host", *LIKE_LAMBDA]
    command += ["--env=AWS_*", *(f"--env={name}" for name in environment if not name.startswith("AWS_"))]
    return Function([*command, image], {**os.environ, **environment}, log)


def container_of(image):
    return image.rsplit("/", 2)[1] + "-" + image.rsplit("/", 1)[1]


def check_functions(images):
    """A question goes into the one and is answered by the other, from the index that is inside."""
    with tempfile.TemporaryDirectory() as folder, open(pathlib.Path(folder) / "log", "w+") as log:
        ministack, port = start_ministack(folder)
        started = []
        try:
            make_table(port)
            environment = {
                **surroundings(port, serve(Invoked)), "DOCENT_EMBEDDER": "local", "DOCENT_GENERATOR": "quoting"}
            api, worker = (function_in(f"{images}/{name}", environment, log) for name in ("api", "worker"))
            started += [api, worker]
            asked = answered(api.call(url_event("POST", "/v1/queries", QUESTION)))
            demand("id" in asked, f"the question was not taken: {asked}")
            worker.call(Invoked.events.get(timeout=10))
            demand_answer(answered(api.call(url_event("GET", f"/v1/queries/{asked['id']}"))))
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read())
            raise
        finally:
            for name in ("api", "worker"):
                subprocess.run(["podman", "rm", "--force", "--time=0", container_of(f"{images}/{name}")], stdout=subprocess.DEVNULL)
            for function in started:
                function.stop()
            ministack.terminate()
            ministack.wait()


if __name__ == "__main__":
    {"server": check_server, "kept": check_kept, "functions": check_functions}[sys.argv[1]](*sys.argv[2:])
