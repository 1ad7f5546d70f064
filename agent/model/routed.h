#pragma once
// Several engines for one name: each step goes to the first that answers.

#include <memory>
#include <string>
#include <vector>

#include "agent/model/model.h"

namespace praxis::agent {

/// `engines` in fall-back order, at least one. A step whose engine cannot be reached or is overloaded
/// (ErrorCode::unavailable) goes to the next one, as long as nothing of it was reported; the step's
/// warnings say so. Token ids are not kept: they would be those of another model.
std::unique_ptr<Model> make_routed(std::string name, std::vector<std::unique_ptr<Model>> engines);

}  // namespace praxis::agent
