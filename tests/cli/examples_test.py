"""The examples do what their pages say, and so does --config: python3 examples_test.py BINARY PLUGINS"""
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

from cli_test import BINARY, Cli, TIMEOUT_S

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
SLOW_BUILD = "PRAXIS_SLOW_BUILD" in os.environ


class Examples(Cli):
    def example(self, name, *args, **env):
        done = subprocess.run([EXAMPLES / name / "run", *args], capture_output=True, text=True, timeout=TIMEOUT_S,
                              env={**self.env, "PRAXIS": BINARY, **env})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def test_json_extraction_has_every_letter_once_and_most_of_them_right(self):
        out = self.folder / "letters.jsonl"
        done = self.example("json_extraction", OUT=str(out))
        self.assertRegex(done.stdout, r"24 lines, (19|2[0-4]) of 24 right")
        lines = out.read_text().splitlines(keepends=True)
        out.write_text("".join(lines[:9]) + lines[9][:20])  # as a crash leaves it
        self.assertIn("9 were there already", self.example("json_extraction", OUT=str(out)).stderr)
        self.assertEqual(out.read_text().splitlines(keepends=True), lines)

    def test_json_extraction_notices_lines_that_are_wrong(self):
        out = self.folder / "letters.jsonl"
        self.example("json_extraction", OUT=str(out))
        lines = out.read_text().splitlines()
        for broken in [lines[1:], lines + lines[:1], [lines[0].replace('"quantity":', '"quantity":-')] + lines[1:]]:
            out.write_text("\n".join(broken) + "\n")
            checked = subprocess.run([sys.executable, EXAMPLES / "json_extraction/check.py", out], capture_output=True, text=True)
            self.assertEqual(checked.returncode, 1, checked.stdout)
            self.assertIn("problem", checked.stdout)

    def test_research_assistant_answers_with_citations_that_all_resolve(self):
        done = self.example("research_assistant")
        self.assertIn("7 citations, all looked up", done.stdout)
        self.assertNotIn("problem", done.stdout)

    def test_research_assistant_says_where_an_answer_stands(self):
        done = self.example("research_assistant", "What is the torque of the main motor?")
        self.assertIn("310 Nm", done.stdout)
        self.assertIn("[motors.md:4] The torque of the main motor is 310 Nm.", done.stdout)

    def test_whatever_a_hot_model_writes_only_what_was_returned_is_cited(self):
        cited = 0
        for seed in range(12):
            if SLOW_BUILD and cited:
                break  # a dozen take minutes under sanitizers
            done, events = self.events("--config", EXAMPLES / "research_assistant/praxis.json", "--seed", seed, "--temperature", "6",
                                       "--top-p", "1", "--think-budget", "16", "--max-tokens", "600", "--max-steps", "2",
                                       "What is the voltage of the red pump?")
            returned = "\n".join(event["result"] for event in events if event["type"] == "call.finished")
            answer = events[-1]["answer"] if events[-1]["status"] == "completed" else ""
            for name in re.findall(r"\[([^\]]*)", answer):
                self.assertIn(f"{name}: ", returned)
                cited += 1
        self.assertGreater(cited, 0, "a bracket in one of the answers")

    def test_code_sandbox_computes_and_says_what_stands_in(self):
        done = self.example("code_sandbox")
        self.assertIn("no sandbox", done.stderr)
        self.assertIn("← 600", done.stdout)
        self.assertIn("The answer is 600.", done.stdout)


class Config(Cli):
    def config(self, value):
        path = self.folder / "praxis.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    def ask(self, config, *args):
        done = self.praxis("run", "--config", self.config(config), "--json", "--tools", "", *args, "Which one?")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])["answer"]

    def test_the_file_to_copy_is_taken_by_every_command(self):
        path = EXAMPLES / "praxis.json"
        self.assertEqual(self.praxis("run", "--config", path, "What is 127 times 49?").returncode, 0)
        self.assertEqual(self.praxis("--config", path, "tools", "list").returncode, 0)
        self.assertEqual(self.praxis("model", "info", "--config", path).returncode, 0)

    def test_a_flag_goes_before_its_section_and_a_section_before_the_rest(self):
        config = {"thinking": False, "choice": ["shared"], "run": {"choice": ["section"]}}
        self.assertEqual(self.ask(config), "section")
        self.assertEqual(self.ask(config, "--choice", "flag"), "flag")
        self.assertEqual(self.ask({"choice": ["shared"], "chat": {"choice": ["other"]}}), "shared")

    def test_values_of_every_kind(self):
        docs = self.folder / "docs"
        docs.mkdir()
        config = {"docs": "./docs", "tools": ["calculator", "search"], "run": {"parallel-calls": False, "thinking": True},
                  "plugin-config": {"search": {"root": str(docs)}}, "tool-choice": {"type": "function", "function": {"name": "calculator"}}}
        path = self.config(config)
        listed = self.praxis("tools", "list", "--config", path, "--json")
        self.assertEqual([json.loads(line)["name"] for line in listed.stdout.splitlines()], ["calculator", "search"], listed.stderr)
        run = self.praxis("run", "--config", path, "--max-steps", "1", "--json", "What is 3 plus 4?")
        self.assertIn('"call.started"', run.stdout, run.stderr)
        settings = json.loads(self.praxis("runs", "show", json.loads(run.stdout.splitlines()[0])["run"], "--json").stdout)["settings"]
        self.assertEqual((settings["parallel_tool_calls"], settings["thinking"]), (False, True))

    def test_what_nobody_knows_is_refused_by_name(self):
        for config, *words in [({"temprature": 1}, "praxis.json", "temprature"), ({"run": {"jobs": 1}}, "run.jobs"),
                               ({"chat": {"jobs": 1}}, "chat.jobs"), ({"config": "x"}, "config"), ({"run": {"help": True}}, "run.help"),
                               ({"run": {"json": 1}}, "run.json"), ({"system": None}, "system"), ({"threads": 99999}, "--threads"),
                               ("[]", "object"), ('{"run":{},"run":{}}', "twice"), ("{", "JSON"), ('{"a":' * 99, "deeper")]:
            self.refused(self.praxis("run", "--config", self.config(config), "hi"), 2, *words)
        self.refused(self.praxis("run", "--config", self.folder / "none.json", "hi"), 2, "none.json")

    def test_no_file_is_read_unless_it_is_named(self):
        self.config({"nobody": "knows this"})
        done = subprocess.run([pathlib.Path(BINARY).resolve(), "tools", "list"], cwd=self.folder, capture_output=True, text=True, env=self.env, timeout=TIMEOUT_S)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
