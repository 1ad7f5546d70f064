#!/usr/bin/env python3
"""Random-weight deepseek_v3 folders, each with other parts of the architecture switched on.

    make_tiny.py CONFIGURATION OUT     writes OUT/{config,tokenizer}.json and the weights
    make_tiny.py --list                names the configurations

The weights are a function of the configuration's name alone. Widths are mostly not multiples of 16,
so that every kernel meets its tail.
"""
import argparse
import json
import pathlib
import struct
import zlib

import numpy as np

BASE = dict(
    architectures=["DeepseekV3ForCausalLM"], model_type="deepseek_v3", vocab_size=331, hidden_size=72,
    intermediate_size=100, moe_intermediate_size=36, num_hidden_layers=3, num_attention_heads=3,
    num_key_value_heads=3, n_shared_experts=1, n_routed_experts=12, num_experts_per_tok=3, n_group=1,
    topk_group=1, routed_scaling_factor=1.5, norm_topk_prob=True, scoring_func="sigmoid",
    topk_method="noaux_tc", first_k_dense_replace=1, moe_layer_freq=1, kv_lora_rank=40, q_lora_rank=None,
    qk_nope_head_dim=24, qk_rope_head_dim=8, v_head_dim=20, hidden_act="silu",
    max_position_embeddings=4096, rope_theta=10000, rope_scaling=None, rms_norm_eps=1e-6,
    tie_word_embeddings=False, num_nextn_predict_layers=0, attention_bias=False, torch_dtype="float32",
)
YARN = dict(type="yarn", factor=40, original_max_position_embeddings=64, beta_fast=32, beta_slow=1,
            mscale=1.0, mscale_all_dim=1.0)
CONFIGURATIONS = {
    # Neither q_lora nor YaRN nor groups nor shared experts, and no dense layer.
    "bare": dict(n_shared_experts=None, first_k_dense_replace=0),
    # All of R1's parts, at R1's ratios.
    "full": dict(q_lora_rank=44, rope_scaling=YARN, n_routed_experts=16, num_experts_per_tok=4, n_group=8,
                 topk_group=4, routed_scaling_factor=2.5),
    # BF16 in shards, tied head, two shared experts, a multi-token-prediction layer to step over.
    "bf16": dict(q_lora_rank=48, n_shared_experts=2, n_group=4, topk_group=2, tie_word_embeddings=True,
                 num_nextn_predict_layers=1, torch_dtype="bfloat16", rope_theta=1000),
    # Dense layers only; YaRN whose two magnitudes differ, so that cos and sin are scaled too.
    "dense": dict(first_k_dense_replace=3, torch_dtype="bfloat16",
                  rope_scaling=dict(YARN, rope_type="yarn", mscale=1.2, mscale_all_dim=0.7)),
    # Rows past one summing segment, multiples of 16 throughout, weights not normalised.
    "wide": dict(hidden_size=1088, num_hidden_layers=2, kv_lora_rank=64, qk_nope_head_dim=32,
                 qk_rope_head_dim=16, v_head_dim=32, q_lora_rank=96, num_attention_heads=4,
                 num_key_value_heads=4, intermediate_size=1152, moe_intermediate_size=48,
                 norm_topk_prob=False, routed_scaling_factor=0.7, n_group=3, topk_group=2),
}


