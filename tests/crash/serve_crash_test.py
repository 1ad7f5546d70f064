"""A server is killed with SIGKILL while runs stream, and started again: every run is listed and goes on,
and a client that comes back with Last-Event-ID sees no gap and no repeat.

usage: serve_crash_test.py PRAXIS [RUNS [KILLS]]
"""
import concurrent.futures
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PRAXIS = sys.argv[1]
RUNS = int(sys.argv[2]) if len(sys.argv) > 2 else 50
KILLS = int(sys.argv[3]) if len(sys.argv) > 3 else 4
PATIENCE_SECONDS = 120


class Server:
    """`praxis serve` on a free port, over one database through all its lives."""

    def __init__(self, folder):
        self.database = os.path.join(folder, "runs.db")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [PRAXIS, "serve", "--port", "0", "--no-auth", "--quiet", "--db", self.database, "--max-requests", "64"],
            stdout=subprocess.PIPE, text=True)
        first = self.process.stdout.readline()
        self.port = int(first.rsplit(":", 1)[1].split("/")[0])

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=PATIENCE_SECONDS)
        self.process.stdout.close()
        return code

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        connection.request(method, path, json.dumps(body) if body is not None else None)
        reply = connection.getresponse()
        text = reply.read()
        connection.close()
        return reply.status, json.loads(text)

    def events(self, run, after):
        """(id, event) pairs of a run's stream, until it ends or breaks. What broke off in the middle of an
        event was never received."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", f"/v1/runs/{run}/events", headers={"Last-Event-ID": str(after)} if after else {})
            reply = connection.getresponse()
            fields = {}
            for line in reply:
                line = line.decode().rstrip("\n")
                if line == "" and "data" in fields:
                    yield int(fields["id"]), json.loads(fields["data"])
                    fields = {}
                elif line and not line.startswith(":"):
                    name, value = line.split(": ", 1)
                    fields[name] = value
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()


class Client(threading.Thread):
    """Follows one run, through the server's deaths, from where it was left."""

    def __init__(self, server, run):
        super().__init__(daemon=True)
        self.server, self.run_id = server, run
        self.seen = []

    def over(self):
        return bool(self.seen) and self.seen[-1][1]["type"] == "run.finished"

    def run(self):
        while not self.over():
            for one in self.server.events(self.run_id, self.seen[-1][0] if self.seen else 0):
                self.seen.append(one)
            time.sleep(0.01)  # the server may be down; it comes back


def texts(events, kind):
    """What the deltas of each step say, forgetting what a restarted step had said."""
    steps, step = {}, 0
    for event in events:
        if event["type"] in ("step.started", "step.restarted"):
            step = event["step"]
            steps[step] = ""
        elif event["type"] == kind:
            steps[step] += event["text"]
    return [text for _, text in sorted(steps.items())]


class Killed(unittest.TestCase):
    def test_runs_go_on_and_clients_see_each_event_once(self):
        chance = random.Random(int(os.environ.get("PRAXIS_SEED", "20261122")))
        with tempfile.TemporaryDirectory() as folder:
            server = Server(folder)
            self.addCleanup(lambda: server.process.poll() is None and server.kill())
            server.start()
            def create(number):
                question = f"What is {number + 11} times {2 * number + 13}?"
                status, run = server.ask("POST", "/v1/runs", {"input": question, "seed": number + 1})
                self.assertEqual(status, 201, run)
                return Client(server, run["id"])

            with concurrent.futures.ThreadPoolExecutor(RUNS) as all_at_once:
                clients = list(all_at_once.map(create, range(RUNS)))
            for client in clients:
                client.start()
            killed_under_way = 0
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.0, 0.1))
                server.kill()
                killed_under_way += sum(not client.over() for client in clients)
                server.start()
                status, listed = server.ask("GET", "/v1/runs?limit=1000")
                self.assertEqual(len(listed["data"]), RUNS)
            for client in clients:
                client.join(PATIENCE_SECONDS)
                self.assertTrue(client.over(), f"run {client.run_id} did not end: {client.seen[-3:]}")

            restarted = 0
            for client in clients:
                ids = [seq for seq, _ in client.seen]
                self.assertEqual(ids, sorted(set(ids)), "an event was repeated")
                self.assertEqual(client.seen, list(server.events(client.run_id, 0)), "what came back differs from the journal")
                events = [event for _, event in client.seen]
                self.assertEqual(events[-1]["status"], "completed")
                _, run = server.ask("GET", f"/v1/runs/{client.run_id}")
                _, conversation = server.ask("GET", f"/v1/conversations/{run['conversation']}")
                said = [m for m in conversation["messages"] if m["role"] == "assistant"]
                self.assertEqual(texts(events, "text.delta"), [m["content"] for m in said])
                self.assertEqual(texts(events, "reasoning.delta"), [m.get("reasoning", "") for m in said])
                made = [call["id"] for message in said for call in message.get("calls", [])]
                for kind in ("call.started", "call.finished"):
                    told = [event["id"] for event in events if event["type"] == kind]
                    self.assertEqual(sorted(set(told)), sorted(made), kind)
                    self.assertGreaterEqual(len(told), len(made))
                restarted += sum(event["type"] == "step.restarted" for event in events)
            print(f"{RUNS} runs, {KILLS} kills, {killed_under_way} runs killed under way, "
                  f"{sum(len(c.seen) for c in clients)} events, 0 lost, 0 repeated; {restarted} steps told anew")
            self.assertGreater(killed_under_way, 0, "nothing was under way at any kill")
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
