"""Trains the model on freshly generated dialogues: Muon for hidden matrices, AdamW for the rest.

    python3 train.py --out RUN --minutes 75 --ranks 2 [--init FOLDER_OR_CHECKPOINT] [--tokenizer FILE]

On CPU the ranks are processes that take the small batches of a step from one counter, so that a rank
on a busy core takes fewer; gradients meet in shared memory, and each rank updates its share of the
weights. On a CUDA device there is one process. The learning rate follows
wall time, so a run always lands. Writes RUN/log.txt and RUN/checkpoint.pt (the newest state).
"""
import argparse
import math
import os
import random
import sys
import time

os.environ['OMP_NUM_THREADS'] = '1'
os.environ['OPENBLAS_NUM_THREADS'] = '1'
os.environ['ONEDNN_PRIMITIVE_CACHE_CAPACITY'] = '20000'

import torch  # noqa: E402
import torch.multiprocessing as mp  # noqa: E402
import torch.nn.functional as F  # noqa: E402

import dialogues  # noqa: E402
from model import BF16, CONFIG, EMBED, PlainOps, forward, initial_weights, load_folder  # noqa: E402
from tokenizer import Tokenizer  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
LENGTH_STEP, SELECTED_STEP = 16, 128  # padding, so that few matrix shapes occur
DIALOGUE_TOKENS_MAX = 800
POOL_BATCHES = 16
MOMENTUM, BETAS, CLIP = .95, (.9, .95), 1.
IGNORE = -100


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument('--out', required=True)
    p.add_argument('--tokenizer', default=os.path.join(HERE, 'model', 'tokenizer.json'))
    p.add_argument('--init', default='', help='folder or checkpoint to start from')
    p.add_argument('--minutes', type=float, default=60)
    p.add_argument('--ranks', type=int, default=2)
    p.add_argument('--tokens', type=int, default=2048, help='tokens in a small batch')
    p.add_argument('--batches', type=int, default=6, help='small batches in a step')
    p.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    p.add_argument('--lr', type=float, default=.02)
    p.add_argument('--adam-lr', type=float, default=3e-3)
    p.add_argument('--decay', type=float, default=.05)
    p.add_argument('--warmup', type=float, default=.01)
    p.add_argument('--cooldown', type=float, default=.5, help='share of the run in which the rate falls to 0')
    p.add_argument('--curriculum', type=float, default=0., help='share of the run with simple families only')
    p.add_argument('--bias-rate', type=float, default=.005)
    p.add_argument('--seed', default='train')
    p.add_argument('--families', default='')
    return p.parse_args()


def load(path):
    if os.path.isdir(path):
        return load_folder(path)
    state = torch.load(path, map_location='cpu')
    return state['config'], state['weights'], state['biases']


def save(path, config, weights, biases):
    state = {'config': config, 'weights': {n: w.detach().cpu().clone() for n, w in weights.items()},
             'biases': {l: b.cpu().clone() for l, b in biases.items()}}
    torch.save(state, path + '.part')
    os.replace(path + '.part', path)


def encode(tokenizer, segments):
    """-> (ids, flags: the model is trained to write this token)"""
    ids, flags = [], []
    for text, trained in segments:
        part = tokenizer.encode(text)
        ids += part
        flags += [trained] * len(part)
    return ids, flags