def shapes(c):
    """name -> shape of every tensor, the head excepted when tied."""
    hidden, heads, rank = c["hidden_size"], c["num_attention_heads"], c["kv_lora_rank"]
    q_head = c["qk_nope_head_dim"] + c["qk_rope_head_dim"]
    out = {"model.embed_tokens.weight": (c["vocab_size"], hidden), "model.norm.weight": (hidden,)}
    if not c["tie_word_embeddings"]:
        out["lm_head.weight"] = (c["vocab_size"], hidden)

    def mlp(name, inner):
        out[name + "gate_proj.weight"] = out[name + "up_proj.weight"] = (inner, hidden)
        out[name + "down_proj.weight"] = (hidden, inner)

    for layer in range(c["num_hidden_layers"] + c["num_nextn_predict_layers"]):
        name = f"model.layers.{layer}."
        out[name + "input_layernorm.weight"] = out[name + "post_attention_layernorm.weight"] = (hidden,)
        a = name + "self_attn."
        if c["q_lora_rank"]:
            out[a + "q_a_proj.weight"] = (c["q_lora_rank"], hidden)
            out[a + "q_a_layernorm.weight"] = (c["q_lora_rank"],)
            out[a + "q_b_proj.weight"] = (heads * q_head, c["q_lora_rank"])
        else:
            out[a + "q_proj.weight"] = (heads * q_head, hidden)
        out[a + "kv_a_proj_with_mqa.weight"] = (rank + c["qk_rope_head_dim"], hidden)
        out[a + "kv_a_layernorm.weight"] = (rank,)
        out[a + "kv_b_proj.weight"] = (heads * (c["qk_nope_head_dim"] + c["v_head_dim"]), rank)
        out[a + "o_proj.weight"] = (hidden, heads * c["v_head_dim"])
        m = name + "mlp."
        if layer < c["first_k_dense_replace"]:
            mlp(m, c["intermediate_size"])
            continue
        out[m + "gate.weight"] = (c["n_routed_experts"], hidden)
        out[m + "gate.e_score_correction_bias"] = (c["n_routed_experts"],)
        for expert in range(c["n_routed_experts"]):
            mlp(f"{m}experts.{expert}.", c["moe_intermediate_size"])
        if c["n_shared_experts"]:
            mlp(m + "shared_experts.", c["moe_intermediate_size"] * c["n_shared_experts"])
    return out


def values(name, shape, seed):
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    x = random.standard_normal(shape).astype(np.float32)
    if name.endswith("norm.weight"):
        return 1 + np.float32(0.2) * x
    if name.endswith("correction_bias"):
        return np.float32(0.1) * x  # large enough to change what is chosen
    if name in ("model.embed_tokens.weight",):
        return x
    if name.endswith("mlp.gate.weight"):
        return x * np.float32(2 / np.sqrt(shape[1]))  # margins well above rounding
    if name == "lm_head.weight":
        return x * np.float32(3 / np.sqrt(shape[1]))
    return x * np.float32(1 / np.sqrt(shape[1]))


def encode(x, bf16):
    if not bf16:
        return "F32", x.astype("<f4").tobytes()
    bits = x.astype("<f4").view("<u4")
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16  # to nearest, ties to even
    return "BF16", rounded.astype("<u2").tobytes()


def write_shard(path, tensors):
    header, data = {}, b""
    for name, (kind, shape, raw) in tensors.items():
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def byte_vocabulary():
    """The 256 characters that byte-level BPE writes bytes as: printable ones stand for themselves,
    the others are moved past U+0100 in order."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [b for b in range(256) if b not in printable]
    return {chr(b) if b in printable else chr(0x100 + moved.index(b)): b for b in range(256)}


def tokenizer():
    """Bytes are the only text tokens; three control tokens follow them."""
    added = [{"id": 256 + i, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True}
             for i, text in enumerate(["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>"])]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}"}, "behavior": "Isolated", "invert": False},
                byte_level]},
            "post_processor": None, "decoder": dict(byte_level),
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                      "vocab": byte_vocabulary(), "merges": []}}


def make(configuration, out):
    c = dict(BASE, **CONFIGURATIONS[configuration])
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(c, indent=2))
    (out / "tokenizer.json").write_text(json.dumps(tokenizer(), ensure_ascii=False))
    seed, bf16 = zlib.crc32(configuration.encode()), c["torch_dtype"] == "bfloat16"
    tensors = {}
    for name, shape in shapes(c).items():
        kind, raw = encode(values(name, shape, seed), bf16 and not name.endswith("correction_bias"))
        tensors[name] = (kind, shape, raw)
    if not bf16:
        return write_shard(out / "model.safetensors", tensors)
    names = list(tensors)
    files = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, held in files.items():
        write_shard(out / file, {n: tensors[n] for n in held})
    index = {"metadata": {"total_size": sum(len(t[2]) for t in tensors.values())},
             "weight_map": {n: file for file, held in files.items() for n in held}}
    (out / "model.safetensors.index.json").write_text(json.dumps(index))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configuration", nargs="?", choices=CONFIGURATIONS)
    parser.add_argument("out", nargs="?", type=pathlib.Path)
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(CONFIGURATIONS))
    elif arguments.out is None:
        parser.error("give a configuration and a folder")
    else:
        make(arguments.configuration, arguments.out)


if __name__ == "__main__":
    main()
