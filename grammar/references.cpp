#include "grammar/references.h"

#include <algorithm>
#include <optional>

namespace praxis::grammar {
namespace {

// Objects with more members than this get an index when a pointer goes through them.
constexpr std::uint32_t kScanMax = 16;
// Beside an identifier that two schemas claim.
constexpr ResourceId kTwice = kNoResource;

/// scheme, "//authority", path, "?query", "#fragment": each with its marks, or empty.
struct Uri {
  std::string_view scheme, authority, path, query, fragment;
};

/// RFC 3986, appendix B.
Uri split(std::string_view text) {
  Uri uri;
  const auto cut = [&](std::size_t at) {
    const std::string_view tail = text.substr(std::min(at, text.size()));
    text = text.substr(0, std::min(at, text.size()));
    return tail;
  };
  uri.fragment = cut(text.find('#'));
  uri.query = cut(text.find('?'));
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && colon > 0 && colon < text.find('/')) {
    uri.scheme = text.substr(0, colon + 1);
    text.remove_prefix(colon + 1);
  }
  if (text.substr(0, 2) == "//") {
    uri.authority = text.substr(0, std::min(text.find('/', 2), text.size()));
    text.remove_prefix(uri.authority.size());
  }
  uri.path = text;
  return uri;
}

/// RFC 3986, section 5.2.4.
std::string without_dots(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const std::size_t stop = std::min(path.find('/', path[0] == '/' ? 1 : 0), path.size());
    const std::string_view segment = path.substr(0, stop);
    path.remove_prefix(stop);
    const bool last = path.empty();
    if (segment == "." || segment == "..") {  // leading, without a slash
      if (!last) path.remove_prefix(1);
    } else if (segment == "/.") {
      if (last) out += '/';
    } else if (segment == "/..") {
      const std::size_t parent = out.rfind('/');
      out.resize(parent == std::string::npos ? 0 : parent);
      if (last) out += '/';
    } else {
      out += segment;
    }
  }
  return out;
}

std::string_view without_fragment(std::string_view uri) { return uri.substr(0, uri.find('#')); }

std::optional<std::string> percent_decoded(std::string_view text) {
  const auto hex = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) return std::nullopt;
    out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
    i += 2;
  }
  return out;
}

/// One step of a JSON pointer (RFC 6901, section 4): ~1 is a slash, ~0 a tilde.
std::optional<std::string> pointer_step(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '~') {
      out += text[i];
      continue;
    }
    if (i + 1 >= text.size() || (text[i + 1] != '0' && text[i + 1] != '1')) return std::nullopt;
    out += text[++i] == '0' ? '~' : '/';
  }
  return out;
}

/// The draft that a $schema names, or 0 for one that is not known.
Draft draft_named(std::string_view uri) {
  if (!uri.empty() && uri.back() == '#') uri.remove_suffix(1);
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (uri.substr(0, scheme.size()) == scheme) uri.remove_prefix(scheme.size());
  }
  if (uri == "json-schema.org/draft/2020-12/schema" || uri == "json-schema.org/schema") return 2020;
  if (uri == "json-schema.org/draft/2019-09/schema") return 2019;
  if (uri == "json-schema.org/draft-07/schema") return 7;
  if (uri == "json-schema.org/draft-06/schema") return 6;
  if (uri == "json-schema.org/draft-04/schema") return 4;
  return 0;
}

/// For messages, in whole characters.
std::string shortened(std::string_view uri) {
  std::size_t size = std::min<std::size_t>(uri.size(), 200);
  while (size < uri.size() && (static_cast<unsigned char>(uri[size]) & 0xC0) == 0x80) --size;
  return spell_string(uri.substr(0, size)) + (size < uri.size() ? "..." : "");
}

bool is_string(const JsonDocument& document, JsonId id) {
  return id != kNoJson && document[id].kind == Json::Kind::string;
}

tl::unexpected<Error> bad(std::string what, const std::string& where) {
  return refuse(ErrorCode::bad_schema, std::move(what), where);
}

}  // namespace

std::string resolve_uri(std::string_view base, std::string_view reference) {
  const Uri to = split(reference);
  const Uri from = split(base);
  const auto join = [&](std::string_view scheme, std::string_view authority, std::string path,
                        std::string_view query) {
    std::string out(scheme);
    out += authority;
    out += path;
    out += query;
    out += to.fragment;
    return out;
  };
  if (!to.scheme.empty()) return join(to.scheme, to.authority, without_dots(to.path), to.query);
  if (!to.authority.empty())
    return join(from.scheme, to.authority, without_dots(to.path), to.query);
  if (to.path.empty()) {
    return join(from.scheme, from.authority, std::string(from.path),
                to.query.empty() ? from.query : to.query);
  }
  if (to.path[0] == '/') return join(from.scheme, from.authority, without_dots(to.path), to.query);
  // Section 5.2.3: beside the last segment of the base, or at the top of a bare authority.
  std::string merged = !from.authority.empty() && from.path.empty()
                           ? "/"
                           : std::string(from.path.substr(0, from.path.rfind('/') + 1));
  merged += to.path;
  return join(from.scheme, from.authority, without_dots(merged), to.query);
}