def batches(tokenizer, seed, budget, stage):
    """Endless (ids, selected, targets): dialogues of similar length, about `budget` tokens.

    stage() -> (families or None, distractors at most).
    """
    number, rng = 0, random.Random(seed)
    while True:
        families, distractors_max = stage()
        pool = []
        while sum(len(ids) for ids, _ in pool) < POOL_BATCHES * budget:
            ids, flags = encode(tokenizer, dialogues.training_segments(f'{seed}-{number}', families, distractors_max))
            number += 1
            if len(ids) <= DIALOGUE_TOKENS_MAX:
                pool.append((ids, flags))
        pool.sort(key=lambda item: len(item[0]))
        groups = []
        while pool:
            length = -(-(len(pool[-1][0]) - 1) // LENGTH_STEP) * LENGTH_STEP
            count = max(1, budget // length)
            if len(pool) < count:
                break
            groups.append((length, pool[-count:]))
            del pool[-count:]
        rng.shuffle(groups)
        for length, group in groups:
            yield pack(length, group)


def pack(length, group):
    rows, selected, targets = torch.full((len(group), length), 2), [], []
    for row, (ids, flags) in enumerate(group):
        used = min(length, len(ids))
        rows[row, :used] = torch.tensor(ids[:used])
        for i in range(1, len(ids)):
            if flags[i]:
                selected.append(row * length + i - 1)
                targets.append(ids[i])
    padding = -len(selected) % SELECTED_STEP
    return rows, torch.tensor(selected + [0] * padding), torch.tensor(targets + [IGNORE] * padding)


def orthogonal(matrix):
    """Five Newton-Schulz steps towards the nearest (semi-)orthogonal matrix, batched."""
    x = matrix.to(BF16)
    tall = x.shape[-2] > x.shape[-1]
    x = x.transpose(-2, -1) if tall else x
    x = x / (x.float().norm(dim=(-2, -1), keepdim=True) + 1e-7).to(BF16)
    for _ in range(5):
        square = x @ x.transpose(-2, -1)
        x = 3.4445 * x + (2.0315 * (square @ square) - 4.7750 * square) @ x
    return (x.transpose(-2, -1) if tall else x).float()


def is_hidden_matrix(name, weight):
    return weight.dim() >= 2 and name != EMBED and not name.endswith('mlp.gate.weight')


class Optimiser:
    """Updates the named weights in place from given gradients."""

    def __init__(self, args, weights, names):
        self.args, self.weights, self.step_count = args, weights, 0
        self.first = {n: torch.zeros_like(weights[n]) for n in names}
        self.second = {n: torch.zeros_like(weights[n]) for n in names if not is_hidden_matrix(n, weights[n])}

    @torch.no_grad()
    def step(self, gradient_of, factor):
        args, beta1, beta2 = self.args, *BETAS
        self.step_count += 1
        for name, first in self.first.items():
            w, g = self.weights[name], gradient_of(name)
            if name not in self.second:
                rate = args.lr * factor
                first.mul_(MOMENTUM).add_(g)
                update = orthogonal(g.add(first, alpha=MOMENTUM)) * math.sqrt(max(1, w.shape[-2] / w.shape[-1]))
                w.mul_(1 - rate * args.decay).sub_(update, alpha=rate)
                continue
            rate, second = args.adam_lr * factor, self.second[name]
            first.mul_(beta1).add_(g, alpha=1 - beta1)
            second.mul_(beta2).addcmul_(g, g, value=1 - beta2)
            mean, square = first / (1 - beta1**self.step_count), second / (1 - beta2**self.step_count)
            w.sub_(mean / (square.sqrt() + 1e-8), alpha=rate)


class Shared:
    """What the ranks exchange: one gradient row each, and per rank loss, counts and expert loads."""

    def __init__(self, ranks, weights, biases, device):
        self.span, offset = {}, 0
        for name, w in weights.items():
            self.span[name] = slice(offset, offset + w.numel())
            offset += w.numel()
        self.gradients = torch.zeros(ranks, offset, device=device)
        self.loads = torch.zeros(ranks, len(biases), len(next(iter(biases.values()))), device=device)
        self.counts = torch.zeros(ranks, 3)  # summed loss, tokens, trained tokens
        self.stop = torch.zeros(1)
        self.taken = mp.get_context('fork').Value('q', 0)  # small batches taken in this step
        if device == 'cpu':
            for tensor in (self.gradients, self.loads, self.counts, self.stop):
                tensor.share_memory_()


def own_names(weights, rank, ranks):
    """A share of the weights, balanced by the cost of their update."""
    cost = {n: w.numel() * (3 if is_hidden_matrix(n, w) else 1) for n, w in weights.items()}
    load, names = [0] * ranks, [[] for _ in range(ranks)]
    for name in sorted(cost, key=cost.get, reverse=True):
        at = load.index(min(load))
        load[at] += cost[name]
        names[at].append(name)
    return names[rank]


def take(counter):
    with counter.get_lock():
        counter.value += 1
        return counter.value - 1


def work(rank, args, config, weights, biases, shared, barrier, started):
    torch.set_num_threads(1)
    if args.device == 'cpu':
        from fused import FusedOps as ops
    else:
        ops = PlainOps
    ranks = len(shared.gradients)
    tokenizer = Tokenizer(args.tokenizer)
    wait = barrier.wait if barrier else lambda: None
    optimiser = Optimiser(args, weights, own_names(weights, rank, ranks))
    share_done = lambda: (time.time() - started) / (args.minutes * 60)  # noqa: E731
    families = args.families.split(',') if args.families else None

    def stage():
        return (dialogues.SIMPLE, 1) if share_done() < args.curriculum else (families, 6)

    source = batches(tokenizer, f'{args.seed}-{rank}', args.tokens, stage)
    tokens, steps, smooth, saved = 0, 0, None, time.time()
    log = open(os.path.join(args.out, 'log.txt'), 'a') if rank == 0 else None
    while True:
        done = share_done()
        if rank == 0 and done >= 1:
            shared.stop[0] = 1
        wait()
        if shared.stop[0]:
            break
        for w in weights.values():
            w.grad = None
        shared.counts[rank] = 0
        shared.loads[rank] = 0
        while take(shared.taken) < args.batches:
            ids, selected, targets = next(source)
            on = [t.to(args.device) for t in (ids, selected, targets)]
            logits, loads = forward(config, weights, biases, *on[:2], ops)
            loss = F.cross_entropy(logits, on[2], reduction='sum')
            loss.backward()
            shared.counts[rank] += torch.tensor([loss.item(), ids.numel(), int((targets != IGNORE).sum())])
            for at, layer in enumerate(sorted(loads)):
                shared.loads[rank, at] += loads[layer]
        for name, span in shared.span.items():
            grad = weights[name].grad
            shared.gradients[rank, span] = 0 if grad is None else grad.reshape(-1)
        wait()
        loss_sum, _, trained = shared.counts.sum(0).tolist()
        scale = 1 / trained
        norm = float(shared.gradients.sum(0).norm()) * scale
        scale *= min(1., CLIP / (norm + 1e-6))

        def gradient_of(name):
            return (shared.gradients[:, shared.span[name]].sum(0) * scale).view_as(weights[name])

        factor = min(1., done / args.warmup, max(0., 1 - done) / args.cooldown)
        optimiser.step(gradient_of, factor)
        if rank == 0:
            with torch.no_grad():
                for at, layer in enumerate(sorted(biases)):
                    load = shared.loads[:, at].sum(0)
                    biases[layer] += torch.sign(load.mean() - load) * args.bias_rate * factor
            steps += 1
            tokens += int(shared.counts[:, 1].sum())
            now = loss_sum / trained
            shared.taken.value = 0
            smooth = now if smooth is None else .98 * smooth + .02 * now
            if steps % 50 == 0:
                total = shared.loads.sum(0)
                worst = ','.join(f'{float(x):.2f}' for x in total.max(1)[0] / total.mean(1))
                seconds = time.time() - started
                print(f'{steps} {seconds:.0f}s {tokens / 1e6:.2f}M {tokens / seconds:.0f}tok/s loss={smooth:.4f} '
                      f'norm={norm:.2f} rate={factor:.3f} load={worst}', file=log, flush=True)
            if time.time() - saved > 120:
                saved = time.time()
                save(os.path.join(args.out, 'checkpoint.pt'), config, weights, biases)
        wait()
    if rank == 0:
        save(os.path.join(args.out, 'checkpoint.pt'), config, weights, biases)
        print(f'done: {steps} steps, {tokens} tokens', file=log, flush=True)


def main():
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    if args.init:
        config, weights, biases = load(args.init)
        config['max_position_embeddings'] = CONFIG['max_position_embeddings']
    else:
        config = dict(CONFIG, vocab_size=Tokenizer(args.tokenizer).size)
        weights, biases = initial_weights(config)
    weights = {n: w.to(args.device).requires_grad_() for n, w in weights.items()}
    biases = {l: b.to(args.device) for l, b in biases.items()}
    ranks = args.ranks if args.device == 'cpu' else 1
    shared = Shared(ranks, weights, biases, args.device)
    if ranks == 1:
        return work(0, args, config, weights, biases, shared, None, time.time())
    for tensor in [*weights.values(), *biases.values()]:
        tensor.data.share_memory_()
    context = mp.get_context('fork')
    barrier, started = context.Barrier(ranks), time.time()
    processes = [context.Process(target=work, args=(r, args, config, weights, biases, shared, barrier, started)) for r in range(ranks)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return max(process.exitcode for process in processes)


if __name__ == '__main__':
    sys.exit(main())
