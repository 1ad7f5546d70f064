// The masks that a store keeps, a ring of them, and what a state asks beyond its kin's.

#include <algorithm>
#include <functional>

#include "grammar/residual.h"
#include "grammar/scratch.h"

namespace praxis::grammar {
namespace {

void merge(std::span<std::uint32_t> bits, std::span<const std::uint32_t> more) {
  std::transform(bits.begin(), bits.end(), more.begin(), bits.begin(), std::bit_or<>());
}

}  // namespace

const Residuals::Mask& Residuals::mask_of_kin(StateId kin) {
  if (const Mask& known = *masks_[states_[kin].mask]; known.owner == kin) return known;
  const StateId others = others_of(kin);
  if (others != kDead) mask_of_kin(others);
  const std::size_t mask_bytes = vocabulary_.mask_words() * sizeof(std::uint32_t);
  const std::size_t masks_max =
      std::max<std::size_t>(4, kMaskBytesMax / std::max<std::size_t>(1, mask_bytes));
  if (masks_.size() <= masks_max) {
    masks_.push_back(std::make_shared<Mask>());
    mask_hand_ = masks_.size() - 1;
  } else {
    mask_hand_ = mask_hand_ % masks_max + 1;
    if (masks_[mask_hand_]->lent) masks_[mask_hand_] = std::make_shared<Mask>();
  }
  states_[kin].mask = static_cast<std::uint32_t>(mask_hand_);
  Mask& mask = *masks_[mask_hand_];
  mask.owner = kin;
  mask.bits.assign(vocabulary_.mask_words(), 0);
  mask.unsure.clear();
  if (is_full() || states_[kin].exact) {  // what is compared makes states that no other text meets
    const Scratch scratch(*this);
    fill(kin, false, mask);
  } else {
    drop_rows_if_many();
    if (others != kDead) fill_beside(kin, *masks_[states_[others].mask], mask);
    else fill(kin, true, mask);
  }
  return mask;
}

/// Is the kin's mask the state's as it stands?
bool Residuals::is_kins(StateId id, const Mask& kin, std::uint64_t bytes_max) {
  const State& state = states_[id];
  return state.memory == Memory::none && (id == state.kin || kin.unsure.empty()) && kin.finish_max <= bytes_max;
}

void Residuals::fill_mask(StateId id, const Mask& kin, std::span<std::uint32_t> bits, std::uint64_t bytes_max) {
  const State state = states_[id];
  const bool limited = bytes_max != kNoLimit && add_bytes(kin.finish_max, memory_bytes(id)) > bytes_max;
  if (!limited) {
    std::copy(kin.bits.begin(), kin.bits.end(), bits.begin());
    if (state.memory != Memory::none) forget_repeats(id, bits);
    if (id != state.kin) compare_items(id, kin, bytes_max, bits);
    return;
  }
  std::fill(bits.begin(), bits.end(), 0u);
  if (id == state.kin && !state.records && !is_full()) {
    drop_rows_if_many();
    walk(vocabulary_.tries().all, id, true, bytes_max, bits);
  } else {
    const Scratch scratch(*this);
    walk(vocabulary_.tries().all, id, false, bytes_max, bits);
  }
}

void Residuals::mask(StateId id, std::span<std::uint32_t> bits, std::uint64_t bytes_max) {
  const std::lock_guard lock(mutex_);
  cases_->refuel();
  fill_mask(id, mask_of_kin(states_[id].kin), bits, bytes_max);
}

void Residuals::add_mask(StateId id, std::span<std::uint32_t> bits, std::uint64_t bytes_max) {
  const std::lock_guard lock(mutex_);
  cases_->refuel();
  const Mask& kin = mask_of_kin(states_[id].kin);
  if (is_kins(id, kin, bytes_max)) return merge(bits, kin.bits);
  std::vector<std::uint32_t> own(bits.size());
  fill_mask(id, kin, own, bytes_max);
  merge(bits, own);
}

SharedMask Residuals::shared_mask(StateId id, std::uint64_t bytes_max) {
  const std::lock_guard lock(mutex_);
  cases_->refuel();
  const Mask& kin = mask_of_kin(states_[id].kin);
  if (!is_kins(id, kin, bytes_max)) {
    auto own = std::make_shared<std::vector<std::uint32_t>>(vocabulary_.mask_words());
    fill_mask(id, kin, *own, bytes_max);
    return own;
  }
  const std::shared_ptr<Mask>& lent = masks_[states_[states_[id].kin].mask];
  lent->lent = true;
  return SharedMask(lent, &lent->bits);
}

}  // namespace praxis::grammar
