#pragma once
// The well-known formats of JSON Schema 2020-12 (validation, section 7.3) as languages.

#include <optional>
#include <string_view>

#include "grammar/error.h"
#include "grammar/fuel.h"
#include "grammar/languages.h"

namespace praxis::grammar {

/// The strings of a format: date-time, date, time, duration (RFC 3339), email (RFC 5321),
/// idn-email (RFC 6531), hostname (RFC 1123), idn-hostname (RFC 5890), ipv4, ipv6 (RFC 4291), uri,
/// uri-reference (RFC 3986), iri, iri-reference (RFC 3987), uuid (RFC 4122), uri-template
/// (RFC 6570), json-pointer (RFC 6901), relative-json-pointer, regex (ECMA-262 with the flag u).
/// Nothing for any other name: it is an annotation.
///
/// Every string given is valid. Not given although valid: host names with coded labels (xn--...,
/// but an email's may have them), labels from right to left but in Hebrew and Arabic, durations in
/// lower case, and patterns that refer to groups or properties, name two groups, nest groups deeper
/// than four or count beyond 99. Fails with limit if fuel is spent.
Result<std::optional<LanguageId>> format(Languages& languages, std::string_view name,
                                         const std::string& where, Fuel& fuel);

}  // namespace praxis::grammar
