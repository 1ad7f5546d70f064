/* The contract between Praxis and its plugins: C11 or C++, nothing but this header needed.
 *
 * A plugin is a shared object that exports praxis_plugin_abi and praxis_plugin_open (below).
 *
 * Versions. Structs grow at their end only: `struct_size` comes first and holds sizeof(struct) as
 *   its writer knew it; a reader looks at no field beyond it. PRAXIS_PLUGIN_ABI changes only when
 *   something here changes its meaning, and then the host refuses the other number by name.
 * Threads. open and close are called once each per instance, never while another function of that
 *   instance runs; call and status may run in several threads at once. A reply belongs to the
 *   thread that was called and is dead when the function returns; log may be called from any
 *   thread at any time until close returns.
 * Memory. What one side passes belongs to that side and is valid until the function returns; copy
 *   what you keep. The exceptions: praxis_host lives until close returns, and so must the
 *   praxis_plugin and all it points to. Results go through the reply, so no memory changes hands.
 * Text is UTF-8 with a length. The host's texts are followed by a NUL that the length does not
 *   count; a plugin's need not be. The host repairs broken UTF-8 and cuts results at their limit.
 * Ending. Poll reply->cancelled while you work, at least every 100 ms: it is 1 after a cancel and
 *   past the deadline. A call that does not return soon after is abandoned: its tool is disabled
 *   for the rest of the run, the object stays loaded, close is called if the call ever returns.
 * No exception and no longjmp may leave a plugin's function. */
#ifndef PRAXIS_PLUGIN_H
#define PRAXIS_PLUGIN_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PRAXIS_PLUGIN_ABI 1u
#define PRAXIS_EXPORT __attribute__((visibility("default")))

typedef struct praxis_text {
  const char* data;
  size_t size;
} praxis_text;

enum { PRAXIS_LOG_DEBUG = 0, PRAXIS_LOG_INFO = 1, PRAXIS_LOG_WARNING = 2, PRAXIS_LOG_ERROR = 3 };

/* What call and status return; what they wrote to the reply is then ... */
enum {
  PRAXIS_OK = 0,       /* ... the result; from status: of the call, which is done */
  PRAXIS_ERROR = 1,    /* ... why it failed, without "Error: "; from status: the call failed so */
  PRAXIS_NOT_DONE = 2, /* status only: the call had no effect and will have none */
  PRAXIS_UNKNOWN = 3   /* status only: the plugin cannot tell */
};

typedef struct praxis_host {
  size_t struct_size;
  void* self; /* first argument of the functions below */
  void (*log)(void* self, int32_t level, praxis_text line); /* for people, not for the model */
  void (*refuse)(void* self, praxis_text why);              /* in open only, then return NULL */
} praxis_host;

typedef struct praxis_call {
  size_t struct_size;
  praxis_text tool;
  praxis_text arguments; /* one valid JSON object, no key twice, depth at most 64 */
  praxis_text key;       /* idempotency key: the same for every try of this call */
  uint32_t deadline_ms;  /* what is left of the deadline as the call begins */
} praxis_call;

typedef struct praxis_reply {
  size_t struct_size;
  void* self;                                      /* first argument of the functions below */
  int32_t (*write)(void* self, praxis_text chunk); /* adds to the result; 0: full, stop writing */
  void (*progress)(void* self, praxis_text line);  /* shown to people while the call runs */
  int32_t (*cancelled)(void* self);
} praxis_reply;

typedef struct praxis_plugin {
  size_t struct_size;
  void* self;          /* first argument of the functions below */
  praxis_text name;    /* [A-Za-z0-9_.-]{1,64} */
  praxis_text version; /* the plugin's own, any text */
  /* JSON array of objects; unknown keys are refused, so that no promise is overlooked:
   *   name              required, [A-Za-z0-9_.-]{1,64}
   *   description       required, what the model reads
   *   parameters        required, JSON Schema of the arguments
   *   effect            required, what may be done after a crash: "pure" (run again),
   *                     "idempotent" (run again with the same key), "once" (never run again)
   *   needs_approval    optional, false: ask a human before each call
   *   deadline_ms       optional, 30000
   *   output_bytes_max  optional, 65536 */
  praxis_text tools;
  int32_t (*call)(void* self, const praxis_call* call, const praxis_reply* reply);
  /* NULL, or: what became of the call with this key, asked after a crash. */
  int32_t (*status)(void* self, praxis_text tool, praxis_text key, const praxis_reply* reply);
  void (*close)(void* self);
} praxis_plugin;

/* What a plugin exports. The first is the same in every version, and is called before the other: */
PRAXIS_EXPORT uint32_t praxis_plugin_abi(void); /* { return PRAXIS_PLUGIN_ABI; } */
/* A new instance, configured by a JSON object like {"root": "/docs"}; NULL after host->refuse. */
PRAXIS_EXPORT const praxis_plugin* praxis_plugin_open(const praxis_host* host, praxis_text config);

#ifdef __cplusplus
}
#endif
#endif
