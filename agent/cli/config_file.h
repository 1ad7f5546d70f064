#pragma once
// --config FILE: flags from a JSON file.
//
//   {
//     "model": "./models/r1",                a flag of whichever command has it
//     "run": {"temperature": 0.6}            of this command only; it goes before the ones above
//   }
//
// A key is a flag without its dashes. true and false switch it (or say on and off), an array
// repeats it (or is a comma-separated list), an object is NAME=JSON for each of its keys (or JSON).
// A text that begins with ./ or ../ is a path beside the file. Flags on the command line go before
// the file. The file is read only when it is named: a working folder must not be able to configure
// who works in it.

#include <CLI/CLI.hpp>

namespace praxis::agent::cli {

inline constexpr std::size_t kConfigBytesMax = 1u << 20;

/// Adds the flag to `app` and all of its commands. Call it before they are added. A file that
/// cannot be read, is no JSON, or has a key that no command knows is refused by name.
void add_config(CLI::App& app);

}  // namespace praxis::agent::cli
