// The asset "r1_tools.v1": the wording of the tool list, and the JSON it is written in.

#include <nlohmann/json.hpp>

#include "agent/dialect/prompt.h"

namespace praxis::agent {

namespace {

using nlohmann::json;

/// A JSON string with its quotes; broken UTF-8 becomes U+FFFD.
std::string json_string(const std::string& text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Writes down what the reader sees, without the white space.
class CompactWriter : public nlohmann::json_sax<json> {
 public:
  bool null() override { return value("null"); }
  bool boolean(bool v) override { return value(v ? "true" : "false"); }
  bool number_integer(number_integer_t v) override { return value(std::to_string(v)); }
  bool number_unsigned(number_unsigned_t v) override { return value(std::to_string(v)); }
  bool number_float(number_float_t, const string_t& written) override { return value(written); }
  bool string(string_t& v) override { return value(json_string(v)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open('{'); }
  bool end_object() override { return close('}'); }
  bool start_array(std::size_t) override { return open('['); }
  bool end_array() override { return close(']'); }
  bool key(string_t& v) override {
    if (comma_) out_ += ',';
    out_ += json_string(v) + ':';
    comma_ = false;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }
  std::string take() { return std::move(out_); }

 private:
  bool value(const std::string& text) {
    if (comma_) out_ += ',';
    out_ += text;
    return comma_ = true;
  }
  bool open(char bracket) {
    if (comma_) out_ += ',';
    out_ += bracket;
    comma_ = false;
    return true;
  }
  bool close(char bracket) {
    out_ += bracket;
    return comma_ = true;
  }

  std::string out_;
  bool comma_ = false;  // a value was written at this level: the next one needs a comma before it
};

}  // namespace

std::string compact_json(std::string_view text) {
  CompactWriter writer;
  if (!json::sax_parse(text, &writer)) return std::string(text);
  return writer.take();
}

void write_tool_list(SegmentWriter& out, const std::vector<ToolText>& tools) {
  out.text("## Tools\n\nCall tools after thinking, one call per line between the outer markers:\n");
  write_calls(out, {ToolCall{"", "NAME", "ARGUMENTS"}});
  out.text("\n\n");
  for (const ToolText& tool : tools) {
    if (&tool != &tools.front()) out.text("\n");
    out.text("```json\n{\"description\":" + json_string(tool.description) + ",\"name\":" +
             json_string(tool.name) + ",\"parameters\":" + compact_json(tool.schema) + "}\n```");
  }
}

}  // namespace praxis::agent
