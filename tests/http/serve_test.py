"""`praxis serve` as clients use and misuse it: python3 serve_test.py BINARY

Every test has a folder, a database and a server of its own, on the shipped tiny model.
"""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BINARY = sys.argv[1]
# Sanitizers slow everything down and a loaded machine more so; a hang is what this is to catch.
TIMEOUT_S = 120
KEY = "a key of the tests"
# Sixteen texts that must be this long take the tiny model a while, and cannot end before.
LONG = {"model": "deepseek-chat", "messages": [{"role": "user", "content": "Go on."}], "stream": True, "max_tokens": 3500, "n": 16,
        "response_format": {"type": "json_schema", "json_schema": {"name": "long", "schema": {"type": "string", "minLength": 3000}}}}
SHORT = {"messages": [{"role": "user", "content": "What is 2 plus 3?"}], "max_tokens": 8}


class Serve(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="praxis-serve-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.env = {**os.environ, "HOME": str(self.folder), "PRAXIS_DB": str(self.folder / "test.db")}
        self.log = open(self.folder / "log", "w+")
        self.addCleanup(self.log.close)

    def serve(self, *args, key=True):
        keys = ["--api-key", KEY] if key else []
        self.process = subprocess.Popen([BINARY, "serve", "--port", "0", *keys, *map(str, args)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True, env=self.env)
        self.addCleanup(self.stop)
        welcome = self.process.stdout.readline()
        self.assertIn("/v1", welcome, self.said())
        self.port = int(welcome.rsplit(":", 1)[1].split("/")[0])

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def said(self):
        self.log.flush()
        return (self.folder / "log").read_text()

    def connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        self.addCleanup(connection.close)
        return connection

    def ask(self, method, path, body=None, headers=None, connection=None):
        """Status, headers, body."""
        connection = connection or self.connect()
        headers = {"Authorization": f"Bearer {KEY}", **(headers or {})}
        connection.request(method, path, body if isinstance(body, (bytes, str, type(None))) else json.dumps(body), headers)
        reply = connection.getresponse()
        return reply.status, dict((k.lower(), v) for k, v in reply.getheaders()), reply.read()

    def error(self, answer, status, *words):
        self.assertEqual(answer[0], status, answer[2])
        error = json.loads(answer[2])["error"]
        self.assertEqual(sorted(error), ["code", "message", "param", "type"])
        for word in words:
            self.assertIn(word, error["message"])

    def begin_stream(self, body=None):
        """A connection whose stream has said something."""
        connection = self.connect()
        connection.request("POST", "/v1/chat/completions", json.dumps(body or LONG), {"Authorization": f"Bearer {KEY}"})
        reply = connection.getresponse()
        self.addCleanup(reply.close)
        self.assertEqual(reply.status, 200)
        for _ in range(6):
            reply.readline()
        return connection, reply

    def under_way(self):
        return json.loads(self.ask("GET", "/health")[2])["requests"]

    def ended(self, seconds=TIMEOUT_S):
        return self.process.wait(timeout=seconds)


class Requests(Serve):
    def test_a_connection_is_kept_and_head_has_no_body(self):
        self.serve()
        connection = self.connect()
        for _ in range(3):
            status, headers, body = self.ask("GET", "/v1/models", connection=connection)
            self.assertEqual(status, 200)
            self.assertEqual(json.loads(body)["object"], "list")
        status, head, nothing = self.ask("HEAD", "/v1/models", connection=connection)
        self.assertEqual((status, nothing, head["content-length"]), (200, b"", str(len(body))))
        self.assertEqual(self.ask("GET", "/v1/models", connection=connection)[2], body)

    def test_http_1_0_is_served_and_closed(self):
        self.serve()
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S) as client:
            body = json.dumps({**SHORT, "stream": True}).encode()
            client.sendall(b"POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer " + KEY.encode() +
                           b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            reply = b"".join(iter(lambda: client.recv(65536), b""))
        head, text = reply.split(b"\r\n\r\n", 1)
        self.assertNotIn(b"chunked", head)
        self.assertIn(b"connection: close", head)
        self.assertTrue(text.endswith(b"data: [DONE]\n\n"), text)

    def test_who_is_let_in(self):
        self.serve("--allow-origin", "https://app.example", "--allow-host", "praxis.example")
        self.error(self.ask("GET", "/v1/models", headers={"Authorization": ""}), 401, "Authorization: Bearer")
        self.error(self.ask("GET", "/v1/models", headers={"Authorization": "Bearer wrong"}), 401, "not one of")
        self.error(self.ask("GET", "/v1/models", headers={"Host": "evil.example"}), 403, "--allow-host")
        self.error(self.ask("GET", "/v1/models", headers={"Origin": "https://evil.example"}), 403, "--allow-origin")
        self.assertEqual(self.ask("GET", "/v1/models", headers={"Host": "praxis.example:80"})[0], 200)
        status, headers, _ = self.ask("GET", "/v1/models", headers={"Origin": "https://app.example"})
        self.assertEqual((status, headers["access-control-allow-origin"]), (200, "https://app.example"))

    def test_a_body_beyond_the_limit_is_refused_by_name(self):
        self.serve()
        self.error(self.ask("POST", "/v1/chat/completions", b" " * (32 * 2**20 + 1)), 413, "http.body_bytes_max")

    def test_hostile_json_is_refused(self):
        self.serve()
        for body in (b"[" * 100_000, b'{"a":' * 100_000, b'{"messages":[{"role":"user","content":' + b"[" * 100_000,
                     b"", b"nonsense", b'{"messages"', b"\xff\xfe", b'{"messages":[]} x', b"[]", b"null"):
            answer = self.ask("POST", "/v1/chat/completions", body)
            self.error(answer, 400)
            self.assertLess(len(answer[2]), 2000)
        self.assertEqual(self.ask("GET", "/health")[0], 200)

    def test_unknown_paths_and_methods_say_so(self):
        self.serve()
        self.error(self.ask("GET", "/nowhere"), 404, "/nowhere")
        self.error(self.ask("DELETE", "/v1/models"), 405)

    def test_one_request_too_many_is_told_when_to_come_back(self):
        self.serve("--max-requests", 1)
        connection, reply = self.begin_stream()
        status, headers, body = self.ask("POST", "/v1/chat/completions", SHORT)
        self.error((status, headers, body), 429, "api.requests_max")
        self.assertGreaterEqual(int(headers["retry-after"]), 1)
        reply.close(), connection.close()
        self.assertTrue(self.free_within(TIMEOUT_S))
        self.assertEqual(self.ask("POST", "/v1/chat/completions", SHORT)[0], 200)

    def free_within(self, seconds):
        until = time.monotonic() + seconds
        while self.under_way() > 0:
            if time.monotonic() > until:
                return False
        return True

    def test_a_lost_client_frees_its_place(self):
        self.serve()
        for _ in range(3):
            connection, reply = self.begin_stream()
            self.assertEqual(self.under_way(), 1)
            reply.close(), connection.close()
            # 100 ms is the promise on a quiet machine; this one may be busy.
            self.assertTrue(self.free_within(5))
        self.assertIn(b"praxis_clients_lost_total 3", self.ask("GET", "/metrics")[2])

    def test_one_connection_too_many_is_told_so(self):
        self.serve("--max-connections", 1)
        first = self.connect()
        self.assertEqual(self.ask("GET", "/health", connection=first)[0], 200)
        self.error(self.ask("GET", "/health"), 503, "http.connections_max")
        self.assertEqual(self.ask("GET", "/health", connection=first)[0], 200)


class Stopping(Serve):
    def test_a_stream_under_way_ends_whole(self):
        self.serve("--drain-seconds", 1000)
        _, reply = self.begin_stream({**LONG, "n": 1})
        self.process.send_signal(signal.SIGTERM)
        self.assertTrue(reply.read().endswith(b"data: [DONE]\n\n"))
        self.assertEqual(self.ended(), 0)

    def test_the_drain_time_bounds_the_wait(self):
        self.serve("--drain-seconds", 0)
        _, reply = self.begin_stream()
        self.process.send_signal(signal.SIGTERM)
        with self.assertRaises((http.client.IncompleteRead, ConnectionResetError)):
            reply.read()
        self.assertEqual(self.ended(), 0)

    def test_a_second_signal_ends_the_wait(self):
        self.serve("--drain-seconds", 1000)
        _, reply = self.begin_stream()
        self.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except ConnectionError:
                break
        self.process.send_signal(signal.SIGINT)
        with self.assertRaises((http.client.IncompleteRead, ConnectionResetError)):
            reply.read()
        self.assertEqual(self.ended(), 0)

    def test_an_idle_server_stops_at_once(self):
        self.serve()
        idle = self.connect()
        self.ask("GET", "/health", connection=idle)
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.ended(), 0)


class Flags(Serve):
    def refused(self, code, *args, words=()):
        done = subprocess.run([BINARY, "serve", *args], capture_output=True, text=True, timeout=TIMEOUT_S, env=self.env)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_wrong_ones_are_refused_by_name(self):
        self.refused(2, "--host", "localhost", words=["--host", "IP address"])
        self.refused(2, "--host", "192.0.2.1", "--api-key", "k", words=["192.0.2.1", "cannot listen"])
        self.refused(2, "--host", "0.0.0.0", "--no-auth", words=["--no-auth", "loopback"])
        self.refused(2, "--no-auth", "--api-key", "k", words=["--no-auth"])
        self.refused(2, "--port", "65536", words=["--port"])
        self.refused(2, "--port", "x", words=["--port"])
        self.refused(2, "--max-requests", "0", words=["--max-requests"])
        self.refused(2, "--max-connections", "-1", words=["--max-connections"])
        self.refused(3, "--model", str(self.folder / "none"), words=["none"])

    def test_a_taken_port_is_refused_by_name(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.refused(2, "--port", str(taken.getsockname()[1]), words=["Address already in use"])

    def test_without_a_key_one_is_made_and_kept_for_its_owner(self):
        self.serve(key=False)
        self.assertEqual(self.ask("GET", "/health", headers={"Authorization": ""})[0], 401)
        key = self.process.stdout.readline().rsplit("=", 1)[1].strip()
        self.assertEqual(self.ask("GET", "/health", headers={"Authorization": f"Bearer {key}"})[0], 200)
        files = [path for path in self.folder.rglob("api_key")]
        self.assertEqual([path.stat().st_mode & 0o777 for path in files], [0o600])

    def test_no_auth_asks_for_nothing(self):
        self.serve("--no-auth", key=False)
        self.assertEqual(self.ask("GET", "/v1/models", headers={"Authorization": ""})[0], 200)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
