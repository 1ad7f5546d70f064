#include "grammar/sample.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <random>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "grammar/grammar.h"
#include "grammar/lexing.h"
#include "grammar/matcher.h"

namespace praxis::grammar {
namespace {

constexpr std::uint32_t kBytes = 256;
constexpr std::size_t kPlaceMax = 256;     // schemas that are followed for one value
constexpr std::size_t kKeysTriedMax = 64;  // declared keys that are tried for one member
constexpr std::uint32_t kInventedIn = 12;  // of so many keys one need not be a declared one
constexpr std::uint32_t kLeastIn = 16;     // of so many texts one is a shortest
constexpr std::uint32_t kBudgetOrders = 6;
// A string that cannot end yet heads for its end with every second byte once it has so many.
constexpr std::uint32_t kHurry = 16;

using Mask = std::array<std::uint32_t, kBytes / 32>;

bool allows(const Mask& mask, unsigned byte) { return mask[byte / 32] >> (byte % 32) & 1; }

/// How often a byte is drawn inside a string, beside the others that may stand there.
std::uint32_t text_weight(unsigned char byte) {
  constexpr std::string_view kOften = "aeiounrst";
  if (byte >= 'a' && byte <= 'z')
    return kOften.find(static_cast<char>(byte)) == kOften.npos ? 160 : 400;
  if (byte >= 'A' && byte <= 'Z') return 32;
  if (byte >= '0' && byte <= '9') return 48;
  if (byte == ' ') return 240;
  if (byte == '-' || byte == '_' || byte == '.') return 48;
  if (byte == '\\') return 16;
  if (byte < 0x80) return 6;
  if (byte < 0xC0) return 4;    // goes on inside a character: nothing else stands beside it
  if (byte == 0xC3) return 64;  // Latin letters with marks
  return byte == 0xE2 || byte == 0xF0 ? 8 : 1;
}

/// Where in a JSON text the walk is, as far as the next byte's weight depends on it.
class Position {
 public:
  struct Container {
    bool object = false;
    std::uint32_t members = 0;      // begun
    std::vector<SchemaId> schemas;  // that speak of it
    std::vector<std::string> keys;  // that they declare, as spelled, in written order
  };

  void push(char byte) {
    if (text_) {
      const bool escaped = std::exchange(escaped_, false);
      if (!escaped && byte == '\\') escaped_ = true;
      if (!escaped && byte == '"') text_ = false;
      else ++length_;
      if (in_key_) key_ += byte;
      return;
    }
    switch (byte) {
      case '"':
        text_ = true;
        in_key_ = key_next_;
        key_.clear();
        length_ = 0;
        return;
      case '{':
      case '[': {
        Container opened;
        opened.object = byte == '{';
        open_.push_back(std::move(opened));
        key_next_ = byte == '{';
        break;
      }
      case '}':
      case ']':
        open_.pop_back();
        key_next_ = false;
        break;
      case ',':
        ++open_.back().members;
        key_next_ = open_.back().object;
        break;
      case ':':
        in_key_ = key_next_ = false;
        break;
      default:
        if (!is_space(static_cast<unsigned char>(byte))) ++length_;
        just_opened_ = false;
        return;
    }
    length_ = 0;
    just_opened_ = byte == '{' || byte == '[';
  }

  bool at_key() const { return text_ && in_key_ && length_ == 0 && !escaped_; }
  bool opened_now(char byte) const { return !text_ && (byte == '{' || byte == '['); }
  std::vector<Container>& open() { return open_; }
  /// The last key, as spelled, without its quotes.
  std::string_view key() const {
    return key_.empty() ? std::string_view() : std::string_view(key_).substr(0, key_.size() - 1);
  }

  /// A number that has grown long ends more readily, a long string or list too, and what lies deep
  /// is small.
  std::uint32_t weight(unsigned char byte) const {
    if (text_) return byte == '"' && !escaped_ ? 80 + 100 * length_ : text_weight(byte);
    const auto depth = static_cast<std::uint32_t>(open_.size());
    const std::uint32_t end_of_number = std::max(1u, length_);
    switch (byte) {
      case ',':
        return end_of_number * (declared_are_over() ? 10 : 60);
      case '\n':  // before a first member or item, or before the closing bracket
        if (just_opened_) return 200;
        [[fallthrough]];
      case '}':
      case ']':
        return end_of_number * (10 + 10 * (open_.back().members + depth));
      case '"':
        return key_next_ ? 200 : 80;
      case '{':
      case '[':
        return depth < 7 ? 80u >> depth : 1;
      case '0':
      case 'e':
      case 'E':
        return 2;
      case 't':
      case 'f':
      case 'n':
        return 16;
      case '-':
        return 4;
      default:
        return length_ == 0 ? 5 : 10;  // a digit
    }
  }
  /// Bytes of a string that a pattern or a length holds open: the longer, the more it should hurry.
  std::uint32_t held_open(const Mask& mask) const {
    return text_ && !escaped_ && !allows(mask, '"') ? length_ : 0;
  }
  /// Of ending a text that is complete: only a number has both ways.
  std::uint32_t end_weight() const { return 40 * std::max(1u, length_); }