Result<References> References::read(const JsonDocument& document, Fuel& fuel) {
  References references(document);
  Draft draft = kDraftNewest;
  const JsonId written = document.member(0, "$schema");
  if (written != kNoJson) {
    draft = is_string(document, written) ? draft_named(document[written].text) : Draft{0};
    if (draft == 0) {
      return refuse(ErrorCode::unsupported,
                    "names a dialect that is not covered; use draft 2020-12, 2019-09, 7, 6 or 4",
                    "$.$schema");
    }
  }
  references.resources_.push_back(Resource{"", 0, draft});
  references.by_uri_.emplace("", 0);
  const bool declared = written != kNoJson;
  if (!fuel.burn(1 + document.values.size() / 16)) return fuel.error("$");
  const Findings found = references.look(draft == 4 || !declared);
  Spot root{0, static_cast<JsonId>(document.values.size()), 0};
  auto ok = found.identifiers > 0 ? references.walk(declared, fuel)
                                  : references.identify(root, declared, fuel);
  if (!ok) return tl::unexpected<Error>(ok.error());
  if (!found.dynamic) return references;
  for (const Json& value : document.values) {
    if (value.kind != Json::Kind::string) continue;
    std::string name;
    if (value.key == "$dynamicRef") {
      const std::string_view fragment = split(value.text).fragment;
      const auto decoded = percent_decoded(fragment.substr(fragment.empty() ? 0 : 1));
      if (!decoded || decoded->empty() || (*decoded)[0] == '/') continue;
      name = *decoded;
    } else if (value.key != "$recursiveRef") {
      continue;
    }
    auto& names = references.names_;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    if (!fuel.burn(1 + names.size() / 16)) return fuel.error("$");
  }
  return references;
}

/// Are there words at all that make a reference more than a pointer into one resource?
References::Findings References::look(bool plain_id) const {
  Findings found;
  for (const Json& value : doc_->values) {
    const std::string& key = value.key;
    if (key.size() < 2) continue;
    if (key[0] == '$') {
      found.dynamic |= key == "$dynamicRef" || key == "$recursiveRef";
      found.identifiers +=
          key == "$id" || key == "$anchor" || key == "$dynamicAnchor" || key == "$schema";
    } else if (plain_id && key == "id" && value.kind == Json::Kind::string) {
      ++found.identifiers;
    }
  }
  for (const char* word : {"$id", "$schema"}) found.identifiers -= doc_->member(0, word) != kNoJson;
  found.identifiers -= plain_id && is_string(*doc_, doc_->member(0, "id"));
  return found;
}

/// Visits every place where the keywords say that a schema is. Parents come before children, so
/// an inner resource overwrites its part of the outer one.
Result<void> References::walk(bool written, Fuel& fuel) {
  const auto end = static_cast<JsonId>(doc_->values.size());
  owners_.assign(end, 0);
  std::vector<Spot> stack;
  stack.push_back(Spot{0, end, 0});
  while (!stack.empty()) {
    Spot spot = stack.back();
    stack.pop_back();
    if ((*doc_)[spot.at].kind != Json::Kind::object) continue;
    if (!fuel.burn(1 + (*doc_)[spot.at].count)) return fuel.error("$");
    const ResourceId outer = spot.resource;
    if (auto ok = identify(spot, written, fuel); !ok) return ok;
    if (spot.resource != outer) {
      if (!fuel.burn((spot.end - spot.at) / 16)) return fuel.error("$");
      std::fill(owners_.begin() + spot.at, owners_.begin() + spot.end, spot.resource);
    }
    push_children(spot, stack);
  }
  return {};
}

