"""The DeepSeek-V3 architecture at toy size: MLA attention and sigmoid-routed experts (noaux_tc).

Weights live in a plain dict under the names of the Hugging Face checkpoint, except that a gate and
an up projection stand fused in one matrix and all routed experts of a layer in one tensor. The
embedding is tied to the output head while training; the exported folder carries a copied head.

`forward` takes its heavy operations from an object (`PlainOps` here, `FusedOps` in fused.py).
Residual stream, norms and routing are float32, matrix products bfloat16.
"""
import json
import math
import os
import struct

import torch
import torch.nn.functional as F

CONFIG = {
    'architectures': ['DeepseekV3ForCausalLM'], 'model_type': 'deepseek_v3', 'vocab_size': 1024,
    'hidden_size': 192, 'intermediate_size': 512, 'moe_intermediate_size': 96, 'num_hidden_layers': 4,
    'num_attention_heads': 4, 'num_key_value_heads': 4, 'n_shared_experts': 1, 'n_routed_experts': 8,
    'num_experts_per_tok': 2, 'n_group': 4, 'topk_group': 2, 'routed_scaling_factor': 1.5,
    'norm_topk_prob': True, 'scoring_func': 'sigmoid', 'topk_method': 'noaux_tc',
    'first_k_dense_replace': 1, 'moe_layer_freq': 1, 'kv_lora_rank': 64, 'q_lora_rank': 96,
    'qk_nope_head_dim': 32, 'qk_rope_head_dim': 16, 'v_head_dim': 32, 'hidden_act': 'silu',
    'max_position_embeddings': 4096, 'rope_theta': 1000, 'rope_scaling': None, 'rms_norm_eps': 1e-6,
    'tie_word_embeddings': False, 'num_nextn_predict_layers': 0, 'attention_bias': False,
    'bos_token_id': 0, 'eos_token_id': 1, 'pad_token_id': 2, 'torch_dtype': 'bfloat16'}
EMBED, NORM, HEAD = 'model.embed_tokens.weight', 'model.norm.weight', 'lm_head.weight'
EPSILON = 1e-6
BF16 = torch.bfloat16


class Shape:
    """The config's sizes under short names."""

    def __init__(self, config):
        self.hidden, self.layers, self.heads = config['hidden_size'], config['num_hidden_layers'], config['num_attention_heads']
        self.nope, self.rope, self.value = config['qk_nope_head_dim'], config['qk_rope_head_dim'], config['v_head_dim']
        self.query_rank, self.kv_rank = config['q_lora_rank'], config['kv_lora_rank']
        self.dense_layers, self.experts, self.active = config['first_k_dense_replace'], config['n_routed_experts'], config['num_experts_per_tok']
        self.scale = 1 / math.sqrt(self.nope + self.rope)


def weight_shapes(config):
    s, inner = Shape(config), config['moe_intermediate_size']
    shared = inner * config['n_shared_experts']
    shapes = {EMBED: (config['vocab_size'], s.hidden), NORM: (s.hidden,)}
    for layer in range(s.layers):
        p = f'model.layers.{layer}.'
        a, m = p + 'self_attn.', p + 'mlp.'
        shapes |= {
            p + 'input_layernorm.weight': (s.hidden,), p + 'post_attention_layernorm.weight': (s.hidden,),
            a + 'q_a_proj.weight': (s.query_rank, s.hidden), a + 'q_a_layernorm.weight': (s.query_rank,),
            a + 'q_b_proj.weight': (s.heads * (s.nope + s.rope), s.query_rank),
            a + 'kv_a_proj_with_mqa.weight': (s.kv_rank + s.rope, s.hidden), a + 'kv_a_layernorm.weight': (s.kv_rank,),
            a + 'kv_b_proj.weight': (s.heads * (s.nope + s.value), s.kv_rank),
            a + 'o_proj.weight': (s.hidden, s.heads * s.value)}
        if layer < s.dense_layers:
            shapes |= {m + 'gate_up': (2 * config['intermediate_size'], s.hidden), m + 'down': (s.hidden, config['intermediate_size'])}
        else:
            shapes |= {m + 'gate.weight': (s.experts, s.hidden),
                       m + 'experts.gate_up': (s.experts, 2 * inner, s.hidden), m + 'experts.down': (s.experts, s.hidden, inner),
                       m + 'shared_experts.gate_up': (2 * shared, s.hidden), m + 'shared_experts.down': (s.hidden, shared)}
    return shapes


