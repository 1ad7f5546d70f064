#pragma once
// Requests as a client may send them, good and bad, with what has to become of them. The reader's
// tests, the socket tests and the fuzz target read the same table.

#include <string>
#include <vector>

namespace praxis::agent::http {

struct RequestCase {
  std::string name;
  std::string bytes;
  /// 0: taken; `body` and then `next` say what of the bytes is what. Else refused with this status.
  unsigned status = 0;
  std::string words;   // that the refusal has
  std::string body;
  unsigned others = 0;  // requests beside the one that this is about
};

/// The request that a body carries in the smuggling cases: it must never be taken for one.
inline const std::string kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

std::vector<RequestCase> good_requests();
/// Each is refused by name, and nothing behind it is a request.
std::vector<RequestCase> bad_requests();
/// Each has kSmuggled where two readings of its length could see a second request.
std::vector<RequestCase> smuggling_requests();

}  // namespace praxis::agent::http
