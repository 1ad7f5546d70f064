#!/usr/bin/env python3
"""deepseek_v3 in NumPy, float64, every position at once, no cache: what the engine is held to.

    reference.py FOLDER --tokens 1,2,3 --out logits.f64

FOLDER is a Hugging Face folder (config.json, model.safetensors or shards with an index, F32 or
BF16). Writes the logits of every position as little-endian float64, (tokens, vocab_size).

Written from the formulas, in the papers' notation where one exists:
  MLA       DeepSeek-V2, arXiv 2405.04434, equations 37-47
  routing   DeepSeek-V3, arXiv 2412.19437, equations 12-16 (sigmoid, bias for selection only)
  YaRN      arXiv 2309.00071, section 3; the two mscale factors as in DeepSeek-V3's config.json
  RMSNorm   arXiv 1910.07467, equation 4
"""
import argparse
import json
import math
import pathlib
import struct

import numpy as np


def read_tensors(folder):
    """name -> float64 array, of all shards."""
    folder = pathlib.Path(folder)
    index = folder / "model.safetensors.index.json"
    names = ["model.safetensors"]
    if index.exists():
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    tensors = {}
    for name in names:
        raw = (folder / name).read_bytes()
        (length,) = struct.unpack_from("<Q", raw)
        header = json.loads(raw[8 : 8 + length])
        data = raw[8 + length :]
        for key, entry in header.items():
            if key == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            if entry["dtype"] == "BF16":
                halves = np.frombuffer(data[begin:end], "<u2").astype("<u4")
                values = (halves << 16).view("<f4")
            elif entry["dtype"] == "F32":
                values = np.frombuffer(data[begin:end], "<f4")
            else:
                raise SystemExit(f"{name}: {key} is {entry['dtype']}; only F32 and BF16 are read")
            tensors[key] = values.astype(np.float64).reshape(entry["shape"])
    return tensors


def rms_norm(x, weight, epsilon):
    return weight * x / np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + epsilon)


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def magnitude(factor, mscale):
    """YaRN's temperature for a context longer by `factor`."""
    return 1.0 if factor <= 1 else 0.1 * mscale * math.log(factor) + 1.0


