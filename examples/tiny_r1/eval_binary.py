"""Accuracy of the shipped model through the praxis binary, mask on, tools really run; and controls.

Every dialogue is one `praxis run` a turn on a database of its own, greedy, with the tools of the
dialogue: the shipped calculator and search plugins, and two test plugins (`table` answers invented
tools from the dialogue's own table, `python` runs code under resource limits). A dialogue counts
when every call of every step (tool and arguments, as JSON values) and every final answer is right.

    python3 eval_binary.py --praxis BIN --plugins DIR [--n 500] [--unseen 300] [--controls 100]
"""
import argparse, concurrent.futures, json, os, pathlib, random, shutil, struct, subprocess, sys, tempfile, time

HERE = pathlib.Path(__file__).resolve().parent


def dialogues(n, seed, unseen=False, extra=()):
    command = [sys.executable, str(HERE / "dialogues.py"), "eval", "--n", str(n), "--seed", seed]
    out = subprocess.run(command + (["--unseen"] if unseen else []) + list(extra), check=True, capture_output=True, text=True)
    return [json.loads(line) for line in out.stdout.splitlines()]


class Harness:
    def __init__(self, praxis, plugins, model):
        self.praxis, self.plugins, self.model = praxis, pathlib.Path(plugins), model

    def command(self, dialogue, folder):
        """The flags that give a run the dialogue's tools, and nothing else."""
        flags = ["--json", "--temperature", "0", "--seed", "1", "--max-steps", "6", "--max-tokens", "400",
                 "--db", str(folder / "run.db"), "--tools", ",".join(t["spec"]["name"] for t in dialogue["tools"])]
        if self.model:
            flags += ["--model", str(self.model)]
        tables = [t for t in dialogue["tools"] if t["kind"] == "table"]
        if tables:
            file = folder / "table.json"
            file.write_text(json.dumps({"tools": tables}, ensure_ascii=False))
            flags += ["--plugin", str(self.plugins / "table.so"), "--plugin-config", "table=" + json.dumps({"file": str(file)})]
        for tool in dialogue["tools"]:
            if tool["kind"] == "python":
                flags += ["--plugin", str(self.plugins / "python.so")]
            if tool["kind"] == "search":
                docs = folder / "docs"
                docs.mkdir()
                for name, text in tool["documents"].items():
                    (docs / name).write_text(text)
                flags += ["--docs", str(docs)]
        if dialogue.get("schema"):
            file = folder / "schema.json"
            file.write_text(json.dumps(dialogue["schema"], ensure_ascii=False))
            flags += ["--schema", str(file)]
        return flags

    def play(self, dialogue):
        """-> one {"calls": [[{name, arguments}, …] per step], "answer", "status", "results"} a turn"""
        with tempfile.TemporaryDirectory(prefix="praxis-eval-") as name:
            folder = pathlib.Path(name)
            flags = self.command(dialogue, folder)
            if dialogue.get("system"):
                flags += ["--system", dialogue["system"]]
            turns = []
            for turn in dialogue["turns"]:
                again = ["--continue"] if turns else []
                done = subprocess.run([self.praxis, "run", turn["user"]] + flags + again, capture_output=True, text=True,
                                      timeout=120, env={**os.environ, "HOME": name})
                turns.append(self.read(done))
            return turns

    @staticmethod
    def read(done):
        steps, results, final = {}, [], None
        step = 0
        for line in done.stdout.splitlines():
            event = json.loads(line)
            if event["type"] == "step.started":
                step = event["step"]
            elif event["type"] == "call.started":
                steps.setdefault(step, []).append({"name": event["name"], "arguments": event["arguments"]})
            elif event["type"] == "call.finished":
                results.append(event["result"])
            elif event["type"] == "run.finished":
                final = event
        if final is None:
            raise RuntimeError(f"no run.finished; exit {done.returncode}: {done.stderr.strip()}")
        return {"calls": [steps[k] for k in sorted(steps)], "answer": final["answer"], "status": final["status"], "results": results}


def answer_right(expected, answer):
    if "json" in expected:
        try:
            return json.loads(answer) == expected["json"]
        except ValueError:
            return False
    return all(part in answer for part in expected["contains"])


def dialogue_right(dialogue, turns):
    return all(t["status"] == "completed" and t["calls"] == g["calls"] and answer_right(g["answer"], t["answer"])
               for g, t in zip(dialogue["turns"], turns))


def play_all(harness, items, jobs):
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(harness.play, items))


def table(title, items, played, verbose=False):
    count = {}
    for item, turns in zip(items, played):
        right = dialogue_right(item, turns)
        for family in (item["family"], "ALL"):
            total = count.setdefault(family, [0, 0])
            total[0] += 1
            total[1] += right
        if verbose and not right:
            print(json.dumps({"family": item["family"], "turns": item["turns"], "got": turns}, ensure_ascii=False))
    print(f"\n{title}\n{'family':12s} {'n':>5s} {'right':>6s} {'%':>6s}")
    for family in sorted(count, key=lambda f: (f == "ALL", f)):
        n, right = count[family]
        print(f"{family:12s} {n:5d} {right:6d} {100 * right / n:6.1f}")
    return {family: 100 * right / n for family, (n, right) in count.items()}


def single_calculator(items):
    """Arithmetic dialogues of one turn, with the shipped calculator."""
    return [d for d in items if d["family"] == "arithmetic" and len(d["turns"]) == 1
            and len(d["turns"][0]["calls"]) == 1 and any(t["kind"] == "calculator" for t in d["tools"])]


