#include <algorithm>

#include "plugins/author.h"
#include "plugins/files/pattern.h"
#include "plugins/folder.h"

namespace praxis::plugins::files {
namespace {

constexpr std::size_t kFileBytesMax = 4 * 1024 * 1024;
constexpr std::size_t kReadBytesMax = 48 * 1024;  // of one answer of files_read
constexpr std::size_t kReadLinesMax = 2000;
constexpr std::size_t kListLinesMax = 500;
constexpr std::size_t kLineBytesMax = 300;  // of a line shown by files_grep
constexpr std::int64_t kGrepLimitDefault = 50, kGrepLimitMax = 200;

constexpr std::string_view kTools = R"([{
  "name": "files_list",
  "description": "List a folder: one entry per line, folders with a / at the end, files with their size.",
  "parameters": {"type": "object", "properties": {
    "path": {"type": "string"}}, "required": []},
  "effect": "pure", "deadline_ms": 10000
}, {
  "name": "files_read",
  "description": "Read a text file. For a part of it give first_line (from 1) and lines (how many).",
  "parameters": {"type": "object", "properties": {
    "path": {"type": "string", "minLength": 1},
    "first_line": {"type": "integer", "minimum": 1},
    "lines": {"type": "integer", "minimum": 1, "maximum": 2000}}, "required": ["path"]},
  "effect": "pure", "deadline_ms": 10000
}, {
  "name": "files_grep",
  "description": "Find lines that match a regular expression in a file or in all files below a folder. Answers FILE:LINE: text. Begin the pattern with (?i) to ignore case.",
  "parameters": {"type": "object", "properties": {
    "pattern": {"type": "string", "minLength": 1},
    "path": {"type": "string"},
    "limit": {"type": "integer", "minimum": 1, "maximum": 200}}, "required": ["pattern"]},
  "effect": "pure", "deadline_ms": 20000
}])";

/// Takes the first line off `text`, without its line end.
std::string_view next_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Answer path_or_root(const Request& request) {
  if (!request.arguments.contains("path")) return "";
  return request.string("path");
}

class Files final : public Plugin {
 public:
  explicit Files(Folder folder) : folder_(std::move(folder)) {}

  std::string_view tools() const override { return kTools; }

  Answer call(const Request& request) override {
    if (request.tool == "files_list") return list(request);
    if (request.tool == "files_read") return read(request);
    return grep(request);
  }

 private:
  Answer list(const Request& request) const {
    const Answer path = path_or_root(request);
    if (!path) return path;
    const auto entries = folder_.list(*path);
    if (!entries) return refuse(entries.error());
    if (entries->empty()) return "the folder is empty";
    std::string text;
    std::size_t shown = 0;
    for (const FolderEntry& entry : *entries) {
      if (shown++ == kListLinesMax) {
        text += "... and " + std::to_string(entries->size() - kListLinesMax) + " more";
        break;
      }
      text += printable(entry.name);
      switch (entry.kind) {
        case FolderEntry::Kind::file:
          text += "  " + std::to_string(entry.stamp.size) + " bytes\n";
          break;
        case FolderEntry::Kind::folder:
          text += "/\n";
          break;
        case FolderEntry::Kind::link:
          text += "  symbolic link, not followed\n";
          break;
        case FolderEntry::Kind::other:
          text += "  not a file\n";
          break;
      }
    }
    if (text.ends_with('\n')) text.pop_back();
    return text;
  }

