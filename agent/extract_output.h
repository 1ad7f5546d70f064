#pragma once
// A job's lines, in a file that outlives its process: each document once, every line whole.
//
//   people.jsonl       a line a document, as extract.h writes them; appended, so that nothing is
//                      lost when the process is killed, and synced once a second, so that little
//                      is done again when the machine fails
//   people.jsonl.job   what was asked (schema, prompt, model), written before the first line
//
// The file is locked while it is open. It is all there is: a document is done if its line is there. A
// last line without its end was torn by a crash, and a line with zeros by a power cut, with what
// follows it; that is cut off, and those documents are done again.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "agent/error.h"
#include "agent/extract.h"

namespace praxis::agent {

/// What makes two jobs the same: lines of different ones do not go into one file.
struct JobIdentity {
  std::string schema;  // JSON text; its white space does not count
  std::string instruction, system;
  std::string model;  // its fingerprint
  bool thinking = true;
};

class ExtractOutput {
 public:
  enum class Mode : std::uint8_t {
    fresh,         // the file must not exist, or be empty
    resume,        // goes on behind the lines that are there, if any are
    retry_failed,  // the same, but documents with an error are done again
  };

  static constexpr std::size_t kLineBytesMax = 64u << 20;
  static constexpr std::chrono::milliseconds kSyncEvery{1000};

  /// Refuses a file that another process writes (busy), lines of another job or of nobody's
  /// (bad_request, by line number), and what cannot be opened or written (store).
  static Result<std::unique_ptr<ExtractOutput>> open(const std::filesystem::path& path,
                                                     const JobIdentity& identity, Mode mode);
  ~ExtractOutput();
  ExtractOutput(const ExtractOutput&) = delete;
  ExtractOutput& operator=(const ExtractOutput&) = delete;

  bool has(const std::string& document) const { return documents_.count(document) > 0; }
  /// How many were there when it was opened, less those to be tried again.
  std::size_t kept() const { return kept_; }
  std::size_t size() const { return documents_.size(); }
  /// The line is in the file, whole, when this returns; a failed write leaves none of it.
  Result<void> append(const Extracted& extracted);
  /// On the disk, all of them.
  Result<void> sync();

 private:
  ExtractOutput(std::filesystem::path path, int file) : path_(std::move(path)), file_(file) {}
  Result<void> agree(const JobIdentity& identity);
  Result<void> read(bool drop_failed);
  Result<void> rewrite(std::string_view kept_lines);
  Result<void> cut(std::uint64_t bytes);
  Error failure(const std::string& what) const;

  const std::filesystem::path path_;
  int file_ = -1, locked_before_ = -1;  // the second: of a file that a rewritten one has replaced
  std::uint64_t bytes_ = 0;             // of whole lines
  std::unordered_set<std::string> documents_;
  std::size_t kept_ = 0;
  std::chrono::steady_clock::time_point synced_ = std::chrono::steady_clock::now();
};

}  // namespace praxis::agent
