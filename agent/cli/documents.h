#pragma once
// The documents that a command line names: files, folders, or lines of standard input.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "agent/error.h"
#include "agent/extract.h"

namespace praxis::agent::cli {

/// A folder stands for the files below it, in the order of their paths; hidden ones, symbolic links
/// and what is no regular file are left out. A file that is named twice counts once. A document's
/// name is its path as given, made plain (./a//b.txt is a/b.txt).
///
/// `-` is standard input: JSON Lines with {"id": string or integer, "text": string}; the id is the
/// name.
class Documents {
 public:
  static constexpr std::size_t kDocumentsMax = 1'000'000;
  static constexpr int kDepthMax = 32;  // folders inside each other

  struct Options {
    std::vector<std::filesystem::path> named;
    std::vector<std::string> extensions;          // of files in folders: ".txt"; empty: all
    std::vector<std::filesystem::path> left_out;  // never a document
  };

  /// Lists the folders. What cannot be read later becomes a document with its error.
  static Result<Documents> list(const Options& options);

  /// How many there are; unknown of standard input.
  std::optional<std::size_t> size() const;
  /// The next one that `skip` does not know; reads it.
  std::optional<Document> next(const std::function<bool(const std::string&)>& skip);
  /// Lines of standard input whose id had come before; they are left out.
  std::size_t repeated() const { return repeated_; }

 private:
  struct File {
    std::string name;
    std::filesystem::path path;
  };
  Result<void> add(const std::filesystem::path& path, const std::filesystem::path& name);
  Result<void> add_folder(const std::filesystem::path& folder, const Options& options);
  std::optional<Document> next_line(const std::function<bool(const std::string&)>& skip);

  bool from_input_ = false;
  std::vector<File> files_;
  std::unordered_set<std::string> seen_;  // canonical paths, or ids
  std::size_t position_ = 0;              // in files_, or lines read
  std::size_t repeated_ = 0;
};

}  // namespace praxis::agent::cli
