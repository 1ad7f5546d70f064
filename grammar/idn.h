#pragma once
// Internationalised host names.

#include "grammar/languages.h"

namespace praxis::grammar {

/// Host names whose labels are ASCII (RFC 1123) or U-labels (RFC 5891, section 4.2): code points
/// that RFC 5892 permits, in their contexts, by the Bidi rule (RFC 5893, section 2) for Hebrew and
/// Arabic, and short enough once coded (RFC 3492). Not in it although valid: A-labels (xn--...),
/// whose meaning only a decoder knows, and other scripts that run from right to left.
LanguageId idn_hostname(Languages& languages);

}  // namespace praxis::grammar
