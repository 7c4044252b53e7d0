#!/usr/bin/env python3
"""Starts the server on a data folder, reads one finished query many times over one connection, and prints the server's
CPU time per request.

usage: bench_facade.py DOCENT [REQUESTS]
"""
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    docent, requests = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    handbook = pathlib.Path(__file__).resolve().parent.parent / "examples/handbook/people"
    with tempfile.TemporaryDirectory() as data:
        subprocess.run([docent, "--data", data, "ingest", str(handbook)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        server = subprocess.Popen([docent, "--data", data, "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        try:
            address = server.stdout.readline().strip().rsplit("http://", 1)[1]
            client = http.client.HTTPConnection(address)
            client.request("POST", "/submit_query", json.dumps({"query_text": "How many weeks of parental leave?"}),
                           {"Content-Type": "application/json"})
            query_id = json.load(client.getresponse())["query_id"]
            path = f"/get_query?query_id={query_id}"
            for _ in range(200):
                client.request("GET", path)
                if json.load(client.getresponse())["is_complete"]:
                    break
                time.sleep(0.1)
            else:
                sys.exit("the query did not complete")
            before = cpu_seconds(server.pid)
            for _ in range(requests):
                client.request("GET", path)
                client.getresponse().read()
            spent = cpu_seconds(server.pid) - before
            print(f"GET /get_query: {spent / requests * 1000:.3f} ms CPU per request over {requests} requests")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
