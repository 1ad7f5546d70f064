#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "engine/json_events.h"
#include "engine/model.h"

namespace praxis::engine {
namespace {

using nlohmann::json;

constexpr std::uintmax_t kConfigBytesMax = 1 << 20;
constexpr std::size_t kDepthMax = 16;
constexpr std::uint32_t kWidthMax = 1 << 20;  // any one dimension; R1's largest is 129,280
constexpr std::uint32_t kLayersMax = 1024, kHeadsMax = 1024, kExpertsMax = 4096;

struct Range {
  double low, high;
};

/// What the document builder would let pass: depth without bound, and one key written twice.
class Structure final : public JsonEvents {
  bool on_object() override { return keys_.emplace_back(), true; }
  bool on_object_end() override { return keys_.pop_back(), true; }
  bool on_array() override { return true; }
  bool on_key(std::string& key) override {
    return keys_.back().insert(key).second || refuse("\"" + shown(key) + "\" is written twice");
  }
  bool on_string(std::string&) override { return true; }
  bool on_unsigned(std::uint64_t) override { return true; }
  bool on_bool(bool) override { return true; }
  bool on_null() override { return true; }
  bool on_other_number(const std::string&) override { return true; }

  std::vector<std::set<std::string>> keys_;  // of the objects that are open
};

/// Takes fields out of one JSON object. The first refusal stays; what follows is not looked at.
class Fields {
 public:
  Fields(const json& object, std::string_view where, std::string prefix = {})
      : object_(object), where_(where), prefix_(std::move(prefix)) {}

  void refuse(std::string_view field, std::string what, ErrorCode code = ErrorCode::bad_file) {
    if (!error_) error_ = Error{code, prefix_ + std::string(field) + " " + std::move(what), where_};
  }

  const json* find(std::string_view field) const {
    const auto it = object_.find(field);
    return it == object_.end() || it->is_null() ? nullptr : &*it;
  }

  std::uint32_t count(std::string_view field, std::uint32_t low, std::uint32_t high) {
    const json* value = find(field);
    if (!value) return refuse(field, "is missing; it must be a whole number"), low;
    return whole(field, *value, low, high);
  }
  std::uint32_t count_or(std::string_view field, std::uint32_t fallback, std::uint32_t low,
                         std::uint32_t high) {
    const json* value = find(field);
    return value ? whole(field, *value, low, high) : fallback;
  }
  double number(std::string_view field, Range range) {
    const json* value = find(field);
    if (!value) return refuse(field, "is missing; it must be a number"), range.low;
    return real(field, *value, range);
  }
  double number_or(std::string_view field, double fallback, Range range) {
    const json* value = find(field);
    return value ? real(field, *value, range) : fallback;
  }
  bool flag_or(std::string_view field, bool fallback) {
    const json* value = find(field);
    if (!value) return fallback;
    if (!value->is_boolean()) return refuse(field, "must be true or false"), fallback;
    return value->get<bool>();
  }
  bool flag(std::string_view field) {
    if (!find(field)) return refuse(field, "is missing; it must be true or false"), false;
    return flag_or(field, false);
  }
  /// The one value that is supported.
  void only(std::string_view field, std::string_view supported) {
    const json* value = find(field);
    if (!value) return refuse(field, "is missing; it must be \"" + std::string(supported) + "\"");
    if (!value->is_string()) return refuse(field, "must be a string");
    const auto& text = value->get_ref<const std::string&>();
    if (text != supported) {
      refuse(field,
             "is \"" + shown(text) + "\"; only \"" + std::string(supported) + "\" is supported",
             ErrorCode::unsupported);
    }
  }

  const std::optional<Error>& error() const { return error_; }
  void adopt(const std::optional<Error>& error) {
    if (!error_) error_ = error;
  }

