#include "agent/extract_output.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

namespace praxis::agent {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr int kFormat = 1;  // of the job file

Error system_failure(const std::string& what, const fs::path& path) {
  return {ErrorCode::store, what + ": " + std::generic_category().message(errno), path.string()};
}

Error refused(const std::string& what, const fs::path& path) {
  return {ErrorCode::bad_request, what, path.string()};
}

Result<void> write_at(std::uint64_t place, int file, std::string_view text, const fs::path& path) {
  while (!text.empty()) {
    const ssize_t written = ::pwrite(file, text.data(), text.size(), static_cast<off_t>(place));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return tl::unexpected(system_failure("cannot be written", path));
    text.remove_prefix(static_cast<std::size_t>(written));
    place += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<void> sync_folder_of(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = file >= 0 && fsync(file) == 0;
  const Error error = system_failure("cannot be synced", folder);
  if (file >= 0) close(file);
  if (!synced) return tl::unexpected(error);
  return {};
}

fs::path beside(const fs::path& path, const char* ending) { return path.string() + ending; }

/// Of whole content or not there: written beside, synced, renamed.
Result<void> write_file(const fs::path& path, std::string_view text) {
  const fs::path fresh = beside(path, ".new");
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return tl::unexpected(system_failure("cannot be created", fresh));
  auto written = write_at(0, file, text, fresh);
  if (written && fsync(file) != 0)
    written = tl::unexpected(system_failure("cannot be synced", fresh));
  close(file);
  if (!written) return written;
  if (::rename(fresh.c_str(), path.c_str()) != 0)
    return tl::unexpected(system_failure("cannot be written", path));
  return sync_folder_of(path);
}

Json described(const JobIdentity& identity) {
  Json schema = Json::parse(identity.schema, nullptr, false);
  if (schema.is_discarded()) schema = identity.schema;
  return {{"praxis_extract", kFormat},      {"schema", std::move(schema)},
          {"prompt", identity.instruction}, {"system", identity.system},
          {"thinking", identity.thinking},  {"model", identity.model}};
}

/// A line's document, and whether it failed; nothing if it is no such line.
struct Line {
  std::string document;
  bool failed = false;
};
std::optional<Line> line_of(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto document = json.find("document");
  if (document == json.end() || !document->is_string() ||
      json.contains("value") == json.contains("error"))
    return std::nullopt;
  return Line{document->get<std::string>(), json.contains("error")};
}

/// An open file under its lock, or why not.
Result<int> open_locked(const fs::path& path, int flags) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | flags, 0666);
  if (file < 0) return tl::unexpected(system_failure("cannot be opened", path));
  Error error;
  struct stat info = {}, named = {};
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode))
    error = refused("is not a regular file; without --out the lines go to standard output", path);
  else if (const bool locked = flock(file, LOCK_EX | LOCK_NB) == 0;
           locked && stat(path.c_str(), &named) == 0 && named.st_ino == info.st_ino)
    return file;
  else if (locked || errno == EWOULDBLOCK)  // locked, and yet another file by now: it was rewritten
    error = {ErrorCode::busy, "another process writes it; end that one or wait for it",
             path.string()};
  else error = system_failure("cannot be locked", path);
  close(file);
  return tl::unexpected(error);
}

}  // namespace

Result<std::unique_ptr<ExtractOutput>> ExtractOutput::open(const fs::path& path,
                                                           const JobIdentity& identity, Mode mode) {
  auto file = open_locked(path, 0);
  if (!file) return tl::unexpected(file.error());
  std::unique_ptr<ExtractOutput> output(new ExtractOutput(path, *file));
  struct stat info = {};
  if (fstat(*file, &info) != 0) return tl::unexpected(output->failure("cannot be read"));
  if (info.st_size > 0 && mode == Mode::fresh)
    return tl::unexpected(
        refused("is there already; --resume goes on with it, another --out begins anew", path));
  if (info.st_size > 0) {
    if (auto agreed = output->agree(identity); !agreed) return tl::unexpected(agreed.error());
    if (auto read = output->read(mode == Mode::retry_failed); !read)
      return tl::unexpected(read.error());
  }
  if (output->documents_.empty()) {
    const std::string text =
        described(identity).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
    if (auto written = write_file(beside(path, ".job"), text); !written)
      return tl::unexpected(written.error());
  }
  output->kept_ = output->documents_.size();
  return output;
}

