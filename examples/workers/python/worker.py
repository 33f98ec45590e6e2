"""A worker in Python, standard library only: worker.py QUEUE [CAPABILITY]...

Does the tasks `resize` and `look` of images.yaml. RECOURSE_SERVER says where the server is, RECOURSE_TOKEN is a token with the role
worker. Ends on SIGTERM, when what it has begun is reported.
"""
import http.client
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request

SERVER = os.environ.get("RECOURSE_SERVER", "http://127.0.0.1:7070")
stopping = threading.Event()


def post(path, body):
    """Status and answer; status 0 where none came."""
    headers = {"Content-Type": "application/json"}
    if os.environ.get("RECOURSE_TOKEN"):
        headers["Authorization"] = f"Bearer {os.environ['RECOURSE_TOKEN']}"
    request = urllib.request.Request(SERVER + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as problem:
        return problem.code, {"detail": problem.read().decode(errors="replace")}
    except (OSError, ValueError, http.client.HTTPException) as problem:
        return 0, {"detail": str(problem)}


def report(result):
    """Until the server has heard it, or does not want to: 409 says that the lease is over, and the task is forgotten."""
    while True:
        status, answer = post("/v1/work/report", {"results": [result]})
        if status == 200 or 400 <= status < 500 and status != 429:
            return
        print(f"report: {answer.get('detail')}", file=sys.stderr)
        time.sleep(1)


def keep(lease, every, done):
    while not done.wait(every):
        post("/v1/work/heartbeat", {"heartbeats": [{"lease": lease}]})


def resize(task):
    # the same key in every attempt: with it a second one finds what the first has made
    return {"url": f"http://images/{task['idempotency_key']}", "there": True}


def look(task):
    return {"url": "", "there": False}


TASKS = {"resize": resize, "look": look}


def work(task):
    result, done = {"lease": task["lease"]}, threading.Event()
    beats = threading.Thread(target=keep, args=(task["lease"], task["lease_ms"] / 3000, done), daemon=True)
    beats.start()
    run = TASKS.get(task["task"])
    try:
        if run:
            result.update(outcome="succeeded", output=run(task))
        else:
            result.update(outcome="failed", error="this worker does not know the task", retry_after=30)
    except Exception as problem:  # it may have happened in part: the step's check finds out
        result.update(outcome="unknown", error=repr(problem)[:1000])
    done.set()
    report(result)


def main(queue, *capabilities):
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    ask = {"queues": [queue], "capabilities": capabilities, "worker": f"python-{os.getpid()}"}
    while not stopping.is_set():
        status, answer = post("/v1/work/lease?wait=5s", ask)
        if status != 200:
            print(f"lease: {answer.get('detail')}", file=sys.stderr)
            stopping.wait(2)
            continue
        for task in answer["tasks"]:
            work(task)
        if answer["draining"]:
            stopping.wait(2)


if __name__ == "__main__":
    main(*sys.argv[1:])
