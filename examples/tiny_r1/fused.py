"""The operations of `model.forward` for one CPU core, on bfloat16 matrix products and kernels.cpp.

oneDNN compiles a kernel per matrix shape, so shapes are kept few: expert segments are padded to a
multiple of 64 rows, and the trainer pads lengths and selected rows. Attention works on blocks of
query rows, each against the keys up to its own end, which skips most of the masked half.
"""
import ctypes
import os
import subprocess
import tempfile

os.environ.setdefault('ONEDNN_PRIMITIVE_CACHE_CAPACITY', '20000')

import numpy as np  # noqa: E402
import torch  # noqa: E402

from model import BF16  # noqa: E402

SEGMENT = 64
QUERY_BLOCK = 128


def compile_kernels():
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'kernels.cpp')
    with tempfile.TemporaryDirectory() as folder:
        library = os.path.join(folder, 'kernels.so')
        subprocess.run([os.environ.get('CXX', 'g++'), '-O3', '-march=native', '-ffast-math', '-shared', '-fPIC', source, '-o', library], check=True)
        return ctypes.CDLL(library)


KERNELS = compile_kernels()


class HeadSizes(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int64) for n in ('batch', 'length', 'heads', 'nope', 'rope', 'value')]


def run(name, *args):
    """Tensors go by address and must be contiguous, ints as int64, floats as float."""
    def convert(a):
        if isinstance(a, torch.Tensor):
            assert a.is_contiguous()
            return ctypes.c_void_p(a.data_ptr())
        if isinstance(a, HeadSizes):
            return ctypes.byref(a)
        return ctypes.c_void_p() if a is None else ctypes.c_float(a) if isinstance(a, float) else ctypes.c_int64(a)
    getattr(KERNELS, name)(*map(convert, args))


def empty(*shape):
    return torch.empty(shape, dtype=BF16)


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gain):
        x = x.contiguous()
        y, inverse = torch.empty_like(x, dtype=BF16), torch.empty(len(x))
        run('norm_forward', *x.shape, x, gain, y, inverse)
        ctx.save_for_backward(x, gain, inverse)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, gain, inverse = ctx.saved_tensors
        dx, dgain = torch.empty_like(x), torch.zeros_like(gain)
        run('norm_backward', *x.shape, x, gain, inverse, dy.contiguous(), dx, dgain)
        return dx, dgain


class Swiglu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gate_up):
        rows, width = gate_up.shape[0], gate_up.shape[1] // 2
        out = empty(rows, width)
        run('swiglu_forward', rows, width, gate_up, out)
        ctx.save_for_backward(gate_up)
        return out

    @staticmethod
    def backward(ctx, dout):
        gate_up, = ctx.saved_tensors
        d = torch.empty_like(gate_up)
        run('swiglu_backward', *dout.shape, gate_up, dout.contiguous(), d)
        return d


class Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, query, kv, key_rope, table, batch, s):
        length = query.shape[0] // batch
        sizes = HeadSizes(batch, length, s.heads, s.nope, s.rope, s.value)
        rows, width = batch * s.heads, s.nope + s.rope
        Q, K, V, O = empty(rows, length, width), empty(rows, length, width), empty(rows, length, s.value), empty(rows, length, s.value)
        run('split_heads', sizes, query, kv, key_rope, table, Q, K, V)
        blocks = []
        for first in range(0, length, QUERY_BLOCK):
            end = min(length, first + QUERY_BLOCK)
            P = torch.bmm(Q[:, first:end], K[:, :end].transpose(1, 2))
            run('softmax_forward', rows, end - first, end, first, s.scale, P)
            O[:, first:end] = torch.bmm(P, V[:, :end])
            blocks.append(P)
        out = empty(batch * length, s.heads * s.value)
        run('merge_heads', sizes, O, out)
        ctx.save_for_backward(Q, K, V, table, *blocks)
        ctx.sizes, ctx.scale = sizes, s.scale
        return out

    @staticmethod
    def backward(ctx, dout):
        Q, K, V, table, *blocks = ctx.saved_tensors
        z, (rows, length, width) = ctx.sizes, Q.shape
        dO, dQ, dK, dV = torch.empty_like(V), torch.empty_like(Q), torch.zeros_like(K), torch.zeros_like(V)
        run('unmerge_heads', z, dout.contiguous(), dO)
        for i, P in enumerate(blocks):
            first = i * QUERY_BLOCK
            end = first + P.shape[1]
            dV[:, :end] += torch.bmm(P.transpose(1, 2), dO[:, first:end])
            dS = torch.bmm(dO[:, first:end], V[:, :end].transpose(1, 2))
            run('softmax_backward', rows, end - first, end, first, ctx.scale, P, dS)
            dQ[:, first:end] = torch.bmm(dS, K[:, :end])
            dK[:, :end] += torch.bmm(dS.transpose(1, 2), Q[:, first:end])
        tokens = z.batch * length
        dquery, dkv, dkey_rope = empty(tokens, z.heads * width), empty(tokens, z.heads * (z.nope + z.value)), empty(tokens, z.rope)
        run('split_heads_backward', z, dQ, dK, dV, table, dquery, dkv, dkey_rope)
        return dquery, dkv, dkey_rope, None, None, None


