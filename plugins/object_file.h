#pragma once
// A look at a shared object before the system's loader maps it.

#include <filesystem>
#include <string>

namespace praxis::plugins {

/// "" when `file` is a 64-bit ELF shared object whose segments all lie inside the file; else what
/// it is not. The loader itself trusts the headers and dies (SIGBUS) on a file that was cut short.
std::string why_no_object(const std::filesystem::path& file);

}  // namespace praxis::plugins
