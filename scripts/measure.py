#!/usr/bin/env python3
"""Runs a command several times and prints the medians of its CPU time, wall time and peak memory.

usage: measure.py [-n RUNS] -- COMMAND [ARG ...]

Whole-process figures from the operating system's own accounting: CPU is user + system of the process and of the children
it waited for; memory is the largest resident set of any one of them. One run comes first that is not counted.
"""
import os
import statistics
import subprocess
import sys
import time


def run(command):
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, None):
        sys.exit(f"measure: {command[0]} ended with {process.returncode}\n{error.decode(errors='replace')}")
    return (usage.ru_utime + usage.ru_stime) * 1000, (time.perf_counter() - start) * 1000, usage.ru_maxrss / 1024


def main():
    arguments = sys.argv[1:]
    runs = 7
    if arguments[:1] == ["-n"]:
        runs, arguments = int(arguments[1]), arguments[2:]
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        sys.exit(__doc__)
    run(command)
    cpu, wall, memory = zip(*(run(command) for _ in range(runs)))
    spread = f"{min(cpu):.0f} to {max(cpu):.0f}"
    print(f"CPU {statistics.median(cpu):.0f} ms ({spread}), wall {statistics.median(wall):.0f} ms, "
          f"peak {max(memory):.0f} MB, {runs} runs")


if __name__ == "__main__":
    main()