def control_wrong(harness, items, jobs):
    """The calculator lies: is the answer its number? (Nobody computed it in the head.)"""
    rng = random.Random(7)
    lied = []
    for d in items:
        secret = str(rng.randint(100000, 999999))
        tools = [dict(t, kind="table", table=[], otherwise=secret) if t["kind"] == "calculator" else t for t in d["tools"]]
        lied.append(dict(d, tools=tools, secret=secret))
    played = play_all(harness, lied, jobs)
    said = sum(d["secret"] in turns[0]["answer"] for d, turns in zip(lied, played))
    print(f"\n(a) a lying calculator: its number is the answer in {said} of {len(lied)}")
    return said, len(lied)


def control_missing(harness, items, jobs):
    """The one tool that could help is taken off the list."""
    cut = [dict(d, tools=[t for t in d["tools"] if t["kind"] not in ("calculator", "python")]) for d in items]
    needed = {id(d): d["turns"][0]["calls"][0][0]["name"] for d in cut}
    played = play_all(harness, cut, jobs)
    called = sum(any(c["name"] == needed[id(d)] for step in t[0]["calls"] for c in step) for d, t in zip(cut, played))
    honest = sum("cannot" in t[0]["answer"] for t in played)
    print(f"(b) the tool is not there: called in {called}, says that it cannot be done in {honest} of {len(cut)}")
    return called, honest, len(cut)


def shuffled_model(source, target, seed=3):
    """A copy of the model folder whose experts' values, routed and shared, are permuted within each tensor."""
    shutil.copytree(source, target)
    file = pathlib.Path(target) / "model.safetensors"
    raw = bytearray(file.read_bytes())
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    rng = random.Random(seed)
    for name, tensor in header.items():
        if ".mlp.experts." not in name and ".mlp.shared_experts." not in name:
            continue
        begin, end = (8 + size + offset for offset in tensor["data_offsets"])
        width = {"BF16": 2, "F32": 4}[tensor["dtype"]]
        values = [bytes(raw[i:i + width]) for i in range(begin, end, width)]
        rng.shuffle(values)
        raw[begin:end] = b"".join(values)
    file.write_bytes(raw)


def handwritten():
    """Questions written by hand; right: the expected tools were called and the value is in the answer."""
    tools = json.loads((HERE / "handwritten_tools.json").read_text())
    items = []
    for line in (HERE / "handwritten.jsonl").read_text().splitlines():
        entry = json.loads(line)
        items.append({"family": entry["family"], "system": "", "tools": [tools[name] for name in entry["tools"]], "schema": entry.get("schema"),
                      "turns": [{"user": entry["user"], "called": entry["called"], "answer": entry["answer"]}]})
    return items


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--praxis", required=True, help="the praxis binary")
    ap.add_argument("--plugins", required=True, help="folder of the test plugins table.so and python.so")
    ap.add_argument("--model", default="", help="model folder (default: the shipped one)")
    ap.add_argument("--n", type=int, default=500, help="held-out dialogues")
    ap.add_argument("--unseen", type=int, default=300, help="held-out dialogues with unseen tool names")
    ap.add_argument("--controls", type=int, default=100, help="dialogues per control; 0: none")
    ap.add_argument("--seed", default="held-out", help="of the dialogues; choose weights with another one, say dev")
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    ap.add_argument("--show", action="store_true", help="print what went wrong")
    a = ap.parse_args()
    harness, begun = Harness(a.praxis, a.plugins, a.model), time.time()

    items = dialogues(a.n, a.seed)
    table(f"held-out dialogues (n={a.n})", items, play_all(harness, items, a.jobs), a.show)
    if a.unseen:
        items = dialogues(a.unseen, a.seed + "-unseen", unseen=True)
        table(f"unseen tool and argument names (n={a.unseen})", items, play_all(harness, items, a.jobs), a.show)
    if a.controls:
        pool = single_calculator(dialogues(a.controls * 40, a.seed + "-control"))[:a.controls]
        control_wrong(harness, pool, a.jobs)
        control_missing(harness, pool, a.jobs)
        with tempfile.TemporaryDirectory(prefix="praxis-eval-") as name:
            broken = pathlib.Path(name) / "model"
            shuffled_model(pathlib.Path(a.model) if a.model else HERE / "model", broken)
            items = dialogues(a.controls, a.seed + "-shuffled")
            played = play_all(Harness(a.praxis, a.plugins, broken), items, a.jobs)
            right = sum(dialogue_right(d, t) for d, t in zip(items, played))
            print(f"(c) experts' weights shuffled: {right} of {len(items)} right")
        items = handwritten()
        played = play_all(harness, items, a.jobs)
        count = {}
        for item, turns in zip(items, played):
            turn = item["turns"][0]
            names = [c["name"] for step in turns[0]["calls"] for c in step]
            right = names == turn["called"] and answer_right(turn["answer"], turns[0]["answer"])
            for family in (item["family"], "ALL"):
                total = count.setdefault(family, [0, 0])
                total[0] += 1
                total[1] += right
            if a.show and not right:
                print(json.dumps({"user": turn["user"], "got": turns}, ensure_ascii=False))
        print("(d) written by hand: " + ", ".join(f"{f} {r}/{n}" for f, (n, r) in sorted(count.items())))
    print(f"\n{time.time() - begun:.0f} s")


if __name__ == "__main__":
    main()
