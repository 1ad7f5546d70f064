#include "plugins/object_file.h"

#include <elf.h>

#include <cstring>
#include <fstream>

namespace praxis::plugins {
namespace {

constexpr unsigned char kByteOrder =
    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

bool read_at(std::ifstream& stream, std::uint64_t offset, void* to, std::size_t size) {
  stream.seekg(static_cast<std::streamoff>(offset));
  return static_cast<bool>(stream.read(static_cast<char*>(to), static_cast<std::streamsize>(size)));
}

}  // namespace

std::string why_no_object(const std::filesystem::path& file) {
  std::error_code failed;
  const std::uint64_t size = std::filesystem::file_size(file, failed);
  std::ifstream stream(file, std::ios::binary);
  if (failed || !stream) return "it cannot be read";
  Elf64_Ehdr header;
  if (size < sizeof header || !read_at(stream, 0, &header, sizeof header) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return "it is no shared object";
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != kByteOrder ||
      header.e_type != ET_DYN || header.e_phentsize != sizeof(Elf64_Phdr))
    return "it is no shared object for this machine";
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    const std::uint64_t at = header.e_phoff + std::uint64_t{i} * sizeof segment;
    if (header.e_phoff > size || at + sizeof segment > size ||
        !read_at(stream, at, &segment, sizeof segment))
      return "it is cut short: the headers of its segments end beyond its " + std::to_string(size) +
             " bytes";
    if (segment.p_offset > size || segment.p_filesz > size - segment.p_offset)
      return "it is cut short: segment " + std::to_string(i) + " ends beyond its " +
             std::to_string(size) + " bytes";
  }
  return "";
}

}  // namespace praxis::plugins
