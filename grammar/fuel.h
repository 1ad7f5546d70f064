#pragma once
// One counter for all work that a schema or a text can ask for, and one named error when it is
// spent. Counted steps instead of time: the same schema gets the same verdict on every machine.

#include <cstdint>
#include <string>

#include "grammar/error.h"

namespace praxis::grammar {

class Fuel {
 public:
  explicit Fuel(std::uint64_t steps_max) : left_(steps_max), steps_max_(steps_max) {}

  /// False once more than `steps_max` steps were asked for; stays false.
  [[nodiscard]] bool burn(std::uint64_t steps = 1) {
    if (steps > left_) {
      left_ = 0;
      spent_ = true;
      return false;
    }
    left_ -= steps;
    return !spent_;
  }

  tl::unexpected<Error> error(std::string where) const {
    return refuse(ErrorCode::limit,
                  "needs more than " + std::to_string(steps_max_) +
                      " steps (grammar.fuel); make the schema smaller or raise the limit",
                  std::move(where));
  }

 private:
  std::uint64_t left_;
  std::uint64_t steps_max_;
  bool spent_ = false;
};

}  // namespace praxis::grammar
