#pragma once
// The well-known formats of JSON Schema 2020-12 (validation, section 7.3) as languages.

#include <optional>
#include <string_view>

#include "grammar/error.h"
#include "grammar/fuel.h"
#include "grammar/languages.h"

namespace praxis::grammar {

/// The strings of a format: date-time, date, time, duration (RFC 3339), email (RFC 5321),
/// idn-email, hostname (RFC 1123), idn-hostname, ipv4, ipv6 (RFC 4291), uri, uri-reference
/// (RFC 3986), iri, iri-reference (RFC 3987), uuid (RFC 4122), uri-template (RFC 6570),
/// json-pointer, relative-json-pointer, regex. Nothing for any other name: it is an annotation.
Result<std::optional<LanguageId>> format(Languages& languages, std::string_view name,
                                         const std::string& where, Fuel& fuel);

}  // namespace praxis::grammar
