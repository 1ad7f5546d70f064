"""Greedy evaluation on held-out dialogues with really executed tools and no grammar.

    python3 evaluate.py MODEL --n 500 [--unseen] [--show 5]     MODEL: folder or checkpoint

A dialogue counts when all calls of its last turn equal the expected ones (names and arguments) and
the answer holds. Earlier turns are given as they should have gone. Weights are rounded to bfloat16.
"""
import argparse
import collections
import json
import os
import time

os.environ.setdefault('OMP_NUM_THREADS', '1')

import torch  # noqa: E402

import dialogues  # noqa: E402
from model import BF16, Decoder  # noqa: E402
from render import CALL, CALLS, CALLS_END, EOS, SEP, THINK, THINK_END, render  # noqa: E402
from tokenizer import Tokenizer  # noqa: E402
from train import HERE, load  # noqa: E402

STEPS_MAX = 5
BATCH = 128


def parse(text):
    """Generated text -> (thinking, calls or None, answer or None); both None when malformed."""
    thinking, mark, body = text.partition(THINK_END)
    thinking = thinking.removeprefix(THINK).strip('\n')
    if not mark or not body.endswith(EOS):
        return thinking, None, None
    body = body[:-len(EOS)].lstrip('\n')
    if CALLS not in body:
        return thinking, None, body
    calls = []
    for piece in body.split(CALLS, 1)[1].split(CALLS_END)[0].split(CALL)[1:]:
        try:
            name, rest = piece.split(SEP, 1)[1].split('\n```json\n', 1)
            calls.append((name, json.loads(rest.split('\n```')[0])))
        except (IndexError, ValueError):
            return thinking, None, None
    return thinking, calls, None


class Trial:
    """One dialogue from its last user message on."""

    def __init__(self, dialogue):
        start = max(i for i, item in enumerate(dialogue.items) if item[0] == 'user') + 1
        self.dialogue, self.items, self.state = dialogue, dialogue.items[:start], set()
        self.expected = [item[3] for item in dialogue.items[start:] if item[0] == 'assistant' and item[3]]
        self.made, self.answer, self.done, self.formed, self.text = [], None, False, True, ''

    def prompt(self):
        return ''.join(text for text, _ in render(self.items, self.dialogue.prompt()))

    def take(self, text):
        self.text += text
        thinking, calls, answer = parse(text)
        if not calls:
            self.done, self.answer, self.formed = True, answer, answer is not None
            return
        self.made.append(calls)
        results = []
        for name, arguments in calls:
            tool = self.dialogue.tool(name)
            try:
                results.append(tool.run(arguments, self.state) if tool else 'Error: no such tool')
            except Exception as error:
                results.append('Error: ' + type(error).__name__)
        self.text += '\n  -> ' + ' | '.join(results) + '\n'
        self.items = self.items + [('assistant', thinking, None, calls), ('tool', results)]
        self.done = len(self.made) == STEPS_MAX

    def calls_right(self):
        return self.made == self.expected

    def answer_right(self):
        check = self.dialogue.checks[-1]
        if self.answer is None:
            return False
        if 'contains' in check:
            return all(part in self.answer for part in check['contains'])
        try:
            return json.loads(self.answer) == check['json']
        except ValueError:
            return False


def play(decoder, tokenizer, trials):
    for _ in range(STEPS_MAX + 1):
        live = [(tokenizer.encode(t.prompt()), t) for t in trials if not t.done]
        live.sort(key=lambda pair: len(pair[0]))
        for at in range(0, len(live), BATCH):
            chunk = live[at:at + BATCH]
            for (_, trial), ids in zip(chunk, decoder.generate([p for p, _ in chunk])):
                trial.take(tokenizer.decode(ids))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('model')
    parser.add_argument('--tokenizer', default=os.path.join(HERE, 'model', 'tokenizer.json'))
    parser.add_argument('--n', type=int, default=500)
    parser.add_argument('--seed', default='test')
    parser.add_argument('--unseen', action='store_true', help='tools and arguments named from held-out material')
    parser.add_argument('--families', default='')
    parser.add_argument('--show', type=int, default=0, help='print this many failures')
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ['OMP_NUM_THREADS']))
    config, weights, biases = load(args.model)
    decoder = Decoder(config, {n: w.to(BF16) for n, w in weights.items()}, biases)
    families = args.families.split(',') if args.families else None
    trials = [Trial(dialogues.make(f'{args.seed}-{i}', args.unseen, families, test=True)[0]) for i in range(args.n)]
    started = time.time()
    play(decoder, Tokenizer(args.tokenizer), trials)
    table = collections.defaultdict(lambda: [0] * 5)
    for t in trials:
        calls, answer = t.calls_right(), t.answer_right()
        for row in (t.dialogue.family, 'ALL'):
            for i, value in enumerate([1, calls, answer, calls and answer, t.formed]):
                table[row][i] += value
    print(f'{args.n} dialogues, {"unseen" if args.unseen else "seen"} names, {time.time() - started:.0f} s')
    print('family         n  calls answer   both   form')
    for row in sorted(table, key=lambda r: (r == 'ALL', r)):
        n, *values = table[row]
        print(f'{row:11s} {n:4d}' + ''.join(f' {100 * v / n:6.1f}' for v in values))
    wrong = [t for t in trials if not (t.calls_right() and t.answer_right())]
    for t in wrong[:args.show]:
        print(f'\n--- {t.dialogue.family}: {t.dialogue.user_texts()[-1]}')
        for tool in t.dialogue.tools:
            print('  tool', tool.name, '|', tool.description, '|', ', '.join(tool.spec['parameters']['properties']))
        print(t.text, '\n  expected', t.expected, t.dialogue.checks[-1])


if __name__ == '__main__':
    main()
