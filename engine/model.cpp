#include "engine/model.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace praxis::engine {
namespace {

/// Takes tensors by name and shape; the first refusal stays and ends the taking.
class Binder {
 public:
  explicit Binder(const Safetensors& file) : file_(file) {}

  Matrix matrix(const std::string& name, std::uint64_t rows, std::uint64_t columns) {
    const auto view = take(name, {rows, columns});
    if (!view) return {};
    (view->dtype == Dtype::f32 ? f32_ : bf16_) = true;
    return {view->data.data(), view->dtype, static_cast<std::size_t>(rows),
            static_cast<std::size_t>(columns)};
  }

  std::vector<float> vector(const std::string& name, std::uint64_t size) {
    const auto view = take(name, {size});
    if (!view) return {};
    std::vector<float> out(static_cast<std::size_t>(size));
    const Matrix row{view->data.data(), view->dtype, 1, out.size()};
    cpu::best_tier().widen(row, 0, out.data());
    return out;
  }

  Mlp mlp(const std::string& prefix, std::uint64_t inner, std::uint64_t hidden) {
    return {matrix(prefix + "gate_proj.weight", inner, hidden),
            matrix(prefix + "up_proj.weight", inner, hidden),
            matrix(prefix + "down_proj.weight", hidden, inner)};
  }

  const std::optional<Error>& error() const { return error_; }
  std::uint64_t elements() const { return elements_; }
  std::uint64_t bytes() const { return bytes_; }
  std::string type() const { return f32_ && bf16_ ? "BF16+F32" : f32_ ? "F32" : "BF16"; }

 private:
  std::optional<TensorView> take(const std::string& name,
                                 std::initializer_list<std::uint64_t> shape) {
    if (error_) return std::nullopt;
    auto view = file_.require(name, shape);
    if (!view) {
      error_ = view.error();
      return std::nullopt;
    }
    elements_ += view->size();
    bytes_ += view->data.size();
    return *std::move(view);
  }

  const Safetensors& file_;
  std::optional<Error> error_;
  std::uint64_t elements_ = 0, bytes_ = 0;
  bool f32_ = false, bf16_ = false;
};

void bind_attention(Binder& bind, const Config& c, const std::string& prefix, Layer& layer) {
  const std::string p = prefix + "self_attn.";
  const std::uint64_t heads = c.heads;
  if (c.q_lora_rank > 0) {
    layer.q_a = bind.matrix(p + "q_a_proj.weight", c.q_lora_rank, c.hidden);
    layer.q_a_norm = bind.vector(p + "q_a_layernorm.weight", c.q_lora_rank);
    layer.q_b = bind.matrix(p + "q_b_proj.weight", heads * c.q_head(), c.q_lora_rank);
  } else {
    layer.q_b = bind.matrix(p + "q_proj.weight", heads * c.q_head(), c.hidden);
  }
  layer.kv_a = bind.matrix(p + "kv_a_proj_with_mqa.weight", c.kv_width(), c.hidden);
  layer.kv_a_norm = bind.vector(p + "kv_a_layernorm.weight", c.kv_lora_rank);
  layer.kv_b = bind.matrix(p + "kv_b_proj.weight", heads * (c.qk_nope + c.v_head), c.kv_lora_rank);
  layer.out = bind.matrix(p + "o_proj.weight", c.hidden, heads * c.v_head);
}

void bind_experts(Binder& bind, const Config& c, const std::string& p, Layer& layer) {
  layer.router = bind.matrix(p + "gate.weight", c.experts, c.hidden);
  layer.router_bias = bind.vector(p + "gate.e_score_correction_bias", c.experts);
  for (std::uint32_t e = 0; e < c.experts && !bind.error(); ++e) {
    layer.experts.push_back(
        bind.mlp(p + "experts." + std::to_string(e) + ".", c.expert_intermediate, c.hidden));
  }
  if (c.shared_experts > 0) {
    layer.shared = bind.mlp(p + "shared_experts.", c.shared_intermediate(), c.hidden);
  }
}

double yarn_magnitude(double factor, double mscale) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

/// FNV-1a over 128 bits, http://www.isthe.com/chongo/tech/comp/fnv.
class Fnv {
 public:
  void add(std::span<const std::byte> bytes) {
    for (std::byte b : bytes) hash_ = (hash_ ^ std::to_integer<unsigned>(b)) * kPrime;
  }
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  std::string hex() const {
    std::string out(32, '0');
    auto rest = hash_;
    for (std::size_t i = out.size(); i-- > 0; rest >>= 4) {
      out[i] = "0123456789abcdef"[static_cast<unsigned>(rest & 15)];
    }
    return out;
  }

