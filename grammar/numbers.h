#pragma once
// Numbers as languages over their JSON spelling (RFC 8259, section 6), exact at every bound.
//
// Which spellings there are: at most kDigitsMax digits before and after the point; an exponent of
// at most two digits only behind the normalised mantissa that printers write: one digit before the
// point, not 0 unless all digits are, and at most kMantissaMax behind it: 1e-05, 1.5E+20, 0e0.
// So digits that have left a range cannot come back by an exponent: after 15, at most 20, no third
// digit is offered for 150e-1.

#include <cstdint>
#include <optional>

#include "grammar/decimal.h"
#include "grammar/error.h"
#include "grammar/fuel.h"
#include "grammar/languages.h"

namespace praxis::grammar {

inline constexpr int kDigitsMax = 40;    // before the point, and behind it
inline constexpr int kMantissaMax = 16;  // behind the point before an exponent: a double's
inline constexpr int kExponentMax = 99;
inline constexpr std::int64_t kBoundDigitsMax = 1024;     // of a bound written without exponent
inline constexpr std::uint64_t kModulusMax = 1ull << 40;  // of a divisor without its point

/// One end of a range.
struct Limit {
  Decimal value;
  bool open = false;  // the value itself is outside
};

struct NumberRange {
  std::optional<Limit> minimum, maximum;
  std::optional<Decimal> multiple_of;
  bool integral = false;
};

/// The numbers of a range, kNothing if there is none: decided by arithmetic, without a search, and
/// every state of the language can be completed. all_of() makes one range of several, but not of
/// their residuals or inside any_of(): build each schema's range here at once. `multiple_of`
/// without its point (1200 for 1200, 25 for 0.25) is at most kModulusMax. Fails with limit: that, a
/// bound of more than kBoundDigitsMax digits, or fuel; with bad_schema: a divisor not above 0.
Result<LanguageId> numbers(Languages& languages, const NumberRange& range, const std::string& where,
                           Fuel& fuel);

/// All spellings. Every number language is a subset of it.
LanguageId spelled_numbers(Languages& languages);
/// Those of integral value: -7, 7.0, 1e3, 1.50e1.
LanguageId integers(Languages& languages);
/// value >= limit (> if open); value <= limit (< if open).
Result<LanguageId> at_least(Languages& languages, const Limit& limit, const std::string& where,
                            Fuel& fuel);
Result<LanguageId> at_most(Languages& languages, const Limit& limit, const std::string& where,
                           Fuel& fuel);
/// Every spelling of one value.
Result<LanguageId> equal_to(Languages& languages, const Decimal& value, const std::string& where,
                            Fuel& fuel);
/// Multiples of a positive decimal, in every spelling.
Result<LanguageId> multiples(Languages& languages, const Decimal& of, const std::string& where,
                             Fuel& fuel);

}  // namespace praxis::grammar
