"""Praxis as the remote engine of Praxis: same question, same seed, same events but for timing.

usage: self_engine_test.py PRAXIS
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PRAXIS = sys.argv[1]
DOCS = pathlib.Path(__file__).resolve().parents[2] / "examples/docs"
TIMEOUT_S = 240
QUESTIONS = ["What is 127 times 49?", "What is 15 percent of 80?", "hi", "What is 3 + 4 and then times 12?",
             "What does the manual say about the voltage of the red pump?", "Who are you?"]
# Where and when something ran, and what only the engine itself knows.
UNEQUAL = {"run", "conversation", "wall_ms"}
UNEQUAL_USAGE = {"cached_tokens", "forced_tokens", "prefill_seconds", "decode_seconds", "wall_seconds"}


def events(folder, *args):
    """Events with deltas of a kind joined, calls numbered and their results at the end of the step: how text is
    cut, and whether a tool is done before its step is, are timing."""
    done = subprocess.run([PRAXIS, "run", "--json", "--db", os.path.join(folder, "runs.db"), "--docs", str(DOCS), *args],
                          capture_output=True, text=True, timeout=TIMEOUT_S)
    out, calls, results = [], {}, []
    for line in done.stdout.splitlines():
        event = {key: value for key, value in json.loads(line).items() if key not in UNEQUAL}
        if "usage" in event:
            event["usage"] = {key: value for key, value in event["usage"].items() if key not in UNEQUAL_USAGE}
        if "id" in event:
            event["id"] = calls.setdefault(event["id"], len(calls))
        if event["type"] == "call.finished":
            results.append(event)
            continue
        if event["type"] in ("step.started", "run.finished"):
            out += sorted(results, key=lambda result: result["id"])
            results = []
        before = out[-1] if out else {}
        if event["type"].endswith(".delta") and (before.get("type"), before.get("id")) == (event["type"], event.get("id")):
            before["text"] += event["text"]
        else:
            out.append(event)
    return out, done


class SelfEngine(unittest.TestCase):
    maxDiff = None

    def test_the_server_stands_in_for_the_model_token_by_token(self):
        with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there, tempfile.TemporaryDirectory() as server:
            process = subprocess.Popen([PRAXIS, "serve", "--port", "0", "--no-auth", "--quiet", "--db", os.path.join(server, "served.db")],
                                       stdout=subprocess.PIPE, text=True)
            self.addCleanup(process.stdout.close)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            url = process.stdout.readline().split(" on ")[1].strip()
            called = 0
            for question in QUESTIONS:
                for seed in ("1", "2"):
                    local, done = events(here, "--seed", seed, question)
                    self.assertEqual(local[-1]["status"], "completed", done.stderr)
                    remote, done = events(there, "--seed", seed, "--engine", url, question)
                    self.assertEqual(remote, local, f"{question} (seed {seed}): {done.stderr}")
                    called += sum(event["type"] == "call.started" for event in local)
            self.assertGreater(called, 4, "the questions were to need tools")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