/// Registers what the schema calls itself; a new $id makes it a resource of its own.
Result<void> References::identify(Spot& spot, bool written, Fuel& fuel) {
  const JsonId at = spot.at;
  const bool root = at == 0;
  Draft draft = resources_[spot.resource].draft;
  const JsonId schema = doc_->member(at, "$schema");
  if (!root && is_string(*doc_, schema)) {
    const Draft named = draft_named((*doc_)[schema].text);
    // Only a resource changes its dialect (core, section 8.1.1); elsewhere $schema says nothing.
    if (named != 0) draft = named;
  }
  JsonId id = draft == 4 ? kNoJson : doc_->member(at, "$id");
  if (id == kNoJson && (draft == 4 || !written)) id = doc_->member(at, "id");
  if (id != kNoJson && (*doc_)[id].key == "$id" && !is_string(*doc_, id))
    return bad("must be a string", path_key(path_of(at, fuel), "$id"));
  // Up to draft 7 a $ref hides what is beside it.
  const bool hidden = !root && draft <= 7 && is_string(*doc_, doc_->member(at, "$ref"));
  if (is_string(*doc_, id) && !hidden) {
    Resource& outer = resources_[spot.resource];
    if (!fuel.burn((outer.uri.size() + (*doc_)[id].text.size()) / 16)) return fuel.error("$");
    const std::string full = resolve_uri(outer.uri, (*doc_)[id].text);
    const std::string uri(without_fragment(full));
    if (root) {
      outer.uri = uri;
      by_uri_.emplace(uri, 0);
    } else if (uri != outer.uri) {
      spot.resource = static_cast<ResourceId>(resources_.size());
      const auto [known, fresh] = by_uri_.try_emplace(uri, spot.resource);
      if (!fresh && known->second != 0) known->second = kTwice;
      resources_.push_back(Resource{uri, at, draft});
    }
    const std::string_view name = std::string_view(full).substr(uri.size());
    if (name.size() > 1 && name[1] != '/') add_anchor(spot.resource, name.substr(1), at, false);
  }
  for (const bool dynamic : {false, true}) {
    if (draft < (dynamic ? 2020 : 2019)) continue;
    const JsonId anchor = doc_->member(at, dynamic ? "$dynamicAnchor" : "$anchor");
    if (anchor == kNoJson) continue;
    if (!is_string(*doc_, anchor)) {
      return bad("must be a string", path_key(path_of(at, fuel), (*doc_)[anchor].key));
    }
    if (!fuel.burn(1 + resources_[spot.resource].uri.size() / 16)) return fuel.error("$");
    add_anchor(spot.resource, (*doc_)[anchor].text, at, dynamic);
  }
  return {};
}

void References::add_anchor(ResourceId resource, std::string_view name, JsonId at, bool dynamic) {
  std::string key = resources_[resource].uri + '#';
  key += name;
  const auto [known, fresh] = anchors_.try_emplace(std::move(key), Anchor{at, dynamic, false});
  if (fresh) return;
  known->second.twice |= known->second.at != at;
  known->second.dynamic |= dynamic;
}

void References::push_children(const Spot& spot, std::vector<Spot>& stack) const {
  const auto& doc = *doc_;
  const Draft draft = resources_[spot.resource].draft;
  const auto push = [&](JsonId at, JsonId end) {
    stack.push_back(Spot{at, doc[at].next != kNoJson ? doc[at].next : end, spot.resource});
  };
  for (JsonId id = doc[spot.at].child; id != kNoJson; id = doc[id].next) {
    const Json& value = doc[id];
    const Keyword* keyword = find_keyword(value.key, draft);
    if (!keyword || keyword->shape == Shape::none) continue;
    const bool object = value.kind == Json::Kind::object;
    const bool array = value.kind == Json::Kind::array;
    const Shape shape = keyword->shape;
    if (object && (shape == Shape::schema || shape == Shape::schema_or_list)) {
      push(id, spot.end);
    } else if ((array && (shape == Shape::list || shape == Shape::schema_or_list)) ||
               (object && (shape == Shape::map || shape == Shape::map_of_schema_or_keys))) {
      const JsonId end = value.next != kNoJson ? value.next : spot.end;
      for (JsonId inner = value.child; inner != kNoJson; inner = doc[inner].next) push(inner, end);
    }
  }
}

Result<Target> References::resolve(ResourceId resource, std::string_view reference,
                                   const std::string& where, Fuel& fuel) {
  if (!fuel.burn(1 + (resources_[resource].uri.size() + reference.size()) / 16))
    return fuel.error(where);
  const std::size_t mark = std::min(reference.find('#'), reference.size());
  if (mark > 0) {
    const std::string uri = resolve_uri(resources_[resource].uri, reference.substr(0, mark));
    const auto known = by_uri_.find(uri);
    if (known == by_uri_.end()) {
      return refuse(ErrorCode::unsupported,
                    "\"" + shortened(uri) +
                        "\" is outside the document and is not fetched; copy it into $defs",
                    where);
    }
    if (known->second == kTwice) return bad("names two schemas of this document", where);
    resource = known->second;
  }
  const std::string_view raw = reference.substr(std::min(mark + 1, reference.size()));
  const auto fragment = percent_decoded(raw);
  if (!fragment) return bad("has a broken percent escape", where);
  if (fragment->empty()) return Target{resources_[resource].root, kNoName};
  if ((*fragment)[0] == '/') {
    auto at = follow(resources_[resource].root, *fragment, where, fuel);
    // Generators write an id into every schema and still count from the document's root.
    if (!at && mark == 0 && resource != 0 && at.error().code == ErrorCode::bad_schema)
      at = follow(0, *fragment, where, fuel);
    return at.map([](JsonId found) { return Target{found, kNoName}; });
  }
  const auto anchor = anchors_.find(resources_[resource].uri + '#' + *fragment);
  if (anchor == anchors_.end()) return bad("names no anchor of this document", where);
  if (anchor->second.twice) return bad("names two schemas of this document", where);
  Target target{anchor->second.at, kNoName};
  const auto name = std::find(names_.begin(), names_.end(), *fragment);
  if (anchor->second.dynamic && name != names_.end())
    target.dynamic = static_cast<DynamicName>(name - names_.begin());
  return target;
}

