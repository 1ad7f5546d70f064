#pragma once
// What of a server's answers reaches the loop, and when: reasoning and free text as they come, calls
// once they are whole and valid, an answer of a given form once it has that form. An attempt that is
// refused is asked again; what it had said already is not said twice.

#include <cstdint>
#include <string>
#include <vector>

#include "agent/model/model.h"
#include "agent/model/remote_check.h"

namespace praxis::agent {

class RemoteDelivery {
 public:
  /// `check` outlives the delivery.
  RemoteDelivery(const RemoteCheck& check, const Settings& settings, Model::OnDelta on_delta);

  void take(ParsedDelta delta);
  /// The same attempt from its beginning: nothing of it was reported.
  void restart();
  bool reported() const { return reported_; }  // anything of this attempt

  /// The attempt has ended. Empty: it is accepted, and all of it is reported. Else why it is refused,
  /// for the model to read. `cut`: by the output budget. `stopped`: by a stop text, then the answer
  /// need not be of its form.
  std::string conclude(bool cut, bool stopped);
  /// Whether the refusal is of the answer's form: then no call is due any more.
  bool refused_answer() const { return refused_answer_; }
  /// What was refused and why, as the conversation goes on; and the next attempt begins.
  std::vector<Message> ask_again(const std::string& why);

  /// What was left out of an accepted answer.
  std::vector<std::string> warnings;

 private:
  struct Attempt {
    std::string reasoning, text;
    ToolCall call;               // the one that is being told, or that was refused
    std::string refused;         // why
    std::uint32_t calls = 0;     // accepted
  };
  void take_reasoning(ParsedDelta delta);
  void take_text(ParsedDelta delta);
  void take_call();
  void flush_text();
  void report(ParsedDelta delta);
  bool holds_text() const { return check_.binds_answer() || attempts_ > 0; }

  const RemoteCheck& check_;
  std::uint32_t calls_max_;
  Model::OnDelta on_delta_;
  Attempt attempt_;
  std::uint32_t attempts_ = 0;   // refused so far
  bool reported_ = false;
  bool refused_answer_ = false;
  bool flushed_ = false;         // this attempt's held text
  bool thought_before_ = false;  // an earlier attempt's reasoning was reported
  std::string said_;             // free text that earlier attempts reported
};

}  // namespace praxis::agent
