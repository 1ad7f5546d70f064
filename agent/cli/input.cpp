#include "agent/cli/input.h"

#include <cerrno>
#include <fstream>
#include <iostream>
#include <system_error>

namespace praxis::agent::cli {

namespace {

Result<std::string> read(std::istream& in, const std::string& name) {
  std::string text;
  char block[1 << 16];
  while (in.read(block, sizeof block), in.gcount() > 0) {
    text.append(block, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kInputBytesMax)
      return tl::unexpected(
          Error{ErrorCode::bad_request, "has more than " + std::to_string(kInputBytesMax) + " bytes, the limit", name});
  }
  if (in.bad()) return tl::unexpected(Error{ErrorCode::bad_request, "cannot be read", name});
  return text;
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    return tl::unexpected(Error{ErrorCode::bad_request, "cannot be read: it is a folder", path.string()});
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return tl::unexpected(
        Error{ErrorCode::bad_request, "cannot be read: " + std::generic_category().message(errno), path.string()});
  return read(file, path.string());
}

Result<std::string> read_standard_input() { return read(std::cin, "standard input"); }

}  // namespace praxis::agent::cli
