#pragma once
// The control tokens of DeepSeek's chat formats, by name and by id. Ids differ from vocabulary to
// vocabulary (V3, the Qwen and Llama distills), so they are always looked up.

#include <string_view>
#include <tl/expected.hpp>

#include "agent/dialect/dialect.h"
#include "engine/tokenizer.h"
#include "grammar/structure.h"

namespace praxis::agent {

// The bars are U+FF5C and the low lines U+2581, except in <think> and </think>.
namespace marker {
inline constexpr std::string_view kBegin = "<｜begin▁of▁sentence｜>";
inline constexpr std::string_view kEnd = "<｜end▁of▁sentence｜>";
inline constexpr std::string_view kUser = "<｜User｜>";
inline constexpr std::string_view kAssistant = "<｜Assistant｜>";
inline constexpr std::string_view kThink = "<think>";
inline constexpr std::string_view kThinkEnd = "</think>";
inline constexpr std::string_view kCalls = "<｜tool▁calls▁begin｜>";
inline constexpr std::string_view kCallsEnd = "<｜tool▁calls▁end｜>";
inline constexpr std::string_view kCall = "<｜tool▁call▁begin｜>";
inline constexpr std::string_view kCallEnd = "<｜tool▁call▁end｜>";
inline constexpr std::string_view kSeparator = "<｜tool▁sep｜>";
inline constexpr std::string_view kOutputs = "<｜tool▁outputs▁begin｜>";
inline constexpr std::string_view kOutputsEnd = "<｜tool▁outputs▁end｜>";
inline constexpr std::string_view kOutput = "<｜tool▁output▁begin｜>";
inline constexpr std::string_view kOutputEnd = "<｜tool▁output▁end｜>";
}  // namespace marker

/// The ids an output is made of. The tool markers are -1 where the vocabulary has none.
struct Markers {
  engine::TokenId end = -1, think = -1, think_end = -1;
  engine::TokenId calls = -1, calls_end = -1, call = -1, call_end = -1, separator = -1;
};

/// Whether a dialect can do without the tool markers. The distills' vocabularies have none: their
/// conversations work, a prompt with tools fails in to_tokens(), which names the missing token.
enum class ToolMarkers : std::uint8_t { required, optional };

/// Fails with the names of all the markers that `tokenizer` lacks.
tl::expected<Markers, DialectError> find_markers(const engine::Tokenizer& tokenizer,
                                                 ToolMarkers tools);

/// How R1 and R1-0528 write calls:
///   <calls> (<call>function<separator>NAME\n```json\nARGUMENTS\n```<call_end>) joined by \n
///   <calls_end>
grammar::CallFormat call_format(const Markers& markers);

/// What R1 and R1-0528 have in common of an output's structure: all but how the thinking begins,
/// which is as in R1-0528 (the model writes <think> itself) unless the dialect changes it.
grammar::StructureSpec r1_structure(const StructureInput& input, const Markers& markers);

}  // namespace praxis::agent