 private:
  bool declared_are_over() const {
    const Container& in = open_.back();
    return in.object && !in.keys.empty() && in.members + 1 >= in.keys.size();
  }

  std::vector<Container> open_;
  std::string key_;
  bool text_ = false, escaped_ = false, in_key_ = false, key_next_ = false;
  bool just_opened_ = false;  // an array or object, nothing of it written
  std::uint32_t length_ = 0;  // bytes of the string or number at hand
};

}  // namespace

struct Sampler::State {
  std::shared_ptr<const Grammar> grammar;
  SampleOptions options;
  std::uint32_t bytes_min = 0;
  std::mt19937_64 random;

  std::uint64_t below(std::uint64_t n) { return random() % n; }

  /// Of a text: the least now and then, else sizes of several orders up to the most.
  std::uint64_t draw_budget() {
    const std::uint64_t most = (options.bytes_max - bytes_min) >> below(kBudgetOrders);
    return bytes_min + (below(kLeastIn) == 0 ? 0 : below(most + 1));
  }

  /// `ids` with what they apply to the same value.
  std::vector<SchemaId> together(std::vector<SchemaId> ids) const {
    const auto add = [&](SchemaId id) {
      if (id != kNoSchema && ids.size() < kPlaceMax &&
          std::find(ids.begin(), ids.end(), id) == ids.end())
        ids.push_back(id);
    };
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const Schema& schema = grammar->schemas[ids[i]];
      for (const SchemaId id : schema.all_of) add(id);
      for (const auto* lists : {&schema.any_of, &schema.one_of}) {
        for (const auto& list : *lists) std::for_each(list.begin(), list.end(), add);
      }
      add(schema.then_);
      add(schema.else_);
    }
    return ids;
  }

  /// The schemas that speak of the value that begins now, for all that can be told without a
  /// search.
  std::vector<SchemaId> place(Position& position) const {
    if (position.open().empty()) return together({0});
    const Position::Container& in = position.open().back();
    std::vector<SchemaId> ids;
    for (const SchemaId id : in.schemas) {
      const Schema& schema = grammar->schemas[id];
      if (!in.object) {
        const bool first = in.members < schema.prefix_items.size();
        const SchemaId item = first ? schema.prefix_items[in.members] : schema.items;
        if (item != kNoSchema) ids.push_back(item);
        continue;
      }
      const auto declared = std::find_if(
          schema.properties.begin(), schema.properties.end(),
          [&](const Schema::Property& p) { return spell_string(p.key, grammar->options.escapes) == position.key(); });
      const SchemaId member =
          declared != schema.properties.end() ? declared->schema : schema.additional;
      if (member != kNoSchema) ids.push_back(member);
    }
    if (ids.size() > kPlaceMax) ids.resize(kPlaceMax);
    return together(std::move(ids));
  }

  /// The keys that they declare, as spelled, in written order.
  std::vector<std::string> keys(const std::vector<SchemaId>& ids) const {
    std::vector<std::string> out;
    std::unordered_set<std::string_view> known;
    const auto add = [&](const std::string& key) {
      if (known.insert(key).second) out.push_back(spell_string(key, grammar->options.escapes));
    };
    for (const SchemaId id : ids) {
      for (const auto& property : grammar->schemas[id].properties) add(property.key);
      for (const auto& key : grammar->schemas[id].required) add(key);
    }
    return out;
  }

