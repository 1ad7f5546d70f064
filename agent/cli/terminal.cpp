#include "agent/cli/terminal.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace praxis::agent::cli {

namespace {

constexpr const char* kDim = "\033[2m";
constexpr const char* kBold = "\033[1m";
constexpr const char* kRed = "\033[31m";
constexpr const char* kGreen = "\033[32m";
constexpr const char* kReset = "\033[0m";

void write(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) {
      // U+2400 and on are the pictures of the control characters.
      unsigned picture = c == 0x7f ? 0x2421 : 0x2400 + c;
      out += static_cast<char>(0xE0 | picture >> 12);
      out += static_cast<char>(0x80 | (picture >> 6 & 0x3F));
      out += static_cast<char>(0x80 | (picture & 0x3F));
    } else if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      out += "\xEF\xBF\xBD";  // C1 controls (U+0080..U+009F) drive some terminals
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

Printer::Style Printer::choose(bool json) {
  if (json) return Style::json;
  const char* no_color = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) && !(no_color && *no_color) ? Style::terminal : Style::plain;
}

void Printer::open(Block block) {
  if (block == block_) return;
  bool color = style_ == Style::terminal;
  if (block_ == Block::reasoning && color) write(kReset);
  if (block_ != Block::none && !line_start_) write("\n");
  if (block_ == Block::reasoning && block == Block::text) write("\n");
  line_start_ = true;
  if (block == Block::reasoning) write(color ? kDim : "thinking: ");
  block_ = block;
}

void Printer::text(const std::string& text) {
  if (text.empty()) return;
  write(printable(text));
  line_start_ = text.back() == '\n';
}

void Printer::operator()(const Event& event) {
  if (style_ == Style::json) {
    std::string line = to_json(event) + "\n";
    write(line);
    std::fflush(stdout);
    return;
  }
  bool color = style_ == Style::terminal;
  auto mark = [&](const char* on, const std::string& text) {
    if (color) write(on);
    write(printable(text));
    if (color) write(kReset);
  };
  switch (event.type) {
    case Event::Type::run_started:
      if (event.resumed) {
        open(Block::none);
        mark(kDim, "continuing run " + event.run_id + "\n");
      }
      break;
    case Event::Type::warning:
      open(Block::none);
      mark(kRed, "warning: " + event.text + "\n");
      break;
    case Event::Type::step_started: break;
    case Event::Type::reasoning_delta:
      open(Block::reasoning);
      text(event.text);
      break;
    case Event::Type::text_delta:
      open(Block::text);
      text(event.text);
      break;
    case Event::Type::call_arguments: break;  // shown whole when the call starts
    case Event::Type::call_approval: break;  // whoever is asked shows it
    case Event::Type::step_restarted:
      open(Block::none);
      mark(kDim, "(the step begins again)\n");
      break;
    case Event::Type::call_started:
      open(Block::none);
      mark(kBold, "→ " + event.call.name);
      write(" " + printable(event.call.arguments) + "\n");
      break;
    case Event::Type::call_progress:
      open(Block::none);
      mark(kDim, "  … " + event.text + "\n");
      break;
    case Event::Type::call_finished: {
      open(Block::none);
      bool ok = event.result.status == tools::Status::ok;
      std::string arrow = "← ";
      if (!ok) arrow.append(tools::to_string(event.result.status)).append(": ");
      mark(ok ? kGreen : kRed, arrow);
      write(printable(event.result.text) + (event.result.truncated ? " [cut]" : "") + "\n");
      break;
    }
    case Event::Type::step_finished: open(Block::none); break;
    case Event::Type::run_parked:
    case Event::Type::run_finished: {
      open(Block::none);
      for (const auto& [passage, written] : event.citations) {
        mark(kBold, "[" + passage.file + ":" + std::to_string(passage.line) + "]");
        write(" " + printable(passage.text) + (written ? "\n" : " (found by the answer's words)\n"));
      }
      if (event.status != RunStatus::completed) {
        std::string ending(to_string(event.status));
        if (!event.error.empty()) ending.append(": ").append(event.error);
        mark(kRed, ending.append("\n"));
      }
      char line[160];
      double seconds = event.usage.prefill_seconds + event.usage.decode_seconds;
      double rate = event.usage.decode_seconds > 0 ? static_cast<double>(event.usage.output_tokens) / event.usage.decode_seconds : 0;
      std::snprintf(line, sizeof line, "%llu tokens read (%llu cached), %llu written at %.0f tokens/s, %u steps, %.2f s\n",
                    static_cast<unsigned long long>(event.usage.prompt_tokens),
                    static_cast<unsigned long long>(event.usage.cached_tokens),
                    static_cast<unsigned long long>(event.usage.output_tokens), rate, event.usage.steps, seconds);
      mark(kDim, line);
      if (event.usage.cost != 0) {
        std::snprintf(line, sizeof line, "cost %.6g\n", event.usage.cost);
        mark(kDim, line);
      }
      break;
    }
  }
  std::fflush(stdout);
}

void ProgressBar::operator()(double fraction, const std::string& note) {
  constexpr double kDrawEverySeconds = 0.1;
  const double time = now();
  if (begun_ == 0) begun_ = time;
  if (!isatty(STDERR_FILENO) || time - begun_ < 1 || time - drawn_ < kDrawEverySeconds) return;
  shown_ = true;
  drawn_ = time;
  char bar[41];
  int filled = static_cast<int>(fraction * 40);
  for (int i = 0; i < 40; ++i) bar[i] = i < filled ? '#' : '.';
  bar[40] = 0;
  std::fprintf(stderr, "\r%s [%s] %3.0f %% %s\033[K", doing_.c_str(), bar, fraction * 100, note.c_str());
}

void ProgressBar::clear() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
  shown_ = false;
}

}  // namespace praxis::agent::cli
