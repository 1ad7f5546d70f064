#include "agent/cli/documents.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "agent/cli/input.h"
#include "tools/json_check.h"
#include "tools/text.h"

namespace praxis::agent::cli {

namespace fs = std::filesystem;

namespace {

/// A line of standard input without its end, of which no more than the limit is kept.
bool read_line(std::istream& in, std::string& line) {
  line.clear();
  std::streambuf& buffer = *in.rdbuf();
  int c = buffer.sbumpc();
  if (c == EOF) return false;
  for (; c != EOF && c != '\n'; c = buffer.sbumpc())
    if (line.size() <= kInputBytesMax) line += static_cast<char>(c);
  return true;
}

Document document_of(const std::string& line, std::size_t number) {
  Document document{"line " + std::to_string(number), std::string()};
  const auto refuse = [&](const std::string& what) {
    document.text = tl::unexpected(Error{ErrorCode::bad_request, what, ""});
    return document;
  };
  constexpr const char* kForm = R"(; a line is {"id": "…", "text": "…"})";
  if (auto checked = tools::check_json(line, tools::JsonShape::object, {kInputBytesMax}); !checked)
    return refuse("is no document: " + checked.error().where + ": " + checked.error().what + kForm);
  const auto json = nlohmann::json::parse(line, nullptr, false);
  const auto id = json.find("id"), text = json.find("text");
  if (id == json.end() || !(id->is_string() || id->is_number_integer()))
    return refuse(std::string("has no id") + kForm);
  document.name = id->is_string() ? id->get<std::string>() : id->dump();
  if (text == json.end() || !text->is_string()) return refuse(std::string("has no text") + kForm);
  document.text = text->get<std::string>();
  return document;
}

bool hidden(const fs::path& path) { return path.filename().native().starts_with("."); }

}  // namespace

Result<Documents> Documents::list(const Options& options) {
  Documents documents;
  documents.from_input_ = std::count(options.named.begin(), options.named.end(), "-") > 0;
  if (documents.from_input_ && options.named.size() > 1)
    return tl::unexpected(Error{ErrorCode::bad_request, "is standard input and stands alone", "-"});
  if (documents.from_input_) return documents;
  std::error_code error;
  for (const fs::path& path : options.left_out)
    documents.seen_.insert(fs::weakly_canonical(path, error).native());
  for (const fs::path& path : options.named) {
    const bool folder = fs::is_directory(path, error);
    auto added = folder ? documents.add_folder(path, options) : documents.add(path, path);
    if (!added) return tl::unexpected(added.error());
  }
  return documents;
}

Result<void> Documents::add(const fs::path& path, const fs::path& name) {
  std::error_code error;
  if (!seen_.insert(fs::weakly_canonical(path, error).native()).second) return {};
  if (files_.size() == kDocumentsMax)
    return tl::unexpected(Error{ErrorCode::limit,
                                "more than " + std::to_string(kDocumentsMax) +
                                    " documents (extract.documents_max); do them in parts",
                                path.string()});
  files_.push_back({tools::repair_utf8(name.lexically_normal().native()), path});
  return {};
}

Result<void> Documents::add_folder(const fs::path& folder, const Options& options) {
  std::error_code error;
  std::vector<fs::path> found;
  fs::recursive_directory_iterator walk(folder, error), end;
  for (; !error && walk != end; walk.increment(error)) {
    std::error_code unseen;  // gone since the folder was read: no document
    const fs::file_status status = walk->symlink_status(unseen);
    if (fs::is_directory(status) && (hidden(walk->path()) || walk.depth() >= kDepthMax))
      walk.disable_recursion_pending();
    if (!fs::is_regular_file(status) || hidden(walk->path())) continue;
    const auto& wanted = options.extensions;
    if (wanted.empty() ||
        std::count(wanted.begin(), wanted.end(), walk->path().extension().native()) > 0)
      found.push_back(walk->path());
    if (found.size() > kDocumentsMax) break;  // add() says so
  }
  if (error)
    return tl::unexpected(
        Error{ErrorCode::bad_request, "cannot be listed: " + error.message(), folder.string()});
  std::sort(found.begin(), found.end());
  for (const fs::path& path : found)
    if (auto added = add(path, path); !added) return added;
  return {};
}

std::optional<std::size_t> Documents::size() const {
  if (from_input_) return std::nullopt;
  return files_.size();
}

std::optional<Document> Documents::next(const std::function<bool(const std::string&)>& skip) {
  if (from_input_) return next_line(skip);
  while (position_ < files_.size()) {
    const File& file = files_[position_++];
    if (skip(file.name)) continue;
    Document document{file.name, read_file(file.path)};
    if (!document.text) document.text.error().where.clear();  // the line names it already
    return document;
  }
  return std::nullopt;
}

std::optional<Document> Documents::next_line(const std::function<bool(const std::string&)>& skip) {
  std::string line;
  while (read_line(std::cin, line)) {
    ++position_;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    Document document = document_of(line, position_);
    if (!seen_.insert(document.name).second) ++repeated_;
    else if (!skip(document.name)) return document;
  }
  return std::nullopt;
}

}  // namespace praxis::agent::cli
