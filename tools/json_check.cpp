#include "tools/json_check.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "tools/text.h"

namespace praxis::tools {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kPathBytesMax = 200;

/// Counts depth and remembers the keys of the objects it is inside; stops at the first refusal.
class Checker final : public nlohmann::json_sax<Json> {
 public:
  explicit Checker(const JsonLimits& limits) : limits_(limits) {}

  std::string problem, where;

  bool null() override { return scalar(); }
  bool boolean(bool) override { return scalar(); }
  bool number_integer(number_integer_t) override { return scalar(); }
  bool number_unsigned(number_unsigned_t) override { return scalar(); }
  bool number_float(number_float_t, const string_t&) override { return scalar(); }
  bool string(string_t&) override { return scalar(); }
  bool binary(binary_t&) override { return refuse("binary value"); }
  bool start_object(std::size_t) override { return open(false); }
  bool start_array(std::size_t) override { return open(true); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    Level& level = levels_.back();
    level.key = name;
    return level.keys.insert(name).second || refuse("key appears twice");
  }
  bool parse_error(std::size_t position, const std::string&,
                   const Json::exception& error) override {
    // 406 is a number beyond double, the only refusal that is not about syntax.
    refuse((error.id == 406 ? "number out of range before byte " : "not JSON at byte ") +
           std::to_string(position));
    return false;
  }

 private:
  struct Level {
    bool array = false;
    std::size_t index = 0;
    std::string key;
    std::set<std::string> keys;
  };

  bool scalar() {
    advance();
    return true;
  }
  bool open(bool array) {
    advance();
    if (levels_.size() == limits_.depth_max)
      return refuse("nests deeper than " + std::to_string(limits_.depth_max) + " (json.depth_max)");
    levels_.emplace_back();
    levels_.back().array = array;
    return true;
  }
  bool close() {
    levels_.pop_back();
    return true;
  }
  /// Before each value: an array's elements are counted from 1 so that `path` can name the last.
  void advance() {
    if (!levels_.empty() && levels_.back().array) ++levels_.back().index;
  }
  bool refuse(std::string what) {
    problem = std::move(what);
    where.assign(1, '$');
    for (const Level& level : levels_) {
      if (level.array && level.index > 0)
        where.append(1, '[').append(std::to_string(level.index - 1)).append(1, ']');
      if (!level.array && !level.key.empty()) where.append(1, '.').append(level.key);
    }
    if (where.size() > kPathBytesMax) where.resize(cut_utf8(where, kPathBytesMax));
    return false;
  }

  const JsonLimits limits_;
  std::vector<Level> levels_;
};

}  // namespace

Result<void> check_json(std::string_view text, JsonShape shape, JsonLimits limits) {
  const auto refuse = [](std::string what, std::string where) {
    return tl::unexpected(Error{ErrorCode::bad_arguments, std::move(what), std::move(where)});
  };
  if (text.size() > limits.bytes_max)
    return refuse("has " + std::to_string(text.size()) + " bytes; the limit is " +
                      std::to_string(limits.bytes_max) + " (json.bytes_max)",
                  "$");
  // The parser takes a NUL for the end of its input and would not look at what follows.
  if (const std::size_t nul = text.find('\0'); nul != text.npos)
    return refuse("not JSON at byte " + std::to_string(nul + 1), "$");
  Checker checker(limits);
  if (!Json::sax_parse(text.begin(), text.end(), &checker))
    return refuse(checker.problem, checker.where);
  // Valid JSON: its first character after white space tells what it is.
  const std::size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (text[first] != (shape == JsonShape::object ? '{' : '['))
    return refuse(shape == JsonShape::object ? "must be a JSON object" : "must be a JSON array",
                  "$");
  return {};
}

}  // namespace praxis::tools