  /// The whole file as it is when it fits; else whole lines, and how to go on.
  Answer read(const Request& request) const {
    const Answer path = request.string("path");
    if (!path) return path;
    const auto first = request.integer("first_line", 1),
               lines = request.integer("lines", kReadLinesMax);
    if (!first) return refuse(first.error());
    if (!lines) return refuse(lines.error());
    if (*first < 1) return refuse("first_line counts from 1");
    if (*lines < 1 || *lines > static_cast<std::int64_t>(kReadLinesMax))
      return refuse("lines must be 1 to 2000 (files.read_lines_max)");
    const auto text = folder_.read_text(*path, kFileBytesMax);
    if (!text) return refuse(text.error());
    if (text->empty()) return "the file is empty";

    std::string_view rest = *text;
    std::int64_t line = 1;
    for (; line < *first && !rest.empty(); ++line) next_line(rest);
    if (rest.empty()) return refuse("the file has only " + std::to_string(line - 1) + " lines");
    std::string part;
    std::int64_t shown = 0;
    while (!rest.empty() && shown < *lines) {
      const std::size_t size = std::min(rest.find('\n'), rest.size() - 1) + 1;
      if (part.size() + size > kReadBytesMax) {
        if (shown > 0) break;
        part = rest.substr(0, kReadBytesMax);  // one line longer than an answer
        ++shown;
        rest.remove_prefix(size);
        part += "\n[the rest of this line is left out]\n";
        break;
      }
      part += rest.substr(0, size);
      rest.remove_prefix(size);
      ++shown;
    }
    if (rest.empty()) return part;
    if (!part.ends_with('\n')) part += '\n';
    const std::int64_t last = line + shown - 1;
    return part + "[lines " + std::to_string(line) + " to " + std::to_string(last) +
           "; the file goes on at first_line " + std::to_string(last + 1) + "]";
  }

  Answer grep(const Request& request) const {
    const Answer pattern_text = request.string("pattern"), path = path_or_root(request);
    if (!pattern_text) return pattern_text;
    if (!path) return path;
    const auto asked = request.integer("limit", kGrepLimitDefault);
    if (!asked) return refuse(asked.error());
    const std::size_t limit =
        static_cast<std::size_t>(std::clamp<std::int64_t>(*asked, 1, kGrepLimitMax));
    auto pattern = Pattern::compile(*pattern_text);
    if (!pattern) return refuse(pattern.error());

    std::string found, failure;
    std::size_t count = 0;
    // One file; false: enough, or it cannot go on.
    const auto search = [&](const std::string& file, std::string_view text) {
      for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string_view line = next_line(text);
        const auto matches = pattern->matches(line);
        if (!matches) failure = matches.error();
        else if (request.cancelled()) failure = "stopped before the search was over";
        if (!failure.empty()) return false;
        if (!*matches) continue;
        if (count++ == limit) return false;
        found += passage_line(file, number, line.substr(0, kLineBytesMax)) +
                 (line.size() > kLineBytesMax ? "...\n" : "\n");
      }
      return true;
    };
    const auto kind = folder_.kind(*path);
    if (!kind) return refuse(kind.error());
    std::string left_out;
    if (*kind == FolderEntry::Kind::folder) {
      const auto walked = folder_.walk(*path, [&](const std::string& file, const Stamp&) {
        const auto text = folder_.read_text(file, kFileBytesMax);
        // Binary and large files are passed over, as grep -I does.
        return !text || search(file, *text) ? Folder::Walk::go_on : Folder::Walk::stop;
      });
      if (!walked) return refuse(walked.error());
      left_out = *walked;
    } else {
      const auto text = folder_.read_text(*path, kFileBytesMax);
      if (!text) return refuse(text.error());
      search(*path, *text);
    }
    if (!failure.empty()) return refuse(failure);
    if (count > limit) found += "... more than " + std::to_string(limit) + " lines match\n";
    if (!left_out.empty()) found += "... not all was searched: " + left_out + "\n";
    if (found.empty()) return "no match";
    found.pop_back();
    return found;
  }

  const Folder folder_;
};

Opened make(const Config& config) {
  const Answer root = root_of(config);
  if (!root) return refuse(root.error());
  auto folder = Folder::open(*root);
  if (!folder) return refuse(folder.error());
  return std::make_unique<Files>(std::move(*folder));
}

}  // namespace
}  // namespace praxis::plugins::files

PRAXIS_PLUGIN(praxis::plugins::files::make, "files", "1.0")