ExtractOutput::~ExtractOutput() {
  for (const int file : {file_, locked_before_})
    if (file >= 0) close(file);
}

Error ExtractOutput::failure(const std::string& what) const { return system_failure(what, path_); }

/// Whether the lines that are there answer the same question.
Result<void> ExtractOutput::agree(const JobIdentity& identity) {
  const fs::path path = beside(path_, ".job");
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return tl::unexpected(refused(
        "has lines, but nothing says what they answer: " + path.filename().string() + " is missing",
        path_));
  const Json found = Json::parse(in, nullptr, false);
  if (!found.is_object() || found.value("praxis_extract", Json()) != kFormat)
    return tl::unexpected(refused("does not describe a job", path));
  const Json wanted = described(identity);
  for (const auto& [key, value] : wanted.items())
    if (!found.contains(key) ||
        found[key].dump() != value.dump(-1, ' ', false, Json::error_handler_t::replace))
      return tl::unexpected(refused("holds lines made with another " + key + " (see " +
                                        path.filename().string() +
                                        "); take that one, or another --out",
                                    path_));
  return {};
}

/// What is there: each line one of ours, each document once; a torn end is cut off.
Result<void> ExtractOutput::read(bool drop_failed) {
  std::ifstream in(path_, std::ios::binary);
  if (!in) return tl::unexpected(failure("cannot be read"));
  std::string kept;  // by drop_failed
  bool dropped = false;
  std::string text;
  for (std::size_t number = 1; std::getline(in, text); ++number) {
    if (in.eof()) break;  // without its end: torn
    // A power cut can leave zeros where a line was; then neither it nor what follows had been synced.
    if (text.find('\0') != text.npos) break;
    const auto line = text.size() <= kLineBytesMax ? line_of(text) : std::nullopt;
    const auto where = " line " + std::to_string(number);
    if (!line)
      return tl::unexpected(
          refused("is not the output of an extraction:" + where + " is none of its lines", path_));
    bytes_ += text.size() + 1;
    if (drop_failed && line->failed) {
      dropped = true;
      continue;
    }
    if (!documents_.insert(line->document).second)
      return tl::unexpected(refused("has a document twice:" + where, path_));
    if (drop_failed) kept.append(text).append("\n");
  }
  if (in.bad()) return tl::unexpected(failure("cannot be read"));
  in.close();
  if (dropped) return rewrite(kept);
  return cut(bytes_);
}

/// The file anew, with these lines only; at every moment one of the two is there, locked.
Result<void> ExtractOutput::rewrite(std::string_view kept_lines) {
  const fs::path fresh = beside(path_, ".new");
  auto file = open_locked(fresh, O_TRUNC);
  if (!file) return tl::unexpected(file.error());
  locked_before_ = std::exchange(file_, *file);
  if (auto written = write_at(0, file_, kept_lines, fresh); !written) return written;
  if (fsync(file_) != 0) return tl::unexpected(system_failure("cannot be synced", fresh));
  if (::rename(fresh.c_str(), path_.c_str()) != 0)
    return tl::unexpected(failure("cannot be replaced"));
  bytes_ = kept_lines.size();
  return sync_folder_of(path_);
}

Result<void> ExtractOutput::cut(std::uint64_t bytes) {
  if (ftruncate(file_, static_cast<off_t>(bytes)) != 0)
    return tl::unexpected(failure("cannot be cut to whole lines"));
  return sync();  // or the next power cut might bring back what was cut, behind new lines
}

Result<void> ExtractOutput::append(const Extracted& extracted) {
  const std::string line = to_json_line(extracted) + "\n";
  if (auto written = write_at(bytes_, file_, line, path_); !written) {
    (void)cut(bytes_);
    return written;
  }
  bytes_ += line.size();
  documents_.insert(extracted.document);
  if (std::chrono::steady_clock::now() - synced_ < kSyncEvery) return {};
  return sync();
}

Result<void> ExtractOutput::sync() {
  if (fdatasync(file_) != 0) return tl::unexpected(failure("cannot be synced"));
  synced_ = std::chrono::steady_clock::now();
  return {};
}

}  // namespace praxis::agent