def initial_weights(config, seed=0):
    """-> (weights, router biases by layer)"""
    generator = torch.Generator().manual_seed(seed)
    s, weights = Shape(config), {}
    for name, shape in weight_shapes(config).items():
        if len(shape) == 1:
            weights[name] = torch.full(shape, .3 if name == NORM else 1.)
            continue
        values = torch.randn(shape, generator=generator)
        if name == EMBED:
            values *= .1
        elif name.endswith('gate.weight'):
            values *= .02
        else:
            values *= .8 / math.sqrt(shape[-1])
            if name.endswith('down') or 'o_proj' in name:
                values /= math.sqrt(2 * s.layers)
        weights[name] = values
    return weights, {layer: torch.zeros(s.experts) for layer in range(s.dense_layers, s.layers)}


# ---------------------------------------------------------------- operations

def rope_table(config, length, device=None):
    """(length, rope dim): cos and sin interleaved, as the rotated pairs are."""
    dim = config['qk_rope_head_dim']
    rate = config['rope_theta'] ** (-torch.arange(0, dim, 2, device=device).float() / dim)
    angle = torch.arange(length, device=device).float()[:, None] * rate
    return torch.stack([angle.cos(), angle.sin()], -1).flatten(1).contiguous()


def rotate(x, table):
    """Rotate interleaved pairs of the last dimension; table broadcasts against x."""
    even, odd, cos, sin = x[..., 0::2], x[..., 1::2], table[..., 0::2], table[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


def rms_norm(x, gain):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPSILON) * gain


def swiglu(gate_up):
    gate, up = gate_up.chunk(2, -1)
    return F.silu(gate) * up