  /// Writes a declared key that may stand here and fits: in written order, each by the toss of a
  /// coin, else the first of them. False: there is none.
  bool take_key(Matcher& matcher, const std::vector<std::string>& keys, std::string& text,
                std::uint64_t budget) {
    if (keys.empty()) return false;
    std::vector<std::size_t> order(keys.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (keys.size() > kKeysTriedMax)
      std::rotate(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(below(keys.size())),
                  order.end());
    const std::string* first = nullptr;
    const auto fits = [&](const std::string& key) {
      if (!matcher.accept_bytes(key + '"')) return false;
      if (text.size() + key.size() + 1 + matcher.tokens_to_finish() <= budget) return true;
      matcher.rollback(1);
      return false;
    };
    for (std::size_t i = 0; i < std::min(order.size(), kKeysTriedMax); ++i) {
      const std::string& key = keys[order[i]];
      if (!fits(key)) continue;
      if (below(2)) {
        text += key + '"';
        return true;
      }
      matcher.rollback(1);
      if (!first) first = &key;
    }
    if (!first || !fits(*first)) return false;
    text += *first + '"';
    return true;
  }

  Result<std::string> walk(std::uint64_t budget);
};

Result<std::string> Sampler::State::walk(std::uint64_t budget) {
  Matcher matcher(grammar);
  Position position;
  std::string text;
  const auto push = [&](char byte) {
    std::vector<SchemaId> schemas;
    if (position.opened_now(byte)) schemas = place(position);
    position.push(byte);
    if (position.opened_now(byte) && !position.open().empty()) {
      Position::Container& opened = position.open().back();
      if (opened.object) opened.keys = keys(schemas);
      opened.schemas = std::move(schemas);
    }
  };
  for (;;) {
    if (position.at_key() && below(kInventedIn) != 0) {
      const std::size_t from = text.size();
      if (take_key(matcher, position.open().back().keys, text, budget)) {
        for (std::size_t i = from; i < text.size(); ++i) push(text[i]);
        continue;
      }
    }
    Mask mask{};
    if (text.size() < budget) matcher.mask(mask, budget - text.size() - 1);
    if (const std::uint32_t held = position.held_open(mask);
        held > 0 && below(held + kHurry) < held)
      matcher.mask(mask, matcher.tokens_to_finish() - 1);
    std::uint64_t all = 0;
    for (unsigned byte = 0; byte < kBytes; ++byte) {
      if (allows(mask, byte)) all += position.weight(static_cast<unsigned char>(byte));
    }
    const bool complete = matcher.complete();
    if (all == 0 && !complete)
      return refuse(ErrorCode::limit,
                    "the walk found no way on after " + std::to_string(text.size()) +
                        " bytes (grammar.fuel); raise the limit or make the schema smaller",
                    "$");
    std::uint64_t drawn = below(all + (complete ? position.end_weight() : 0));
    if (complete && drawn >= all) return text;
    unsigned byte = 0;
    for (;; ++byte) {
      if (!allows(mask, byte)) continue;
      const std::uint32_t weight = position.weight(static_cast<unsigned char>(byte));
      if (drawn < weight) break;
      drawn -= weight;
    }
    matcher.accept(static_cast<TokenId>(byte));
    text += static_cast<char>(byte);
    push(static_cast<char>(byte));
  }
}

std::shared_ptr<const Vocabulary> byte_vocabulary() {
  std::vector<std::string> bytes;
  for (unsigned byte = 0; byte < kBytes; ++byte) bytes.emplace_back(1, static_cast<char>(byte));
  return std::make_shared<const Vocabulary>(std::move(bytes), [](std::string_view text) {
    std::vector<TokenId> ids;
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  });
}

Sampler::Sampler(std::unique_ptr<State> state) : state_(std::move(state)) {}
Sampler::Sampler(Sampler&&) noexcept = default;
Sampler& Sampler::operator=(Sampler&&) noexcept = default;
Sampler::~Sampler() = default;

Result<Sampler> Sampler::create(std::shared_ptr<const Grammar> grammar,
                                const SampleOptions& options) {
  const Vocabulary& words = *grammar->vocabulary;
  for (unsigned byte = 0; byte < kBytes; ++byte) {
    const char alone = static_cast<char>(byte);
    if (words.size() != kBytes ||
        words.bytes(static_cast<TokenId>(byte)) != std::string_view(&alone, 1))
      return refuse(ErrorCode::unsupported,
                    "samples are drawn byte by byte; compile with byte_vocabulary()", "$");
  }
  const std::uint32_t least = Matcher(grammar).tokens_to_finish();
  if (least > options.bytes_max)
    return refuse(ErrorCode::budget,
                  "the shortest value has " + std::to_string(least) + " bytes; the limit is " +
                      std::to_string(options.bytes_max) + " (bytes_max)",
                  "$");
  auto state = std::make_unique<State>();
  state->grammar = std::move(grammar);
  state->options = options;
  state->bytes_min = least;
  state->random.seed(options.seed);
  return Sampler(std::move(state));
}

Result<std::string> Sampler::next() { return state_->walk(state_->draw_budget()); }

Result<std::string> Sampler::shortest() const {
  State afresh;
  afresh.grammar = state_->grammar;
  return afresh.walk(state_->bytes_min);
}

}  // namespace praxis::grammar