def expert_order(chosen, experts):
    """-> (source row of each slot, slot of each (row, k), padded segment length per expert)"""
    flat = chosen.reshape(-1).numpy()
    order = np.argsort(flat, kind='stable')
    real = np.bincount(flat, minlength=experts)
    padded = (real + SEGMENT - 1) // SEGMENT * SEGMENT
    shift = np.repeat((np.cumsum(padded) - padded) - (np.cumsum(real) - real), real)
    slots = np.arange(len(order)) + shift
    source, place = np.zeros(int(padded.sum()), np.int64), np.empty_like(order)
    source[slots] = order // chosen.shape[1]
    place[order] = slots
    return torch.from_numpy(source), torch.from_numpy(place), padded.tolist()


def segments(lengths):
    start = 0
    for expert, length in enumerate(lengths):
        if length:
            yield expert, slice(start, start + length)
        start += length


class Experts(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, share, chosen, gate_up, down):
        source, place, lengths = expert_order(chosen, len(gate_up))
        rows, width, inner = len(source), x.shape[1], down.shape[2]
        xs, gu, hidden, ys = empty(rows, width), empty(rows, 2 * inner), empty(rows, inner), empty(rows, width)
        run('gather_rows', rows, width, x, source, xs)
        for e, part in segments(lengths):
            torch.mm(xs[part], gate_up[e].t(), out=gu[part])
        run('swiglu_forward', rows, inner, gu, hidden)
        for e, part in segments(lengths):
            torch.mm(hidden[part], down[e].t(), out=ys[part])
        share, out = share.contiguous(), empty(*x.shape)
        run('combine_forward', *chosen.shape, width, ys, place, share, out)
        ctx.save_for_backward(share, gate_up, down, xs, gu, hidden, ys, place)
        ctx.lengths = lengths
        return out

    @staticmethod
    def backward(ctx, dout):
        share, gate_up, down, xs, gu, hidden, ys, place = ctx.saved_tensors
        dys, dshare = torch.zeros_like(ys), torch.empty_like(share)
        run('combine_backward', *share.shape, xs.shape[1], ys, place, share, dout.contiguous(), dys, dshare)
        dhidden, dgu, dxs = torch.empty_like(hidden), torch.empty_like(gu), torch.empty_like(xs)
        dgate_up, ddown = torch.zeros_like(gate_up), torch.zeros_like(down)
        for e, part in segments(ctx.lengths):
            torch.mm(dys[part], down[e], out=dhidden[part])
            torch.mm(dys[part].t(), hidden[part], out=ddown[e])
        run('swiglu_backward', *hidden.shape, gu, dhidden, dgu)
        for e, part in segments(ctx.lengths):
            torch.mm(dgu[part], gate_up[e], out=dxs[part])
            torch.mm(dgu[part].t(), xs[part], out=dgate_up[e])
        dx = empty(len(share), xs.shape[1])
        run('combine_forward', *share.shape, xs.shape[1], dxs, place, None, dx)
        return dx, dshare, None, dgate_up, ddown


class FusedOps:
    norm, swiglu, attention, experts = Norm.apply, Swiglu.apply, Attention.apply, Experts.apply
