#pragma once
// One position in one text under a compiled grammar.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "grammar/compile.h"

namespace praxis::grammar {

class Matcher {
 public:
  explicit Matcher(std::shared_ptr<const Grammar> grammar);
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;
  ~Matcher();

  /// Fills `bits` (vocabulary.mask_words() words): bit i = token i may follow. No dead ends: after
  /// any allowed token the text can still be completed. `bytes_max`: only tokens after which the
  /// text can be completed within that many further bytes are allowed (no limit by default).
  void mask(std::span<std::uint32_t> bits, std::uint64_t bytes_max = ~0ull) const;
  /// The same, never null, without a copy where others ask for just that mask: most often. It stays as it
  /// is for as long as it is held, also without the matcher; masks that are held are not counted among
  /// those that a grammar keeps.
  SharedMask shared_mask(std::uint64_t bytes_max = ~0ull) const;
  /// False, and nothing changes, if the token is not allowed.
  bool accept(TokenId id);
  bool accept_bytes(std::string_view bytes);
  void rollback(std::uint32_t accepts);  // undoes the last n successful accepts
  /// The bytes that must follow now whatever is chosen (possibly none).
  std::string forced_bytes() const;
  /// Those of them that are certain as canonical tokens: a token that could grow into what follows
  /// is left out. Not accepted by this call.
  std::vector<TokenId> forced() const;
  /// How many of the draft's tokens hold, from the first. Changes nothing.
  std::uint32_t validate(std::span<const TokenId> draft) const;
  Matcher fork() const;
  bool complete() const;            // the text may end here
  bool dead_end_only_stop() const;  // nothing may follow: only the end
  /// Upper bound on the tokens that complete the text from here (0 if complete); every byte is at
  /// most one token, since byte-level vocabularies hold all single bytes.
  std::uint32_t tokens_to_finish() const;
  /// The first limit that was met, by schema path, where compile() did not foresee it: since then
  /// masks of this grammar may lack tokens, but still allow no wrong ones.
  std::optional<Error> limit() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace praxis::grammar
