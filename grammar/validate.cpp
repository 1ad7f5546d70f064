// Whole values against schemas, read off the schema structs alone: no rules, no residuals. What the
// mask lets through can so be judged by other code than the mask's own.

#include <algorithm>

#include "grammar/grammar.h"
#include "grammar/schema.h"

namespace praxis::grammar {
namespace {

// Nesting of the text and steps that one validate() may take.
constexpr std::uint32_t kTextDepthMax = 1024;
constexpr std::uint64_t kTextFuel = 20'000'000;

std::uint64_t code_points(std::string_view utf8) {
  return static_cast<std::uint64_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

bool within(const Schema& schema, const Decimal& number) {
  if (schema.integral && !number.integral()) return false;
  if (schema.minimum) {
    const auto order = number <=> schema.minimum->value;
    if (order < 0 || (order == 0 && schema.minimum->open)) return false;
  }
  if (schema.maximum) {
    const auto order = number <=> schema.maximum->value;
    if (order > 0 || (order == 0 && schema.maximum->open)) return false;
  }
  return true;
}

class Judge {
 public:
  Judge(const Schemas& schemas, const JsonDocument& document, Fuel& fuel)
      : schemas_(schemas), document_(document), fuel_(fuel) {}

  bool failed() const { return failed_; }
  Error error;

  bool admits(SchemaId id, JsonId value) {
    // The same schema can meet the same value along many branches; once is enough.
    const std::uint64_t key = std::uint64_t{id} << 32 | value;
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    const Schema& schema = schemas_[id];
    bool ok = itself(id, value);
    for (std::size_t i = 0; ok && i < schema.all.size(); ++i) ok = admits(schema.all[i], value);
    for (std::size_t i = 0; ok && i < schema.any.size(); ++i) {
      const auto& any = schema.any[i];
      ok = std::any_of(any.begin(), any.end(),
                       [&](SchemaId branch) { return admits(branch, value); });
    }
    return known_[key] = ok;
  }

  /// Only the constraints that `id` itself states.
  bool itself(SchemaId id, JsonId at) {
    const Schema& schema = schemas_[id];
    return (!schema.listed || is_listed(schema, at)) && itself_unlisted(schema, at);
  }

  /// Of these, all but enum and const.
  bool itself_unlisted(const Schema& schema, JsonId at) {
    const Json& value = document_[at];
    if (!fuel_.burn() || failed_) return fail(fuel_.error(schema.path).value());
    if (schema.never) return false;
    switch (value.kind) {
      case Json::Kind::null:
        return schema.types & kNull;
      case Json::Kind::boolean:
        return schema.types & kBoolean;
      case Json::Kind::number:
        return number(schema, value);
      case Json::Kind::string:
        return string(schema, value);
      case Json::Kind::array:
        return array(schema, value);
      case Json::Kind::object:
        return object(schema, value);
    }
    return false;
  }

 private:
  bool fail(Error why) {
    if (!failed_) error = std::move(why);
    failed_ = true;
    return false;
  }

  bool is_listed(const Schema& schema, JsonId at) {
    auto text = canonical(document_, at);
    if (!text) return fail(text.error());
    if (!fuel_.burn(text->size() / 16)) return fail(fuel_.error(schema.path).value());
    return std::binary_search(schema.value_keys.begin(), schema.value_keys.end(), *text);
  }

  bool number(const Schema& schema, const Json& value) {
    if (!(schema.types & kNumber)) return false;
    if (!schema.integral && !schema.minimum && !schema.maximum) return true;
    const auto number = Decimal::parse(value.text);
    if (!number) {
      return fail(Error{
          ErrorCode::limit,
          "holds a number whose exponent is beyond " + std::to_string(Decimal::kExponentMax), "$"});
    }
    return within(schema, *number);
  }

  bool string(const Schema& schema, const Json& value) {
    if (!(schema.types & kString)) return false;
    const std::uint64_t length = code_points(value.text);
    return length >= schema.length_min &&
           (schema.length_max == kUnlimited || length <= schema.length_max);
  }

  bool array(const Schema& schema, const Json& value) {
    if (!(schema.types & kArray) || value.count < schema.items_min ||
        value.count > schema.items_max)
      return false;
    for (JsonId item = value.child; schema.items && item != kNoJson; item = document_[item].next) {
      if (!admits(*schema.items, item)) return false;
    }
    return true;
  }

  bool object(const Schema& schema, const Json& value) {
    if (!(schema.types & kObject)) return false;
    for (JsonId member = value.child; member != kNoJson; member = document_[member].next) {
      if (!fuel_.burn()) return fail(fuel_.error(schema.path).value());
      const auto known = schema.by_key.find(document_[member].key);
      if (known != schema.by_key.end() ? !admits(known->second, member)
                                       : schema.additional && !admits(*schema.additional, member)) {
        return false;
      }
    }
    for (const std::string& key : schema.required) {
      if (!fuel_.burn(1 + value.count / 16)) return fail(fuel_.error(schema.path).value());
      const JsonId found = [&] {
        JsonId member = value.child;
        while (member != kNoJson && document_[member].key != key) member = document_[member].next;
        return member;
      }();
      if (found == kNoJson) return false;
    }
    return true;
  }

  const Schemas& schemas_;
  const JsonDocument& document_;
  Fuel& fuel_;
  bool failed_ = false;
  std::unordered_map<std::uint64_t, bool> known_;
};

}  // namespace

Result<bool> admits(const Schemas& schemas, SchemaId id, const JsonDocument& document, JsonId value,
                    Fuel& fuel) {
  Judge judge(schemas, document, fuel);
  const bool verdict = judge.admits(id, value);
  if (judge.failed()) return tl::unexpected<Error>(judge.error);
  return verdict;
}

Result<std::vector<JsonId>> listed_values(const Schemas& schemas, SchemaId listed,
                                          const std::vector<SchemaId>& together, Fuel& fuel) {
  Judge judge(schemas, schemas.document, fuel);
  std::vector<JsonId> kept;
  for (const JsonId value : schemas[listed].values) {
    const bool admitted = std::all_of(together.begin(), together.end(), [&](SchemaId id) {
      return id == listed ? judge.itself_unlisted(schemas[id], value) : judge.itself(id, value);
    });
    if (judge.failed()) return tl::unexpected<Error>(judge.error);
    if (admitted) kept.push_back(value);
  }
  return kept;
}

Result<bool> validate(const Grammar& grammar, std::string_view json) {
  Fuel fuel(kTextFuel);
  const auto document = read_json(json, kTextDepthMax, fuel);
  if (!document) {
    if (document.error().code == ErrorCode::bad_json) return false;
    return tl::unexpected<Error>(document.error());
  }
  return admits(grammar.schemas, 0, *document, 0, fuel);
}

}  // namespace praxis::grammar
