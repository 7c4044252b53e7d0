#!/usr/bin/env python3
"""Prints what a sync costs that finds nothing changed, one file changed, or one file gone, in a folder of 10,000 Markdown files;
and what it costs to change one of the 100 chunks of a document, to move it, and to delete it and take it in again.

usage: bench_sync.py DOCENT [FILES]

The first sync embeds everything, which takes minutes. Figures are CPU time of the process and the children it waited
for, the median of five runs.
"""
import os
import statistics
import subprocess
import sys
import tempfile

RUNS = 5
TEXT = """# Tarn {number}

Tarn {number} lies {height} metres above the sea and is fed by {springs} springs.
"""


def write(folder, number, springs):
    with open(os.path.join(folder, f"{number // 100:03}", f"{number}.md"), "w", encoding="utf-8") as file:
        file.write(TEXT.format(number=number, height=200 + number % 900, springs=springs))


def write_long(path, changed):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("# The long tarn\n\n")
        for section in range(100):
            words = " ".join(f"Sounding {section} at step {step} found {section * 7 + step} feet of water." for step in range(14))
            file.write(f"## Section {section}\n\n{words if section else f'{words} Read again {changed} times.'}\n\n")


def sync(docent, data, folder):
    command = [docent, "--data", data, "sync", folder, "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    said = process.stdout.read().decode().splitlines()[-1]
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"bench_sync: the sync failed: {said}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said


def measure(what, docent, data, folder, change):
    runs = []
    for run in range(RUNS):
        change(run)
        runs.append(sync(docent, data, folder))
    seconds = sorted(run[0] for run in runs)
    print(f"{what}: CPU {statistics.median(seconds):.2f} s ({seconds[0]:.2f} to {seconds[-1]:.2f}), "
          f"peak {max(run[1] for run in runs):.0f} MB; {runs[-1][2]}")


def main():
    docent, files = sys.argv[1], int((sys.argv[2:] or ["10000"])[0])
    with tempfile.TemporaryDirectory() as place:
        folder, data = os.path.join(place, "tarns"), os.path.join(place, "data")
        for hundred in range(-(-files // 100)):
            os.makedirs(os.path.join(folder, f"{hundred:03}"))
        for number in range(files):
            write(folder, number, 3)
        seconds, memory, said = sync(docent, data, folder)
        print(f"first sync: CPU {seconds:.1f} s, peak {memory:.0f} MB; {said}")
        measure("nothing changed", docent, data, folder, lambda run: None)
        measure("one file changed", docent, data, folder, lambda run: write(folder, 4711 % files, 10 + run))
        gone = lambda run: os.remove(os.path.join(folder, "000", f"{run}.md"))
        measure("one file gone", docent, data, folder, gone)
        long = lambda run: os.path.join(folder, f"long-{run}", "long.md")
        write_long(long(0), 0)
        print("100 chunks new: CPU {:.2f} s, peak {:.0f} MB; {}".format(*sync(docent, data, folder)))
        measure("one of 100 chunks changed", docent, data, folder, lambda run: write_long(long(0), run + 1))
        measure("100 chunks moved", docent, data, folder, lambda run: os.renames(long(run), long(run + 1)))
        delete = [docent, "--data", data, "delete", f"tarns/long-{RUNS}/long.md", "--json"]
        measure("100 chunks deleted, then taken in again", docent, data, folder,
                lambda run: subprocess.run(delete, check=True, stdout=subprocess.DEVNULL))


if __name__ == "__main__":
    main()
