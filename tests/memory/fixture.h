#pragma once
// A store in a folder of its own, a clock that moves by hand, and short ways to write and to fail.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "memory/store.h"

namespace praxis::memory {

inline std::ostream& operator<<(std::ostream& out, const Error& error) {
  return out << error.where << ": " << error.what;
}

/// An empty folder that goes away with its content.
class Folder {
 public:
  enum Where { usual, fast };  // fast: in memory when the machine has such a place, for tests of many files
  explicit Folder(Where where = usual) {
    const bool in_memory = where == fast && std::filesystem::is_directory("/dev/shm");
    const auto parent = in_memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path();
    std::string name = (parent / "praxis-memory-XXXXXX").string();
    if (!mkdtemp(name.data())) std::abort();
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The value; an error ends the test with its words.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().where + ": " + result.error().what);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Matches a failed result: `EXPECT_THAT(result, FailsWith(ErrorCode::not_found, "no such run"))`.
MATCHER_P2(FailsWith, code, words, "") {
  if (arg) return *result_listener << "which succeeded", false;
  *result_listener << "which says " << arg.error();
  return arg.error().code == code && (arg.error().where + ": " + arg.error().what).find(words) != std::string::npos;
}

struct StoreTest : testing::Test {
  Folder folder;
  std::filesystem::path file = folder / "chats.db";
  std::atomic<std::int64_t> now_ms = 1'000;
  std::unique_ptr<Store> store = open();

  StoreOptions options() {
    StoreOptions options;
    options.clock = [this] { return now_ms.load(); };
    return options;
  }
  std::unique_ptr<Store> open() {
    auto opened = Store::open(file, options());
    EXPECT_TRUE(opened) << opened.error();
    return opened ? std::move(*opened) : nullptr;
  }
  void reopen() {
    store.reset();
    store = open();
  }

  /// What `change(tx)` returns, once it is durable.
  template <class Change>
  auto write(Change change) -> decltype(change(std::declval<Tx&>())) {
    using R = decltype(change(std::declval<Tx&>()));
    R result = tl::unexpected(Error{});
    auto written = store->write([&](Tx& tx) -> Result<void> {
      result = change(tx);
      if (!result) return tl::unexpected(result.error());
      return {};
    });
    if (!written) return tl::unexpected(written.error());
    return result;
  }

  std::string new_conversation(const std::string& title = "") {
    return must(write([&](Tx& tx) { return tx.create_conversation({.title = title}); }));
  }
  std::string new_run(const std::string& conversation) {
    return must(write([&](Tx& tx) { return tx.create_run({.conversation_id = conversation}); }));
  }
  AppendedMessage say(const std::string& conversation, const std::string& content, Role role = Role::user) {
    return must(write([&](Tx& tx) {
      return tx.append_message({.conversation_id = conversation, .role = role, .content = content});
    }));
  }
};

}  // namespace praxis::memory
