"""What became of the letters: python3 check.py LINES

Every letter has one line and its value the schema's form, or this fails; how many values are right is
counted against expected.jsonl, which people wrote.
"""
import collections
import json
import pathlib
import sys

here = pathlib.Path(__file__).resolve().parent
expected = {line["document"]: line["value"] for line in map(json.loads, (here / "expected.jsonl").read_text().splitlines())}
lines = [json.loads(line) for line in pathlib.Path(sys.argv[1]).read_text().splitlines()]

problems = []
times = collections.Counter(line["document"] for line in lines)
for document in sorted(expected.keys() | times.keys()):
    if times[document] != (document in expected):
        problems.append(f"{document}: {times[document]} lines, not {int(document in expected)}")
for line in lines:
    value = line.get("value", {})
    form = {key: type(value[key]) for key in value}
    if form != {"name": str, "item": str, "quantity": int, "city": str} or value["quantity"] < 1 or "" in value.values():
        problems.append(f"{line['document']}: not the schema's form: {line}")
right = 0
for line in lines:
    value, wanted = line.get("value", {}), expected.get(line["document"], {})
    wrong = [f"{key} is {value.get(key)!r}, not {wanted[key]!r}" for key in wanted if value.get(key) != wanted[key]]
    right += not wrong
    if wrong:
        print(f"{line['document']}: {'; '.join(wrong)}")
print(f"{len(lines)} lines, {right} of {len(expected)} right in every field")
for problem in problems:
    print("problem:", problem)
sys.exit(1 if problems else 0)