Target References::recursive(ResourceId resource) const {
  const JsonId root = resources_[resource].root;
  const JsonId anchor = doc_->member(root, "$recursiveAnchor");
  const bool dynamic =
      anchor != kNoJson && (*doc_)[anchor].kind == Json::Kind::boolean && (*doc_)[anchor].truth;
  const auto name = std::find(names_.begin(), names_.end(), "");
  if (!dynamic || name == names_.end()) return Target{root, kNoName};
  return Target{root, static_cast<DynamicName>(name - names_.begin())};
}

JsonId References::dynamic_anchor(ResourceId resource, DynamicName name) const {
  if (names_[name].empty()) {
    const Target target = recursive(resource);
    return target.dynamic == kNoName ? kNoJson : target.at;
  }
  const auto anchor = anchors_.find(resources_[resource].uri + '#' + names_[name]);
  return anchor != anchors_.end() && anchor->second.dynamic ? anchor->second.at : kNoJson;
}

Result<JsonId> References::follow(JsonId from, std::string_view pointer, const std::string& where,
                                  Fuel& fuel) {
  const auto& doc = *doc_;
  std::size_t at = 0;
  while (at < pointer.size()) {
    if (!fuel.burn()) return fuel.error(where);
    const std::size_t stop = std::min(pointer.find('/', at + 1), pointer.size());
    const auto step = pointer_step(pointer.substr(at + 1, stop - at - 1));
    if (!step) return bad("is no JSON pointer", where);
    at = stop;
    if (doc[from].kind == Json::Kind::object) {
      from = member(from, *step, fuel);
    } else if (doc[from].kind == Json::Kind::array && !step->empty() && step->size() <= 9 &&
               step->find_first_not_of("0123456789") == std::string::npos &&
               (step->size() == 1 || (*step)[0] != '0')) {
      auto n = std::stoul(*step);
      for (from = doc[from].child; n > 0 && from != kNoJson && fuel.burn(); --n)
        from = doc[from].next;
    } else {
      from = kNoJson;
    }
    if (!fuel.burn(0)) return fuel.error(where);
    if (from == kNoJson) return bad("points at nothing in this document", where);
  }
  return from;
}

/// Many references may go through one object: the keys of a large one are indexed once.
JsonId References::member(JsonId object, const std::string& key, Fuel& fuel) {
  if ((*doc_)[object].count <= kScanMax) return doc_->member(object, key);
  auto& members = indexes_[object];
  if (members.empty()) {
    if (!fuel.burn((*doc_)[object].count)) return kNoJson;
    for (JsonId id = (*doc_)[object].child; id != kNoJson; id = (*doc_)[id].next)
      members.emplace((*doc_)[id].key, id);
  }
  const auto found = members.find(key);
  return found == members.end() ? kNoJson : found->second;
}

std::string References::path_of(JsonId at, Fuel& fuel) {
  const auto& doc = *doc_;
  if (parents_.empty()) {
    parents_.assign(doc.values.size(), kNoJson);
    for (JsonId parent = 0; parent < doc.values.size(); ++parent) {
      for (JsonId id = doc[parent].child; id != kNoJson; id = doc[id].next) parents_[id] = parent;
    }
  }
  std::vector<JsonId> way;
  for (JsonId id = at; id != kNoJson; id = parents_[id]) way.push_back(id);
  std::string path = "$";
  for (std::size_t i = way.size() - 1; i-- > 0;) {
    const JsonId parent = way[i + 1];
    if (doc[parent].kind == Json::Kind::object) {
      path = path_key(path, doc[way[i]].key);
      continue;
    }
    std::size_t index = 0;
    for (JsonId id = doc[parent].child; id != way[i]; id = doc[id].next) ++index;
    path += '[' + std::to_string(index) + ']';
    (void)fuel.burn(index / 4);  // once it is spent, whoever asks next is told
  }
  return path;
}

}  // namespace praxis::grammar
