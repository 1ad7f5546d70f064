#pragma once
// Which schema of a document a reference means: $id, $anchor and JSON pointers.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "grammar/error.h"
#include "grammar/fuel.h"
#include "grammar/json.h"
#include "grammar/keywords.h"

namespace praxis::grammar {

/// `reference` resolved against `base` (RFC 3986, section 5.2), fragment kept.
std::string resolve_uri(std::string_view base, std::string_view reference);

/// A schema with its own identifier, or the document's root: 0.
using ResourceId = std::uint32_t;
inline constexpr ResourceId kNoResource = ~0u;
/// A name that a $dynamicRef asks for. $recursiveRef asks for the empty one.
using DynamicName = std::uint32_t;
inline constexpr DynamicName kNoName = ~0u;

struct Target {
  JsonId at = kNoJson;
  DynamicName dynamic = kNoName;  // the name of the $dynamicAnchor that it was found by
};

/// Read once per document. A document without identifiers below its root and without anchors is
/// one resource, and costs one look at every key.
class References {
 public:
  /// `document` must outlive this.
  static Result<References> read(const JsonDocument& document, Fuel& fuel);

  Draft draft(ResourceId resource) const { return resources_[resource].draft; }
  ResourceId resource_of(JsonId at) const { return owners_.empty() ? 0 : owners_[at]; }

  /// What `reference`, written inside `resource`, names. Fails with bad_schema if it is no
  /// reference or names nothing, with unsupported if it leads out of the document. `where`: its
  /// schema path.
  Result<Target> resolve(ResourceId resource, std::string_view reference, const std::string& where,
                         Fuel& fuel);
  /// $recursiveRef: the root of `resource`, dynamic if it has $recursiveAnchor.
  Target recursive(ResourceId resource) const;

  /// How many names $dynamicRef and $recursiveRef ask for; 0: no dynamic scope matters.
  std::uint32_t dynamic_names() const { return static_cast<std::uint32_t>(names_.size()); }
  /// The schema with that dynamic anchor in `resource`, or kNoJson.
  JsonId dynamic_anchor(ResourceId resource, DynamicName name) const;

  /// $.definitions.a
  std::string path_of(JsonId at, Fuel& fuel);

 private:
  struct Resource {
    std::string uri;  // no fragment
    JsonId root = 0;
    Draft draft = kDraftNewest;
  };
  struct Anchor {
    JsonId at = kNoJson;
    bool dynamic = false;
    bool twice = false;
  };
  struct Spot {  // of the walk: a schema and the end of its values in the document
    JsonId at, end;
    ResourceId resource;
  };
  struct Findings {
    std::size_t identifiers = 0;  // below the root, anchors anywhere
    bool dynamic = false;
  };

  explicit References(const JsonDocument& document) : doc_(&document) {}
  Findings look(bool plain_id) const;
  Result<void> walk(bool written, Fuel& fuel);
  Result<void> identify(Spot& spot, bool written, Fuel& fuel);
  void add_anchor(ResourceId resource, std::string_view name, JsonId at, bool dynamic);
  void push_children(const Spot& spot, std::vector<Spot>& stack) const;
  Result<JsonId> follow(JsonId from, std::string_view pointer, const std::string& where,
                        Fuel& fuel);
  JsonId member(JsonId object, const std::string& key, Fuel& fuel);

  const JsonDocument* doc_;
  std::vector<Resource> resources_;
  std::vector<ResourceId> owners_;  // of each value; empty: all of the root's
  std::unordered_map<std::string, ResourceId> by_uri_;
  std::unordered_map<std::string, Anchor> anchors_;  // by uri#name
  std::vector<std::string> names_;
  std::unordered_map<JsonId, std::unordered_map<std::string_view, JsonId>> indexes_;
  std::vector<JsonId> parents_;
};

}  // namespace praxis::grammar
