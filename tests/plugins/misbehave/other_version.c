/* A plugin of another version of the contract. Nothing else of it may be called. */
#include <stdlib.h>

#include "plugins/plugin.h"

uint32_t praxis_plugin_abi(void) { return 99; }

const praxis_plugin* praxis_plugin_open(const praxis_host* host, praxis_text config) {
  (void)host, (void)config;
  abort();
}
