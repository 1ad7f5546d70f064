"""Byte-level BPE: train, encode, decode. Reads and writes the tokenizer.json of Hugging Face tokenizers.

    python3 dialogues.py corpus --n 6000 --seed tok | python3 tokenizer.py train --vocab 1024 > tokenizer.json
"""
import argparse
import collections
import json
import re
import sys

from render import BOS, CONTROL, EOS, PAD

# Words with their leading space, single digits, runs of JSON structure, newlines, any other character.
PATTERN = r' ?[A-Za-z]+|[0-9]|[{}\[\]":,]+|\n+|[^A-Za-z0-9{}\[\]":,\n]'
PIECES = re.compile(PATTERN)
CONTROL_SPLIT = re.compile('(' + '|'.join(map(re.escape, CONTROL)) + ')')
WORD_CACHE_MAX = 200_000


def byte_characters():
    """byte -> printable character, the GPT-2 table that ByteLevel uses."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in printable}
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + len(table) - len(printable))
    return table


BYTE_TO_CHAR = byte_characters()
CHAR_TO_BYTE = {c: b for b, c in BYTE_TO_CHAR.items()}


def to_characters(piece):
    return [BYTE_TO_CHAR[b] for b in piece.encode()]


class Tokenizer:
    def __init__(self, path):
        with open(path) as file:
            data = json.load(file)
        self.vocab = dict(data['model']['vocab'])
        for token in data['added_tokens']:
            self.vocab[token['content']] = token['id']
        merges = [m.split(' ') if isinstance(m, str) else m for m in data['model']['merges']]
        self.rank = {tuple(pair): i for i, pair in enumerate(merges)}
        self.token = {i: t for t, i in self.vocab.items()}
        self.size = max(self.token) + 1
        self.cache = {}

    def encode_piece(self, piece):
        ids = self.cache.get(piece)
        if ids is None:
            parts = to_characters(piece)
            while len(parts) > 1:
                ranks = [self.rank.get(pair, len(self.rank)) for pair in zip(parts, parts[1:])]
                best = min(ranks)
                if best == len(self.rank):
                    break
                at = ranks.index(best)
                parts[at:at + 2] = [parts[at] + parts[at + 1]]
            ids = [self.vocab[part] for part in parts]
            if len(self.cache) < WORD_CACHE_MAX:
                self.cache[piece] = ids
        return ids

    def encode(self, text):
        """Control tokens are recognised in the text: for rendered dialogues only."""
        ids = []
        for part in CONTROL_SPLIT.split(text):
            if part in CONTROL:
                ids.append(self.vocab[part])
            else:
                for piece in PIECES.findall(part):
                    ids += self.encode_piece(piece)
        return ids

    def decode(self, ids):
        out, run = [], bytearray()
        for i in ids:
            token = self.token[int(i)]
            if token in CONTROL:
                out += [run.decode('utf8', 'replace'), token]
                run = bytearray()
            else:
                run += bytes(CHAR_TO_BYTE[c] for c in token)
        return ''.join(out) + run.decode('utf8', 'replace')


def train(texts, vocab_size):
    counts = collections.Counter()
    for text in texts:
        for part in CONTROL_SPLIT.split(text):
            if part not in CONTROL:
                counts.update(PIECES.findall(part))
    pieces, frequency = [to_characters(p) for p in counts], list(counts.values())
    pairs, places = collections.Counter(), collections.defaultdict(set)

    def count(index, sign):
        for pair in zip(pieces[index], pieces[index][1:]):
            pairs[pair] += sign * frequency[index]
            if sign > 0:
                places[pair].add(index)

    for index in range(len(pieces)):
        count(index, 1)
    merges = []
    while len(merges) < vocab_size - 256 - len(CONTROL):
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        if pairs[best] < 2:
            break
        merges.append(best)
        for index in list(places[best]):
            count(index, -1)
            parts, i = pieces[index], 0
            while i + 1 < len(parts):
                if (parts[i], parts[i + 1]) == best:
                    parts[i:i + 2] = [parts[i] + parts[i + 1]]
                i += 1
            count(index, 1)
        del pairs[best]
    tokens = CONTROL + list(BYTE_TO_CHAR.values()) + [a + b for a, b in merges]
    return tokenizer_json({t: i for i, t in enumerate(dict.fromkeys(tokens))}, merges)


def tokenizer_json(vocab, merges):
    split = {'type': 'Split', 'pattern': {'Regex': PATTERN}, 'behavior': 'Isolated', 'invert': False}
    bytelevel = {'type': 'ByteLevel', 'add_prefix_space': False, 'trim_offsets': False, 'use_regex': False}
    added = [{'id': i, 'content': t, 'special': t in (BOS, EOS, PAD), 'single_word': False, 'lstrip': False,
              'rstrip': False, 'normalized': False} for i, t in enumerate(CONTROL)]
    return {'version': '1.0', 'added_tokens': added, 'normalizer': None,
            'pre_tokenizer': {'type': 'Sequence', 'pretokenizers': [split, bytelevel]},
            'post_processor': None, 'decoder': bytelevel,
            'model': {'type': 'BPE', 'vocab': vocab, 'merges': [f'{a} {b}' for a, b in merges]}}


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('what', choices=['train'])
    parser.add_argument('--vocab', type=int, default=1024)
    args = parser.parse_args()
    json.dump(train([json.loads(line) for line in sys.stdin], args.vocab), sys.stdout, ensure_ascii=False, indent=0)