 private:
  static std::string written(double v) {
    std::ostringstream out;
    out << v;
    return out.str();
  }
  std::uint32_t whole(std::string_view field, const json& value, std::uint32_t low,
                      std::uint32_t high) {
    if (value.is_number_unsigned()) {
      const auto v = value.get<std::uint64_t>();
      if (v >= low && v <= high) return static_cast<std::uint32_t>(v);
    }
    const std::string found = value.is_number() ? value.dump() : std::string(value.type_name());
    refuse(field, "is " + found + "; it must be a whole number from " + std::to_string(low) +
                      " to " + std::to_string(high));
    return low;
  }
  double real(std::string_view field, const json& value, Range range) {
    if (value.is_number()) {
      const double v = value.get<double>();
      if (v >= range.low && v <= range.high) return v;
    }
    const std::string found = value.is_number() ? value.dump() : std::string(value.type_name());
    refuse(field, "is " + found + "; it must be a number from " + written(range.low) + " to " +
                      written(range.high));
    return range.low;
  }

  const json& object_;
  std::string where_, prefix_;
  std::optional<Error> error_;
};

std::optional<Yarn> read_rope_scaling(Fields& config, const json& value, std::string_view where) {
  if (!value.is_object()) {
    config.refuse("rope_scaling", "must be an object or null");
    return std::nullopt;
  }
  Fields f(value, where, "rope_scaling.");
  f.only(f.find("rope_type") ? "rope_type" : "type", "yarn");
  for (const auto& [key, unused] : value.items()) {
    static constexpr std::string_view kKnown[] = {
        "type",      "rope_type", "factor", "original_max_position_embeddings",
        "beta_fast", "beta_slow", "mscale", "mscale_all_dim"};
    bool known = false;
    for (std::string_view k : kKnown) known = known || k == key;
    if (!known) f.refuse(shown(key), "is not known for yarn; remove it", ErrorCode::unsupported);
  }
  Yarn yarn;
  yarn.factor = f.number("factor", {1, 1e6});
  yarn.original_positions = f.count("original_max_position_embeddings", 1, 1u << 30);
  yarn.beta_slow = f.number_or("beta_slow", 1, {1e-3, 1e6});
  yarn.beta_fast = f.number_or("beta_fast", 32, {yarn.beta_slow, 1e6});
  // Published loaders disagree when one of the two is given alone.
  if (!f.find("mscale") != !f.find("mscale_all_dim")) {
    f.refuse(f.find("mscale") ? "mscale" : "mscale_all_dim",
             "needs both mscale and mscale_all_dim");
  }
  yarn.mscale = f.number_or("mscale", 1, {0, 1e3});
  yarn.mscale_all_dim = f.number_or("mscale_all_dim", 0, {0, 1e3});
  config.adopt(f.error());
  return yarn;
}

void read_experts(Fields& f, Config& c) {
  c.experts = f.count("n_routed_experts", 1, kExpertsMax);
  c.experts_per_token = f.count("num_experts_per_tok", 1, c.experts);
  c.expert_groups = f.count_or("n_group", 1, 1, c.experts);
  c.groups_per_token = f.count_or("topk_group", 1, 1, c.expert_groups);
  c.expert_intermediate = f.count("moe_intermediate_size", 1, kWidthMax);
  c.shared_experts = f.count_or("n_shared_experts", 0, 0, 64);
  c.normalize_weights = f.flag("norm_topk_prob");
  c.routed_scaling = static_cast<float>(f.number("routed_scaling_factor", {1e-6, 1e6}));
  f.only("scoring_func", "sigmoid");
  f.only("topk_method", "noaux_tc");
  f.count_or("moe_layer_freq", 1, 1, 1);
  if (c.experts % c.expert_groups != 0) {
    f.refuse("n_group", "is " + std::to_string(c.expert_groups) +
                            ", which does not divide n_routed_experts " +
                            std::to_string(c.experts));
    return;
  }
  const std::uint32_t group = c.experts / c.expert_groups;
  if (c.expert_groups > 1 && group < 2) {
    f.refuse("n_group", "leaves one expert a group; a group is judged by its best two");
  }
  if (c.experts_per_token > c.groups_per_token * group) {
    f.refuse("num_experts_per_tok",
             "is " + std::to_string(c.experts_per_token) + ", more than the " +
                 std::to_string(c.groups_per_token * group) + " experts in topk_group groups");
  }
}

Result<Config> take_fields(const json& root, std::string_view where) {
  Fields f(root, where);
  f.only("model_type", "deepseek_v3");
  if (f.find("quantization_config")) {
    const json& q = *f.find("quantization_config");
    const auto method = q.is_object() ? q.find("quant_method") : q.end();
    const bool named = q.is_object() && method != q.end() && method->is_string();
    f.refuse("quantization_config",
             "asks for " +
                 (named ? shown(method->get_ref<const std::string&>())
                        : std::string("quantized weights")) +
                 "; convert the weights to BF16 or F32",
             ErrorCode::unsupported);
  }
  if (f.find("rope_parameters")) {
    f.refuse("rope_parameters", "is not supported; write rope_theta and rope_scaling",
             ErrorCode::unsupported);
  }
  if (!f.flag_or("rope_interleave", true)) {
    f.refuse("rope_interleave", "is false; only interleaved rotation is supported",
             ErrorCode::unsupported);
  }
  if (f.flag_or("attention_bias", false)) {
    f.refuse("attention_bias", "is true; biases are not supported", ErrorCode::unsupported);
  }
  f.only("hidden_act", "silu");

  Config c;
  c.vocab_size = f.count("vocab_size", 1, 1u << 24);
  c.hidden = f.count("hidden_size", 1, kWidthMax);
  c.layers = f.count("num_hidden_layers", 1, kLayersMax);
  c.heads = f.count("num_attention_heads", 1, kHeadsMax);
  f.count_or("num_key_value_heads", c.heads, c.heads, c.heads);
  c.q_lora_rank = f.count_or("q_lora_rank", 0, 1, kWidthMax);
  c.kv_lora_rank = f.count("kv_lora_rank", 1, kWidthMax);
  c.qk_nope = f.count("qk_nope_head_dim", 1, 4096);
  c.qk_rope = f.count("qk_rope_head_dim", 2, 4096);
  if (c.qk_rope % 2 != 0) f.refuse("qk_rope_head_dim", "is odd; rotation takes pairs");
  c.v_head = f.count("v_head_dim", 1, 4096);
  c.intermediate = f.count("intermediate_size", 1, kWidthMax);
  c.dense_layers = f.count("first_k_dense_replace", 0, c.layers);
  if (c.dense_layers < c.layers) read_experts(f, c);
  c.rms_epsilon = static_cast<float>(f.number("rms_norm_eps", {1e-12, 1e-1}));
  c.rope_theta = f.number("rope_theta", {1 + 1e-6, 1e12});
  if (const json* scaling = f.find("rope_scaling")) c.yarn = read_rope_scaling(f, *scaling, where);
  c.positions_max = f.count("max_position_embeddings", 1, 1u << 30);
  c.tied_embeddings = f.flag_or("tie_word_embeddings", false);
  if (f.error()) return tl::unexpected(*f.error());
  return c;
}

}  // namespace

Result<Config> parse_config(std::string_view text, std::string_view where) {
  Structure structure;
  if (auto read = JsonSource(structure, kDepthMax).read(text, where); !read) {
    return tl::unexpected(read.error());
  }
  const json root = json::parse(text, nullptr, false);
  if (!root.is_object()) {
    return tl::unexpected(Error{ErrorCode::bad_file, "is not a JSON object", std::string(where)});
  }
  return take_fields(root, where);
}

Result<std::string> read_config(const std::filesystem::path& file) {
  std::error_code status;
  const auto bytes = std::filesystem::file_size(file, status);
  if (status) {
    return tl::unexpected(
        Error{ErrorCode::not_found, "cannot be read: " + status.message(), file.string()});
  }
  if (bytes > kConfigBytesMax) {
    return tl::unexpected(Error{
        ErrorCode::bad_file,
        "has " + std::to_string(bytes) + " bytes; the limit is " + std::to_string(kConfigBytesMax),
        file.string()});
  }
  std::ifstream in(file, std::ios::binary);
  std::string text(static_cast<std::size_t>(bytes), '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(text.size()))) {
    return tl::unexpected(Error{ErrorCode::not_found, "cannot be read", file.string()});
  }
  return text;
}

}  // namespace praxis::engine
