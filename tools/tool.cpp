#include "tools/tool.h"

namespace praxis::tools {

std::string_view to_string(Effect effect) {
  switch (effect) {
    case Effect::pure:
      return "pure";
    case Effect::idempotent:
      return "idempotent";
    case Effect::once:
      return "once";
  }
  return "once";
}

std::optional<Effect> effect_from(std::string_view text) {
  for (Effect effect : {Effect::pure, Effect::idempotent, Effect::once})
    if (text == to_string(effect)) return effect;
  return std::nullopt;
}

std::string_view to_string(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::error:
      return "error";
    case Status::timeout:
      return "timeout";
    case Status::cancelled:
      return "cancelled";
    case Status::unknown:
      return "unknown";
  }
  return "unknown";
}

std::optional<Status> status_from(std::string_view text) {
  for (Status status :
       {Status::ok, Status::error, Status::timeout, Status::cancelled, Status::unknown})
    if (text == to_string(status)) return status;
  return std::nullopt;
}

}  // namespace praxis::tools
