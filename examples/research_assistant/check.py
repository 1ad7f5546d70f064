"""Asks every question and looks every citation up: python3 check.py

A citation resolves when its file and line are there and say what it quotes; one that does not is a
problem, and so is a question that questions.jsonl gives a source for and that goes without.
"""
import json
import os
import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
notes = here / "notes"


def resolves(citation):
    """Whether the quoted text begins at that line; a passage may go on in the lines that follow."""
    path = (notes / citation["file"]).resolve()
    if not path.is_file() or notes not in path.parents:
        return False
    lines = path.read_text().split("\n")[citation["line"] - 1:]
    return citation["line"] >= 1 and bool(citation["text"]) and " ".join(" ".join(lines).split()).startswith(" ".join(citation["text"].split()))


def ask(question):
    done = subprocess.run([os.environ["PRAXIS"], "run", "--config", here / "praxis.json", "--json", question],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{question}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


problems, citations = [], 0
for asked in map(json.loads, (here / "questions.jsonl").read_text().splitlines()):
    finished = ask(asked["question"])
    cited = finished.get("citations", [])
    names = [f"{one['file']}:{one['line']}" for one in cited]
    citations += len(cited)
    print(f"{asked['question']}\n  {finished['answer']}\n  {', '.join(names) or 'no source: nothing in the notes says so'}")
    problems += [f"{name} does not say {one['text']!r}" for name, one in zip(names, cited) if not resolves(one)]
    if asked["says"] not in finished["answer"] or (asked["source"] or "") not in (names or [""]):
        problems.append(f"{asked['question']} wants {asked['says']!r} from {asked['source']}")
    if asked["source"] is None and cited:
        problems.append(f"{asked['question']} has no answer in the notes, but cites {names}")
print(f"{citations} citations, all looked up")
for problem in problems:
    print("problem:", problem)
sys.exit(1 if problems else 0)
