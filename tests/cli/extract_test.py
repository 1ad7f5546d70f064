"""praxis extract: python3 extract_test.py BINARY PLUGINS [KILL_AT]

KILL_AT is the library of tests/crash that kills a process at one of its writes; without it (under
sanitizers) that test is skipped.
"""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import unittest

from cli_test import BINARY, Cli, TIMEOUT_S

KILL_AT = sys.argv[3] if len(sys.argv) > 3 else ""
EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/json_extraction"
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"]}


class Extract(Cli):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "out.jsonl"
        self.schema = self.folder / "schema.json"
        self.schema.write_text(json.dumps(SCHEMA))

    def documents(self, count):
        folder = self.folder / "documents"
        folder.mkdir(exist_ok=True)
        some = random.Random(20)
        for number in range(count):
            name = f"{some.choice(['Ines', 'Tom', 'Mara', 'Otto'])} {some.choice(['Weber', 'Adler', 'Novak', 'Stone'])}"
            (folder / f"{number:03}.txt").write_text(f"This is {name}. Age: {some.randint(18, 90)}.")
        return folder

    def extract(self, *args, **kwargs):
        return self.praxis("extract", "--schema", self.schema, *args, **kwargs)

    def lines(self, text=None):
        return [json.loads(line) for line in (self.out.read_text() if text is None else text).splitlines()]

    def is_value(self, value):
        return set(value) == {"name", "age"} and isinstance(value["name"], str) and type(value["age"]) is int

    def test_documents_become_lines_in_their_order(self):
        done = self.extract(self.documents(5), "--out", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([pathlib.Path(line["document"]).name for line in self.lines()], [f"{n:03}.txt" for n in range(5)])
        self.assertTrue(all(self.is_value(line["value"]) for line in self.lines()))
        self.assertIn("5 documents: 5 extracted, 0 failed", done.stderr)
        self.assertRegex(done.stderr, r"[0-9.]+ documents/s")

    @unittest.skipUnless(KILL_AT, "a sanitizer leaves no room for the library that kills at a write")
    def test_200_documents_and_10_kills_leave_each_document_once_and_every_line_whole(self):
        folder, some = self.documents(200), random.Random(1)
        command = [BINARY, "extract", folder, "--schema", self.schema, "--out", self.out, "--resume", "--jobs", "3"]
        torn = 0
        for kill in range(10):
            env = {**self.env, "LD_PRELOAD": KILL_AT, "PRAXIS_KILL_AT": str(some.randint(1 if kill else 4, 19))}
            if kill % 2:
                env["PRAXIS_KILL_HALF"] = "1"
            killed = subprocess.run(command, capture_output=True, env=env, timeout=TIMEOUT_S)
            self.assertEqual(killed.returncode, -signal.SIGKILL, killed.stderr)
            torn += not self.out.read_bytes().endswith(b"\n")
        self.assertGreater(torn, 2, "kills in the middle of a line")
        done = subprocess.run(command, capture_output=True, text=True, env=self.env, timeout=TIMEOUT_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("documents/s", done.stderr)
        self.assertEqual(sorted(line["document"] for line in self.lines()), sorted(map(str, folder.iterdir())))
        self.assertTrue(all(self.is_value(line["value"]) for line in self.lines()))
        again = subprocess.run(command, capture_output=True, text=True, env=self.env, timeout=TIMEOUT_S)
        self.assertIn("0 documents: 0 extracted, 0 failed, 200 were there already", again.stderr)

    def test_what_is_no_text_is_an_error_of_its_own(self):
        folder = self.documents(2)
        (folder / "empty.txt").touch()
        (folder / "binary.bin").write_bytes(b"a\0b")
        (folder / "latin.txt").write_bytes("Zoë".encode("latin-1"))
        (folder / "long.txt").write_text("word " * 9000)
        (folder / ".hidden").write_text("no document")
        done = self.extract(folder, folder / "000.txt", folder / "none.txt")
        self.assertEqual(done.returncode, 1, done.stderr)
        found = {pathlib.Path(line["document"]).name: line for line in self.lines(done.stdout)}
        self.assertEqual(len(found), len(done.stdout.splitlines()))
        self.assertEqual(sorted(found), ["000.txt", "001.txt", "binary.bin", "empty.txt", "latin.txt", "long.txt", "none.txt"])
        for name, word in [("empty.txt", "empty"), ("binary.bin", "byte 1"), ("latin.txt", "UTF-8: byte 2"), ("none.txt", "No such file")]:
            self.assertIn(word, found[name]["error"]["message"])
        self.assertEqual(found["long.txt"]["error"]["code"], "limit")
        self.assertRegex(found["long.txt"]["error"]["message"], r"has \d{5} tokens.* holds 4096")
        self.assertTrue(self.is_value(found["001.txt"]["value"]))

    def test_ext_chooses_among_the_files_of_folders(self):
        folder = self.documents(2)
        (folder / "note.md").write_text("This is Ines Weber. Age: 40.")
        names = [pathlib.Path(line["document"]).name for line in self.lines(self.extract(folder, "--ext", "md,csv").stdout)]
        self.assertEqual(names, ["note.md"])
        self.refused(self.extract(folder, "--ext", "csv"), 2, "no document")

    def test_standard_input_has_a_document_a_line(self):
        text = "\n".join(['{"id":"a","text":"This is Ines Weber. Age: 40."}', "", '{"id":7,"text":"This is Tom Adler. Age: 41."}',
                          '{"id":"a","text":"again"}', "no json", '{"id":"b"}', "[" * 100000]) + "\n"
        done = self.extract("-", stdin=text)
        self.assertEqual(done.returncode, 1)
        lines = self.lines(done.stdout)
        self.assertEqual([line["document"] for line in lines], ["a", "7", "line 5", "b", "line 7"])
        self.assertTrue(self.is_value(lines[0]["value"]) and self.is_value(lines[1]["value"]))
        self.assertIn('{"id": "…", "text": "…"}', lines[2]["error"]["message"])
        self.assertIn("1 lines have an id that came before", done.stderr)

    def test_a_job_goes_on_only_as_what_it_was(self):
        folder = self.documents(3)
        self.assertEqual(self.extract(folder, "--out", self.out).returncode, 0)
        before = self.out.read_bytes()
        self.refused(self.extract(folder, "--out", self.out), 2, "out.jsonl", "--resume")
        self.refused(self.extract(folder, "--out", self.out, "--resume", "--prompt", "Other."), 2, "another prompt")
        prompt = self.folder / "prompt.txt"
        prompt.write_text("Extract the data as JSON.\n")
        done = self.extract(folder, "--out", self.out, "--resume", "--prompt", prompt)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.schema.write_text('{"type":"object"}')
        self.refused(self.extract(folder, "--out", self.out, "--resume"), 2, "another schema", "out.jsonl.job")
        self.assertEqual(self.out.read_bytes(), before)

    def test_failed_documents_are_tried_again_when_asked_for(self):
        folder = self.documents(2)
        (folder / "000.txt").write_text("")
        self.assertEqual(self.extract(folder, "--out", self.out).returncode, 1)
        (folder / "000.txt").write_text("This is Ines Weber. Age: 40.")
        self.assertEqual(self.extract(folder, "--out", self.out, "--resume").returncode, 0)
        self.assertTrue(any("error" in line for line in self.lines()))
        self.assertEqual(self.extract(folder, "--out", self.out, "--retry-failed").returncode, 0)
        self.assertEqual(len(self.lines()), 2)
        self.assertTrue(all(self.is_value(line["value"]) for line in self.lines()))

    def test_two_processes_do_not_share_an_output(self):
        first = subprocess.Popen([BINARY, "extract", "-", "--schema", self.schema, "--out", self.out], stdin=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, env=self.env)
        self.addCleanup(first.kill)
        first.stdin.write('{"id":"a","text":"This is Ines Weber. Age: 40."}\n')
        first.stdin.flush()
        while not (self.out.exists() and self.out.read_bytes()):
            self.assertIsNone(first.poll())
        self.refused(self.extract(self.documents(1), "--out", self.out, "--resume"), 5, "another process")
        _, err = first.communicate(timeout=TIMEOUT_S)
        self.assertEqual(first.returncode, 0, err)

    def test_ctrl_c_leaves_whole_lines_and_resume_goes_on(self):
        pipe = self.folder / "documents.pipe"
        folder = self.documents(20)
        os.mkfifo(pipe)  # a document that is never there: the job waits before the last ones
        process = self.start("extract", folder / "000.txt", folder / "001.txt", pipe, folder, "--schema", self.schema, "--out", self.out)
        writer = os.open(pipe, os.O_WRONLY)
        self.addCleanup(os.close, writer)
        while process.poll() is None:  # one that comes twice ends a process at once
            process.send_signal(signal.SIGINT)
        self.assertEqual(self.end(process)[0], 130)
        self.assertEqual(len(self.lines()), 2)
        done = self.extract(folder, "--out", self.out, "--resume")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len({line["document"] for line in self.lines()}), 20)

    def test_usage(self):
        folder = self.documents(1)
        self.refused(self.extract(folder, "--resume"), 2, "--out")
        self.refused(self.extract(self.folder / "documents", "-"), 2, "stands alone")
        self.refused(self.extract(folder, "--out", self.folder), 4, str(self.folder))
        self.refused(self.extract(folder, "--out", self.folder / "no/such.jsonl"), 4, "such.jsonl")
        self.refused(self.praxis("extract", folder), 2, "--schema")
        self.schema.write_text('{"type":"integer","minimum":2,"maximum":1}')
        self.refused(self.extract(folder), 2, "schema $")
        self.schema.write_text("{")
        self.refused(self.extract(folder), 2, "schema $")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
