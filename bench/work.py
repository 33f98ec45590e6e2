"""work.py BUILD: how fast remote workers drain a backlog, and how soon one that waits gets its task. Prints the JSON objects of `work`.

Starts a server of its own on a new store in a folder that is removed afterwards (RC_BENCH_DIR says where; else the system's).
"""
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent


def serve(build, folder, port):
    argv = [build / "recourse", "serve", "--store", folder / "recourse.db", "--listen", f"127.0.0.1:{port}", "--defs", HERE / "defs-work",
            "--queue-time", "0s"]
    server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=open(folder / "log", "w"))
    for _ in range(200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).read()
            return server
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"the server does not answer: {(folder / 'log').read_text()}")


def main(build, port=17171):
    for words in (["drain", "20", "50", "100000"], ["drain", "200", "1", "20000"], ["poll", "200", "10000", "10"]):
        with tempfile.TemporaryDirectory(dir=os.environ.get("RC_BENCH_DIR")) as folder:
            server = serve(build, Path(folder), port)
            try:
                subprocess.run([build / "bench/work", str(port), *words], check=True)
            finally:
                server.terminate()
                server.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
