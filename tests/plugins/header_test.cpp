#include <gtest/gtest.h>

#include <vector>

#include "plugins/plugin.h"

extern "C" const std::size_t praxis_c_layout[19];

namespace praxis::plugins {
namespace {

TEST(PluginHeader, CAndCxxSeeTheSameLayout) {
  const std::vector<std::size_t> here = {sizeof(praxis_text),
                                         offsetof(praxis_host, self),
                                         offsetof(praxis_host, log),
                                         offsetof(praxis_host, refuse),
                                         offsetof(praxis_call, tool),
                                         offsetof(praxis_call, arguments),
                                         offsetof(praxis_call, key),
                                         offsetof(praxis_call, deadline_ms),
                                         offsetof(praxis_reply, self),
                                         offsetof(praxis_reply, write),
                                         offsetof(praxis_reply, progress),
                                         offsetof(praxis_reply, cancelled),
                                         offsetof(praxis_plugin, self),
                                         offsetof(praxis_plugin, name),
                                         offsetof(praxis_plugin, version),
                                         offsetof(praxis_plugin, tools),
                                         offsetof(praxis_plugin, call),
                                         offsetof(praxis_plugin, status),
                                         offsetof(praxis_plugin, close)};
  EXPECT_EQ(std::vector<std::size_t>(std::begin(praxis_c_layout), std::end(praxis_c_layout)), here);
}

// Fields of ABI 1 never move: a plugin built today must run on every later host of the same ABI.
TEST(PluginHeader, VersionOneIsLaidOutAsItWasPublished) {
  ASSERT_EQ(sizeof(void*), 8u);
  EXPECT_EQ(std::vector<std::size_t>(std::begin(praxis_c_layout), std::end(praxis_c_layout)),
            (std::vector<std::size_t>{16, 8, 16, 24, 8, 24, 40, 56, 8, 16, 24, 32, 8, 16, 32, 48,
                                      64, 72, 80}));
  EXPECT_EQ(PRAXIS_PLUGIN_ABI, 1u);
}

}  // namespace
}  // namespace praxis::plugins
