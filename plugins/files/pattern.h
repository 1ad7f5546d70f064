#pragma once
// A regular expression (PCRE2) with a bound on its work.

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace praxis::plugins::files {

class Pattern {
 public:
  /// Perl syntax, at most 500 bytes. The error names the byte.
  static tl::expected<Pattern, std::string> compile(std::string_view text);
  /// Whether it matches anywhere in `line`, which may hold broken UTF-8. An error when one line
  /// takes too many steps: some patterns need exponentially many.
  tl::expected<bool, std::string> matches(std::string_view line);

 private:
  struct Compiled;
  struct Free {
    void operator()(Compiled* compiled) const;
  };
  std::unique_ptr<Compiled, Free> compiled_;
};

}  // namespace praxis::plugins::files