 private:
  using Wide = unsigned __int128;
  static constexpr Wide kPrime = (Wide{1} << 88) + 0x13b;
  Wide hash_ = (Wide{0x6c62272e07bb0142} << 64) + 0x62b821756295c58d;
};

}  // namespace

Result<Weights> load_weights(const std::filesystem::path& folder, const Config& c,
                             const std::function<void(double)>& progress) {
  auto file = Safetensors::open(folder);
  if (!file) return tl::unexpected(file.error());
  Weights w{*std::move(file), {}, {}, {}, {}};
  Binder bind(w.file);
  w.embedding = bind.matrix("model.embed_tokens.weight", c.vocab_size, c.hidden);
  w.layers.resize(c.layers);
  for (std::uint32_t l = 0; l < c.layers && !bind.error(); ++l) {
    Layer& layer = w.layers[l];
    const std::string p = "model.layers." + std::to_string(l) + ".";
    layer.attention_norm = bind.vector(p + "input_layernorm.weight", c.hidden);
    bind_attention(bind, c, p, layer);
    layer.mlp_norm = bind.vector(p + "post_attention_layernorm.weight", c.hidden);
    if (c.dense(l)) layer.dense = bind.mlp(p + "mlp.", c.intermediate, c.hidden);
    else bind_experts(bind, c, p + "mlp.", layer);
    if (progress) progress(static_cast<double>(l + 1) / c.layers);
  }
  w.final_norm = bind.vector("model.norm.weight", c.hidden);
  w.head = c.tied_embeddings ? w.embedding : bind.matrix("lm_head.weight", c.vocab_size, c.hidden);
  if (bind.error()) return tl::unexpected(*bind.error());

  w.parameters = bind.elements();
  w.bytes = bind.bytes();
  w.type = bind.type();
  const std::uint64_t idle_experts =
      c.dense_layers < c.layers ? c.experts - c.experts_per_token : 0;
  const std::uint64_t expert = 3ull * c.expert_intermediate * c.hidden;
  const std::uint64_t lookup = c.tied_embeddings ? 0 : std::uint64_t{c.vocab_size} * c.hidden;
  w.parameters_active = w.parameters - lookup -
                        idle_experts * expert * (c.layers - std::min(c.layers, c.dense_layers));
  return w;
}

std::string fingerprint(std::string_view config_json, const Weights& weights) {
  // A few bytes of tensors spread over the file: reading all of a large model would take minutes.
  constexpr std::size_t kTensors = 64, kBytes = 256;
  Fnv hash;
  hash.add(config_json);
  hash.add(weights.file.header_digest());
  const auto tensors = weights.file.tensors();
  const std::size_t step = std::max<std::size_t>(1, tensors.size() / kTensors);
  for (std::size_t i = 0; i < tensors.size(); i += step) {
    hash.add(tensors[i].data.first(std::min(kBytes, tensors[i].data.size())));
  }
  return hash.hex();
}

Rope make_rope(const Config& c) {
  Rope rope;
  rope.score_scale = 1 / std::sqrt(static_cast<double>(c.q_head()));
  const std::uint32_t width = c.qk_rope;
  for (std::uint32_t i = 0; i < width; i += 2) {
    rope.inverse_frequency.push_back(std::pow(c.rope_theta, -static_cast<double>(i) / width));
  }
  if (!c.yarn) return rope;

  // Dimensions that turn more than beta_fast times within the original context keep their
  // frequency, those under beta_slow turns are divided by the factor, a ramp lies between.
  const Yarn& y = *c.yarn;
  const auto dimension_of = [&](double turns) {
    return width * std::log(y.original_positions / (turns * 2 * M_PI)) /
           (2 * std::log(c.rope_theta));
  };
  const double low = std::max(std::floor(dimension_of(y.beta_fast)), 0.0);
  const double high = std::min(std::ceil(dimension_of(y.beta_slow)), width - 1.0);
  const double length = std::max(high - low, 0.001);
  for (std::size_t i = 0; i < rope.inverse_frequency.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / length, 0.0, 1.0);
    rope.inverse_frequency[i] *= ramp / y.factor + (1 - ramp);
  }
  rope.magnitude = yarn_magnitude(y.factor, y.mscale) / yarn_magnitude(y.factor, y.mscale_all_dim);
  if (y.mscale_all_dim > 0) {
    const double m = yarn_magnitude(y.factor, y.mscale_all_dim);
    rope.score_scale *= m * m;
  }
  return rope;
}

}  // namespace praxis::engine
