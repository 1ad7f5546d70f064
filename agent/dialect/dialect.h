#pragma once
// A model family's chat format: messages to segments to token ids; the structure of an output for
// the mask; the token stream of an output back to reasoning, text and calls.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "agent/turn.h"
#include "engine/tokenizer.h"
#include "grammar/structure.h"

namespace praxis::agent {

/// One piece of a prompt. Only a control segment can yield a control id, and only its own.
struct Segment {
  enum class Kind : std::uint8_t { control, text, ids };
  Kind kind = Kind::text;
  std::string text;                      // control: the token's name; text: any bytes
  std::vector<engine::TokenId> ids;      // ids: what the engine produced earlier
  bool decoded = false;                  // ids: these were generated or forced (their KV role)
};

struct RenderInput {
  std::vector<Message> messages;
  std::vector<ToolText> tools;
  ThinkPolicy policy = ThinkPolicy::keep_in_loop;
  bool thinking = true;
  bool generation_prompt = true;   // end where the assistant begins
};

struct DialectError {
  std::string what, where;
};

/// What a parser reports, in stream order.
struct ParsedDelta {
  enum class Kind : std::uint8_t {
    reasoning,        // text
    text,             // text
    call_name,        // call index, text = name: a call has begun
    call_arguments,   // call index, text = a fragment of the arguments' JSON
    call_end,         // call index: the arguments are whole
  };
  Kind kind = Kind::text;
  std::string text;
  std::uint32_t call = 0;
  std::vector<TokenLogprob> logprobs;  // reasoning and text, where asked for: of its tokens, markers left out
  bool operator==(const ParsedDelta&) const = default;
};

/// Token ids in, deltas out; never half a UTF-8 character. Works on any stream, constrained or not:
/// what is malformed stays visible as text, nothing is lost and nothing throws.
class Parser {
 public:
  virtual ~Parser() = default;
  virtual std::vector<ParsedDelta> push(engine::TokenId id) = 0;
  virtual std::vector<ParsedDelta> finish() = 0;
};

/// Recommended settings of the family; flags override them.
struct Recommended {
  float temperature = 0.6f, top_p = 0.95f;
  bool system_as_user = false;   // instructions belong into the user turn (January R1, distills)
};

struct StructureInput {
  std::vector<grammar::ToolGrammar> tools;
  grammar::ToolChoice choice = grammar::ToolChoice::automatic;
  std::shared_ptr<const grammar::Grammar> answer;
  bool thinking = true;
  std::uint32_t think_tokens_max = 0;
  std::uint32_t tokens_max = 4096;
  std::uint32_t calls_max = 8;
};

class Dialect {
 public:
  virtual ~Dialect() = default;
  virtual std::string_view name() const = 0;   // "r1_0528"
  virtual std::string_view tools_asset() const = 0;  // name and version of the tool list's wording, "r1_tools.v1"
  virtual Recommended recommended() const = 0;
  virtual std::vector<Segment> render(const RenderInput& input) const = 0;
  /// Whether the output that follows render(input) begins with thinking: what structure() and
  /// parser() of that output must be told. False with input.thinking off, and where the format
  /// itself leaves no room for it (January R1 goes straight on after tool results).
  virtual bool thinks(const RenderInput& input) const = 0;
  virtual grammar::StructureSpec structure(const StructureInput& input) const = 0;
  virtual std::unique_ptr<Parser> parser(bool thinking) const = 0;
};

/// `tokenizer` must outlive the dialect. Fails, naming the token, when it lacks a marker.
tl::expected<std::unique_ptr<Dialect>, DialectError> make_dialect(std::string_view name, const engine::Tokenizer& tokenizer);
std::vector<std::string> dialect_names();
/// The default for these markers. If no dialect fits, an error that lists them and what each lacks.
tl::expected<std::string, DialectError> detect_dialect(const engine::Tokenizer& tokenizer);

/// Segments to ids: control by name, text by the door that has no control ids. A control segment
/// whose token does not exist is an error that names it.
tl::expected<std::vector<engine::Token>, DialectError> to_tokens(std::span<const Segment> segments,
                                                                  const engine::Tokenizer& tokenizer);

}  // namespace praxis::agent
