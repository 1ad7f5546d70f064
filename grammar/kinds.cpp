// Objects that may be of any of many kinds, such as a call of any of many tools: closed cases joined as one
// that stands for all of them, until a text, most often that of one key, tells which it is.

#include <algorithm>

#include "grammar/cases.h"

namespace praxis::grammar {
namespace {

constexpr std::size_t kManyKinds = 4;  // so many are joined
constexpr std::size_t kIndexBytes = 48;  // an entry of a map, on the average
constexpr std::uint32_t kJoined = ~0u;  // before their list; no case's words begin so

std::vector<std::uint32_t> words_of(const std::vector<ObjectCaseId>& kinds) {
  std::vector<std::uint32_t> words{kJoined};
  words.insert(words.end(), kinds.begin(), kinds.end());
  return words;
}

}  // namespace

const std::vector<ObjectCaseId>& Cases::kinds(RequirementId id) {
  const auto [at, added] = kinds_.try_emplace(id);
  if (!added) return at->second;
  std::vector<ObjectCaseId> closed, others;
  for (const ObjectCaseId one : std::vector<ObjectCaseId>(objects(id))) {
    if (finish_members(one, false) != kEndless) (has_extras(one) ? others : closed).push_back(one);
  }
  if (closed.size() >= kManyKinds) others.push_back(join(std::move(closed)));
  else others.insert(others.end(), closed.begin(), closed.end());
  return kinds_[id] = std::move(others);
}

/// `kinds`: closed cases that can be completed.
ObjectCaseId Cases::join(std::vector<ObjectCaseId> kinds) {
  std::vector<ObjectCaseId> all;
  for (const ObjectCaseId kind : kinds) {
    const std::vector<ObjectCaseId>& parts = objects_[kind].kinds;
    if (parts.empty()) all.push_back(kind);
    else all.insert(all.end(), parts.begin(), parts.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (all.size() == 1) return all[0];
  const std::vector<std::uint32_t> words = words_of(all);
  const auto [id, added] = object_index_.add(words);
  if (!added) return id;
  KnownObject known;
  known.order = joined_order(words, all);
  known.may_close = std::any_of(all.begin(), all.end(), [&](ObjectCaseId kind) { return may_close(kind); });
  known.extras = kNothing;
  known.has_extras = false;
  known.questions.emplace();
  joined_bytes_ += 2 * words.size() * sizeof(std::uint32_t);
  known.kinds = std::move(all);
  objects_.push_back(std::move(known));
  return id;
}

std::uint32_t Cases::joined_order(const std::vector<std::uint32_t>& words, const std::vector<ObjectCaseId>& kinds) {
  const auto [id, added] = order_index_.add(words);
  if (!added) return id;
  Order made;
  made.others = kNothing;
  for (const ObjectCaseId kind : kinds) {
    for (const Order::Member& member : order(kind).members) {
      if (made.index.emplace(member.key, static_cast<std::uint32_t>(made.members.size())).second)
        made.members.push_back(Order::Member{member.key, member.value, {}});
    }
  }
  sort_by_spelling(made);
  joined_bytes_ += made.members.size() * (sizeof(Order::Member) + kIndexBytes) + words.size() * sizeof(std::uint32_t);
  orders_.push_back(std::move(made));
  return id;
}

std::vector<bool> Cases::open_to_some(ObjectCaseId joined) {
  const Order& all = order(joined);
  std::vector<bool> made(all.members.size(), false);
  for (const ObjectCaseId kind : objects_[joined].kinds) {
    const std::vector<bool>& own = open(kind);
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (own[i]) made[all.index.at(order(kind).members[i].key)] = true;
    }
  }
  return made;
}

Cases::Completion Cases::complete_some(ObjectCaseId joined, bool at_least_one) {
  Completion best;
  for (const ObjectCaseId kind : std::vector<ObjectCaseId>(objects_[joined].kinds)) {
    Completion own = complete_members(kind, at_least_one);
    if (own.length() < best.length()) best = std::move(own);
  }
  return best;
}

/// Values that are asked for alike lead to one joined rest.
std::vector<Cases::ObjectStep> Cases::joined_steps(std::vector<ObjectStep> steps) {
  std::stable_sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) { return a.value < b.value; });
  std::vector<ObjectStep> made;
  for (auto at = steps.begin(); at != steps.end();) {
    const RequirementId value = at->value;
    std::vector<ObjectCaseId> rests;
    for (; at != steps.end() && at->value == value; ++at) rests.push_back(at->rest);
    made.push_back(ObjectStep{value, join(std::move(rests))});
  }
  return made;
}

