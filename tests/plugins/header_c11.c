/* plugin.h in plain C: the sizes and offsets that version 1 of the contract promises. */
#include "plugins/plugin.h"

_Static_assert(sizeof(void*) != 8 || sizeof(praxis_text) == 16, "a text is a pointer and a length");
_Static_assert(offsetof(praxis_host, struct_size) == 0 && offsetof(praxis_call, struct_size) == 0 &&
                   offsetof(praxis_reply, struct_size) == 0 &&
                   offsetof(praxis_plugin, struct_size) == 0,
               "every struct begins with its size");

const size_t praxis_c_layout[] = {
    sizeof(praxis_text),
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
    offsetof(praxis_plugin, close),
};