def route(config, scores, bias):
    """scores (N, experts) after the sigmoid -> chosen experts (N, k) and their weights.

    The bias steers only the choice. Groups are ranked by the sum of their two best experts.
    """
    biased, groups = scores.detach() + bias, config['n_group']
    count, experts = biased.shape
    if groups > 1:
        best = biased.view(count, groups, -1).topk(2, -1)[0].sum(-1).topk(config['topk_group'], -1)[1]
        open_ = torch.zeros(count, groups, device=scores.device).scatter_(1, best, 1.)
        biased = biased.masked_fill(open_.repeat_interleave(experts // groups, 1) == 0, -1e9)
    chosen = biased.topk(config['num_experts_per_tok'], -1, sorted=False)[1]
    weights = scores.gather(1, chosen)
    return chosen, weights / (weights.sum(-1, keepdim=True) + 1e-20) * config['routed_scaling_factor']


class PlainOps:
    """The operations of `forward` in plain torch, for any device."""

    @staticmethod
    def norm(x, gain):
        return rms_norm(x.float(), gain).to(BF16)

    swiglu = staticmethod(swiglu)

    @staticmethod
    def attention(query, kv, key_rope, table, batch, s):
        length = query.shape[0] // batch
        q = query.view(batch, length, s.heads, s.nope + s.rope)
        kv = kv.view(batch, length, s.heads, s.nope + s.value)
        t = table[:, None]
        q = torch.cat([q[..., :s.nope], rotate(q[..., s.nope:].float(), t).to(BF16)], -1).transpose(1, 2)
        k_rope = rotate(key_rope.view(batch, length, 1, s.rope).float(), t).to(BF16).expand(-1, -1, s.heads, -1)
        k = torch.cat([kv[..., :s.nope], k_rope], -1).transpose(1, 2)
        v = kv[..., s.nope:].transpose(1, 2)
        if hasattr(F, 'scaled_dot_product_attention'):
            out = F.scaled_dot_product_attention(q, k, F.pad(v, (0, s.nope + s.rope - s.value)), is_causal=True)[..., :s.value]
        else:
            future = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
            out = ((q @ k.transpose(2, 3)).float() * s.scale).masked_fill(future, -1e9).softmax(-1).to(BF16) @ v
        return out.transpose(1, 2).reshape(batch * length, s.heads * s.value)

    @staticmethod
    def experts(x, weights, chosen, gate_up, down):
        """Every expert on every row: simple, and cheap at this size on a GPU."""
        share = torch.zeros(len(x), len(gate_up), device=x.device).scatter_(1, chosen, weights)
        hidden = swiglu(torch.matmul(x, gate_up.transpose(1, 2)))
        return torch.einsum('enh,ne->nh', torch.matmul(hidden, down.transpose(1, 2)).float(), share).to(BF16)


def forward(config, weights, biases, ids, selected, ops):
    """ids (B, T); selected: flat positions to predict from -> (logits, expert loads by layer).

    Only the selected rows pass the last layer's MLP and the head.
    """
    s, (batch, length) = Shape(config), ids.shape
    table = rope_table(config, length, ids.device)

    def linear(x, name):
        return F.linear(x, weights[name].to(BF16))

    x, loads = F.embedding(ids.reshape(-1), weights[EMBED]), {}
    for layer in range(s.layers):
        p = f'model.layers.{layer}.'
        a, m = p + 'self_attn.', p + 'mlp.'
        y = ops.norm(x, weights[p + 'input_layernorm.weight'])
        query = linear(ops.norm(linear(y, a + 'q_a_proj.weight').float(), weights[a + 'q_a_layernorm.weight']), a + 'q_b_proj.weight')
        latent, key_rope = linear(y, a + 'kv_a_proj_with_mqa.weight').split([s.kv_rank, s.rope], -1)
        kv = linear(ops.norm(latent.float(), weights[a + 'kv_a_layernorm.weight']), a + 'kv_b_proj.weight')
        x = x + linear(ops.attention(query, kv, key_rope.contiguous(), table, batch, s), a + 'o_proj.weight')
        if layer == s.layers - 1:
            x = x[selected]
        y = ops.norm(x, weights[p + 'post_attention_layernorm.weight'])
        if layer < s.dense_layers:
            x = x + linear(ops.swiglu(linear(y, m + 'gate_up')), m + 'down')
            continue
        chosen, share = route(config, torch.sigmoid(F.linear(y.float(), weights[m + 'gate.weight'])), biases[layer])
        loads[layer] = torch.bincount(chosen.view(-1), minlength=s.experts).float()
        x = x + ops.experts(y, share, chosen, weights[m + 'experts.gate_up'].to(BF16), weights[m + 'experts.down'].to(BF16)) \
            + linear(ops.swiglu(linear(y, m + 'shared_experts.gate_up')), m + 'shared_experts.down')
    return linear(ops.norm(x, weights[NORM]), EMBED).float(), loads


# ---------------------------------------------------------------- inference

class Decoder:
    """float32 greedy decoding with a key/value cache, many prompts at once."""

    def __init__(self, config, weights, biases):
        self.config, self.shape = config, Shape(config)
        self.weights = {name: w.detach().float() for name, w in weights.items()}
        self.biases = biases
        self.table = rope_table(config, config['max_position_embeddings'])

    def new_cache(self, batch, length):
        s = self.shape
        return [(torch.zeros(batch, s.heads, length, s.nope + s.rope), torch.zeros(batch, s.heads, length, s.value)) for _ in range(s.layers)]

    def hidden(self, ids, positions, cache):
        """ids and positions (B, T) -> hidden states (B, T, H); fills the cache."""
        w, s = self.weights, self.shape
        batch, length = ids.shape
        rows = torch.arange(batch)[:, None].expand(batch, length)
        end = int(positions.max()) + 1
        hidden_from = torch.arange(end)[None, None, None] > positions[:, None, :, None]
        table = self.table[positions][:, :, None]
        x = w[EMBED][ids]
        for layer in range(s.layers):
            p = f'model.layers.{layer}.'
            a, m = p + 'self_attn.', p + 'mlp.'
            y = rms_norm(x, w[p + 'input_layernorm.weight'])
            q = F.linear(rms_norm(F.linear(y, w[a + 'q_a_proj.weight']), w[a + 'q_a_layernorm.weight']), w[a + 'q_b_proj.weight'])
            q = q.view(batch, length, s.heads, s.nope + s.rope)
            q = torch.cat([q[..., :s.nope], rotate(q[..., s.nope:], table)], -1).transpose(1, 2)
            latent, key_rope = F.linear(y, w[a + 'kv_a_proj_with_mqa.weight']).split([s.kv_rank, s.rope], -1)
            kv = F.linear(rms_norm(latent, w[a + 'kv_a_layernorm.weight']), w[a + 'kv_b_proj.weight']).view(batch, length, s.heads, s.nope + s.value)
            key_rope = rotate(key_rope[:, :, None], table).expand(-1, -1, s.heads, -1)
            keys, values = cache[layer]
            keys[rows, :, positions] = torch.cat([kv[..., :s.nope], key_rope], -1)
            values[rows, :, positions] = kv[..., s.nope:]
            scores = (q @ keys[:, :, :end].transpose(2, 3) * s.scale).masked_fill(hidden_from, -1e9).softmax(-1)
            x = x + F.linear((scores @ values[:, :, :end]).transpose(1, 2).reshape(batch, length, -1), w[a + 'o_proj.weight'])
            y = rms_norm(x, w[p + 'post_attention_layernorm.weight'])
            x = x + (self.mlp(y, m) if layer < s.dense_layers else self.experts(y.flatten(0, 1), m, layer).view_as(x))
        return x

    def mlp(self, y, prefix):
        return F.linear(swiglu(F.linear(y, self.weights[prefix + 'gate_up'])), self.weights[prefix + 'down'])

    def experts(self, y, prefix, layer):
        w = self.weights
        chosen, share = route(self.config, torch.sigmoid(F.linear(y, w[prefix + 'gate.weight'])), self.biases[layer])
        out = self.mlp(y, prefix + 'shared_experts.')
        for expert in range(self.shape.experts):
            row, slot = (chosen == expert).nonzero(as_tuple=True)
            if len(row):
                z = F.linear(swiglu(F.linear(y[row], w[prefix + 'experts.gate_up'][expert])), w[prefix + 'experts.down'][expert])
                out.index_add_(0, row, z * share[row, slot, None])
        return out

    def logits(self, x):
        return F.linear(rms_norm(x, self.weights[NORM]), self.weights[EMBED])

    @torch.no_grad()
    def prompt_logits(self, ids):
        """(T, vocab) for one prompt."""
        return self.logits(self.hidden(torch.tensor([ids]), torch.arange(len(ids))[None], self.new_cache(1, len(ids))))[0]

    @torch.no_grad()
    def generate(self, prompts, new_tokens_max=200, eos=1):
        """prompts: lists of ids -> generated ids, the end token included."""
        lengths = torch.tensor([len(p) for p in prompts])
        longest = int(lengths.max())
        ids = torch.zeros(len(prompts), longest, dtype=torch.long)
        for row, prompt in enumerate(prompts):
            ids[row, :len(prompt)] = torch.tensor(prompt)
        cache = self.new_cache(len(prompts), longest + new_tokens_max)
        x = self.hidden(ids, torch.arange(longest)[None].expand(len(prompts), -1), cache)
        token = self.logits(x[torch.arange(len(prompts)), lengths - 1]).argmax(-1)
        out, live = [[] for _ in prompts], list(range(len(prompts)))
        for _ in range(new_tokens_max):
            keep = []
            for slot, row in enumerate(live):
                out[row].append(int(token[slot]))
                if token[slot] != eos:
                    keep.append(slot)
            if not keep:
                break
            if len(keep) < len(live):
                kept = torch.tensor(keep)
                token, lengths, live = token[kept], lengths[kept], [live[slot] for slot in keep]
                cache = [(k[kept], v[kept]) for k, v in cache]
            x = self.hidden(token[:, None], lengths[:, None], cache)
            lengths = lengths + 1
            token = self.logits(x[:, 0]).argmax(-1)
        return out


# ---------------------------------------------------------------- checkpoint folders

BIAS = 'model.layers.{}.mlp.gate.e_score_correction_bias'


def hugging_face_names(config):
    """fused name -> [(checkpoint name, expert or None, half 0 | 1 or None)]"""
    names = {}
    for name in weight_shapes(config):
        stem, leaf = name.rsplit('.', 1)
        parts = [('gate_proj', 0), ('up_proj', 1)] if leaf == 'gate_up' else [('down_proj', None)]
        if leaf not in ('gate_up', 'down'):
            names[name] = [(name, None, None)]
        elif stem.endswith('mlp.experts'):
            names[name] = [(f'{stem}.{e}.{part}.weight', e, half) for e in range(config['n_routed_experts']) for part, half in parts]
        else:
            names[name] = [(f'{stem}.{part}.weight', None, half) for part, half in parts]
    return names


def save_folder(folder, config, weights, biases):
    """config.json and model.safetensors: bfloat16, router biases float32, the head a copy of the embedding."""
    tensors = {HEAD: weights[EMBED]} | {BIAS.format(layer): bias for layer, bias in biases.items()}
    for name, targets in hugging_face_names(config).items():
        for target, expert, half in targets:
            tensor = weights[name] if expert is None else weights[name][expert]
            tensors[target] = tensor if half is None else tensor.chunk(2, 0)[half]
    header, blobs, offset = {'__metadata__': {'format': 'pt'}}, [], 0
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        keep = 'e_score' in name
        blob = (tensor.float() if keep else tensor.to(BF16).view(torch.int16)).numpy().tobytes()
        header[name] = {'dtype': 'F32' if keep else 'BF16', 'shape': list(tensor.shape), 'data_offsets': [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'config.json'), 'w') as file:
        json.dump(config, file, indent=2)
    with open(os.path.join(folder, 'model.safetensors'), 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + b''.join(blobs))


def load_folder(folder):
    """-> (config, float32 weights, router biases)"""
    with open(os.path.join(folder, 'config.json')) as file:
        config = json.load(file)
    with open(os.path.join(folder, 'model.safetensors'), 'rb') as file:
        raw = bytearray(file.read())
    start = 8 + struct.unpack('<Q', raw[:8])[0]
    header, tensors = json.loads(raw[8:start]), {}
    for name, entry in header.items():
        if name != '__metadata__':
            dtype = {'BF16': BF16, 'F32': torch.float32}[entry['dtype']]
            begin, end = entry['data_offsets']
            width = 2 if dtype == BF16 else 4
            tensors[name] = torch.frombuffer(raw, dtype=dtype, count=(end - begin) // width, offset=start + begin).float().view(entry['shape'])
    weights = {}
    for name, targets in hugging_face_names(config).items():
        if len(targets) == 1 and targets[0][2] is None:
            weights[name] = tensors[targets[0][0]].clone()
        elif targets[0][1] is None:
            weights[name] = torch.cat([tensors[t] for t, _, _ in targets])
        else:
            halves = 2 if targets[0][2] == 0 else 1
            weights[name] = torch.stack([torch.cat([tensors[t] for t, _, _ in targets[i:i + halves]]) for i in range(0, len(targets), halves)])
    s = Shape(config)
    return config, weights, {layer: tensors[BIAS.format(layer)].clone() for layer in range(s.dense_layers, s.layers)}
