#pragma once
// Deltas as the Responses API sends them: events of a stream, or one object at the end. Shapes and
// order: OpenAI's "Streaming events" of Responses.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/api/answering.h"
#include "agent/api/responses_request.h"

namespace praxis::agent::api {

/// What a reply needs to know beside its request.
struct ResponseHead {
  std::string id, model, fingerprint;
  Recommended recommended;                        // what a request without temperature gets
  std::function<std::int64_t()> clock;            // now, in seconds since the Unix epoch
};

/// One step's reply. Thoughts are the content of a reasoning item, or its summary where the request
/// asks for summaries: clients show those, and nothing here is secret.
class ResponsesReply final : public Writer {
 public:
  ResponsesReply(ResponsesRequest request, ResponseHead head);

  bool streams() const override { return request_.stream; }
  void open(std::string& out) override;
  void delta(std::string& out, std::uint32_t choice, const ParsedDelta& delta) override;
  /// Settles how the reply ends. Its row can be gone on from with store, else only its calls are kept.
  std::optional<Kept> kept(std::uint32_t choice, const StepOutput& output) override;
  void finish(std::string& out, std::uint32_t choice, const StepOutput& output) override;
  void close(std::string& out) override;
  void fail(std::string& out, const ApiError& error) override;

 private:
  struct Item {
    enum class Kind : std::uint8_t { reasoning, message, function, custom };
    Kind kind = Kind::message;
    std::string id, status = "in_progress";
    std::string text;                             // a call's: its arguments
    std::vector<TokenLogprob> logprobs;
    std::string call_id;
    WireTool tool;
  };

  Json response() const;
  Json item_json(const Item& item) const;
  /// The one part of an item that has parts.
  Json part(const Item& item, const std::string& text) const;

  // Each appends one event, where there is a stream.
  void event(std::string& out, std::string_view type, std::string_view rest);
  void response_event(std::string& out, std::string_view type);
  void item_event(std::string& out, std::string_view type);                    // with the whole item
  void part_event(std::string& out, std::string_view type, const std::string& text);
  void text_event(std::string& out, std::string_view type, std::string_view key, std::string_view text,
                  const std::vector<TokenLogprob>& logprobs = {});

  Item& begin_item(Item::Kind kind);
  void add_text(std::string& out, Item::Kind kind, const ParsedDelta& delta);
  void add_call(std::string& out, const ToolCall& call);
  void add_arguments(std::string& out, const ParsedDelta& delta);
  void end_item(std::string& out);
  void end_text(std::string& out, const Item& item);
  void end_call(std::string& out, const Item& item);
  /// How the reply ends, and the item that is still open.
  void settle(const StepOutput& output);

  ResponsesRequest request_;
  ResponseHead head_;
  Json base_;                       // the response without what changes
  std::int64_t created_;
  Said said_;
  std::vector<Item> items_;
  bool item_open_ = false;          // the last of items_
  std::string place_;               // of the last item, as its events spell it
  std::uint64_t events_ = 0;
  std::string status_ = "in_progress";
  std::int64_t completed_ = 0;
  Usage usage_;
  std::optional<ApiError> error_;
};

/// input_tokens, output_tokens and total_tokens with their details.
Json responses_usage(const Usage& usage);

}  // namespace praxis::agent::api