const Cases::Ways& Cases::ways(ObjectCaseId id, KeyId key) {
  const std::uint64_t name = std::uint64_t{id} << 32 | key;
  const auto [at, added] = ways_.try_emplace(name);
  Ways& made = at->second;
  if (!added) return made;
  const std::vector<ObjectCaseId> kinds = objects_[id].kinds;
  std::vector<ObjectCaseId> told;  // by a text
  Choice choice{key, {}, 0};
  for (const ObjectCaseId kind : kinds) {
    const auto member = order(kind).index.find(key);
    if (member == order(kind).index.end() || !open(kind)[member->second]) continue;
    const auto* const texts = is_simple(objects_[kind].object) ? few_texts(order(kind).members[member->second].value) : nullptr;
    if (texts == nullptr) {
      const std::vector<ObjectStep> steps = take(kind, key);
      made.steps.insert(made.steps.end(), steps.begin(), steps.end());
      continue;
    }
    told.push_back(kind);
    for (const KeyId text : *texts) choice.texts.push_back(Choice::Text{text, kind, std::nullopt});
  }
  if (told.size() < kManyKinds) {
    for (const ObjectCaseId kind : told) {
      const std::vector<ObjectStep> steps = take(kind, key);
      made.steps.insert(made.steps.end(), steps.begin(), steps.end());
    }
  } else {
    std::sort(choice.texts.begin(), choice.texts.end(), [&](const auto& a, const auto& b) {
      return a.text == b.text ? a.kind < b.kind : key_spelled_[a.text] < key_spelled_[b.text];
    });
    for (const Choice::Text& one : choice.texts) choice.longest = std::max(choice.longest, key_spelled_[one.text].size());
    joined_bytes_ += choice.texts.size() * sizeof(Choice::Text);
    made.choice = static_cast<ChoiceId>(choices_.size());
    choices_.push_back(std::move(choice));
  }
  made.steps = joined_steps(std::move(made.steps));
  return made;
}

std::vector<Cases::ObjectStep> Cases::take_some(ObjectCaseId joined, KeyId key) {
  std::vector<ObjectStep> steps;
  for (const ObjectCaseId kind : std::vector<ObjectCaseId>(objects_[joined].kinds)) {
    const std::vector<ObjectStep> own = take(kind, key);
    steps.insert(steps.end(), own.begin(), own.end());
  }
  return joined_steps(std::move(steps));
}

ObjectCaseId Cases::chosen(ChoiceId id, std::uint32_t at) {
  std::vector<ObjectCaseId> rests;
  const Choice& choice = choices_[id];
  for (std::size_t i = at; i < choice.texts.size() && choice.texts[i].text == choice.texts[at].text; ++i) {
    for (const ObjectStep& step : take(choice.texts[i].kind, choice.key)) rests.push_back(step.rest);
  }
  return join(std::move(rests));
}

Length Cases::length_behind(ChoiceId id, std::uint32_t at) {
  Choice::Text& one = choices_[id].texts[at];
  if (!one.members) one.members = length_of_members(chosen(id, at), false);
  return *one.members;
}

/// Of a value that can be nothing but one of at most kFew strings: these, else null.
const std::vector<KeyId>* Cases::few_texts(RequirementId id) {
  const auto [at, added] = few_texts_.try_emplace(id);
  std::optional<std::vector<KeyId>>& known = at->second;
  if (!added) return known ? &*known : nullptr;
  const LanguageId text = text_of(id);
  if (!languages_.empty(bare_of(id)) || !arrays(id).empty() || !objects(id).empty()) return nullptr;
  if (const auto one = languages_.shortest_text(text); one && languages_.text(*one) == text) {
    known.emplace().push_back(key(*one));
  } else if (finite(text)) {
    known.emplace();
    for (const std::string& each : samples(text, kFew)) known->push_back(key(each));
  }
  return known ? &*known : nullptr;
}

}  // namespace praxis::grammar