class Rotation:
    """Frequencies of the rotated dimensions, and the scale of attention scores."""

    def __init__(self, config):
        width, theta = config["qk_rope_head_dim"], config["rope_theta"]
        exponents = np.arange(0, width, 2) / width
        self.frequency = 1.0 / theta**exponents
        self.gain = 1.0
        self.score_scale = 1 / math.sqrt(config["qk_nope_head_dim"] + width)
        yarn = config.get("rope_scaling")
        if not yarn:
            return
        factor, trained = yarn["factor"], yarn["original_max_position_embeddings"]

        def dimension(turns):  # the pair that turns so often within the trained context
            return width * math.log(trained / (2 * math.pi * turns)) / (2 * math.log(theta))

        low = max(math.floor(dimension(yarn.get("beta_fast", 32))), 0)
        high = min(math.ceil(dimension(yarn.get("beta_slow", 1))), width - 1)
        if high == low:
            high += 0.001
        interpolate = np.clip((np.arange(width // 2) - low) / (high - low), 0, 1)
        self.frequency = self.frequency * (1 - interpolate) + self.frequency / factor * interpolate
        all_dim = yarn.get("mscale_all_dim", 0)
        self.gain = magnitude(factor, yarn.get("mscale", 1)) / magnitude(factor, all_dim)
        if all_dim:
            self.score_scale *= magnitude(factor, all_dim) ** 2

    def __call__(self, x):
        """x (tokens, ..., width): neighbouring pairs turn as complex numbers by position."""
        angle = np.outer(np.arange(x.shape[0]), self.frequency)
        turn = self.gain * np.exp(1j * angle)
        turn = turn.reshape((x.shape[0],) + (1,) * (x.ndim - 2) + (-1,))
        turned = (x[..., 0::2] + 1j * x[..., 1::2]) * turn
        return np.stack([turned.real, turned.imag], axis=-1).reshape(x.shape)


class Model:
    def __init__(self, folder):
        self.config = json.loads((pathlib.Path(folder) / "config.json").read_text())
        self.tensors = read_tensors(folder)
        self.rotation = Rotation(self.config)
        self.routing_margin = math.inf  # least distance of a chosen expert to the next, seen so far

    def linear(self, x, name):
        return x @ self.tensors[name + ".weight"].T

    def norm(self, x, name):
        return rms_norm(x, self.tensors[name + ".weight"], self.config["rms_norm_eps"])

    def attention(self, x, name):
        c, tokens = self.config, x.shape[0]
        heads, nope, rank = c["num_attention_heads"], c["qk_nope_head_dim"], c["kv_lora_rank"]
        if c.get("q_lora_rank"):
            q = self.norm(self.linear(x, name + "q_a_proj"), name + "q_a_layernorm")
            q = self.linear(q, name + "q_b_proj")
        else:
            q = self.linear(x, name + "q_proj")
        q = q.reshape(tokens, heads, -1)
        compressed = self.linear(x, name + "kv_a_proj_with_mqa")
        latent = self.norm(compressed[:, :rank], name + "kv_a_layernorm")
        key_rope = self.rotation(compressed[:, rank:])
        key_value = self.linear(latent, name + "kv_b_proj").reshape(tokens, heads, -1)
        key, value = key_value[..., :nope], key_value[..., nope:]
        query, query_rope = q[..., :nope], self.rotation(q[..., nope:])

        score = np.einsum("ihd,jhd->hij", query, key) + np.einsum("ihd,jd->hij", query_rope, key_rope)
        score = score * self.rotation.score_scale
        score[:, np.triu(np.ones((tokens, tokens), bool), 1)] = -np.inf
        mixed = np.einsum("hij,jhd->ihd", softmax(score), value)
        return self.linear(mixed.reshape(tokens, -1), name + "o_proj")

    def mlp(self, x, name):
        gate = self.linear(x, name + "gate_proj")
        return self.linear(gate * sigmoid(gate) * self.linear(x, name + "up_proj"), name + "down_proj")

    def route(self, affinity, bias):
        """One token: (expert, weight) pairs."""
        c = self.config
        groups, wanted = c.get("n_group") or 1, c["num_experts_per_tok"]
        score = (affinity + bias).reshape(groups, -1)
        best_two = np.sort(score, axis=1)[:, -2:].sum(axis=1)
        kept = sorted(range(groups), key=lambda g: (-best_two[g], g))[: c.get("topk_group") or 1]
        open_to = [g * score.shape[1] + i for g in kept for i in range(score.shape[1])]
        flat = score.reshape(-1)
        ranked = sorted(open_to, key=lambda e: (-flat[e], e))
        chosen = ranked[:wanted]
        if len(ranked) > wanted:
            self.routing_margin = min(self.routing_margin, flat[chosen[-1]] - flat[ranked[wanted]])
        weight = affinity[chosen]
        if c["norm_topk_prob"]:
            weight = weight / (weight.sum() + 1e-20)
        return zip(chosen, weight * c["routed_scaling_factor"])

    def mixture(self, x, name):
        out = np.zeros_like(x)
        affinity = sigmoid(self.linear(x, name + "gate"))
        bias = self.tensors[name + "gate.e_score_correction_bias"]
        for t in range(x.shape[0]):
            for expert, weight in self.route(affinity[t], bias):
                out[t] += weight * self.mlp(x[t], f"{name}experts.{expert}.")
        if self.config.get("n_shared_experts"):
            out += self.mlp(x, name + "shared_experts.")
        return out

    def logits(self, tokens):
        c = self.config
        x = self.tensors["model.embed_tokens.weight"][np.asarray(tokens)]
        for layer in range(c["num_hidden_layers"]):
            name = f"model.layers.{layer}."
            x = x + self.attention(self.norm(x, name + "input_layernorm"), name + "self_attn.")
            h = self.norm(x, name + "post_attention_layernorm")
            feed_forward = self.mlp if layer < c["first_k_dense_replace"] else self.mixture
            x = x + feed_forward(h, name + "mlp.")
        x = self.norm(x, "model.norm")
        head = "model.embed_tokens" if c.get("tie_word_embeddings") else "lm_head"
        return self.linear(x, head)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--tokens", required=True, help="comma-separated ids")
    parser.add_argument("--out", required=True, help="float64 logits, (tokens, vocab_size)")
    arguments = parser.parse_args()
    model = Model(arguments.folder)
    logits = model.logits([int(t) for t in arguments.tokens.split(",")])
    logits.astype("<f8").tofile(arguments.out)
    print(f"logits {logits.shape}, std {logits.std():.2f}, least routing margin {model.routing_margin:.1e}")


if __name__ == "__main__":
    main()
