/* Effects that can be counted afterwards: each call appends one line to a file and syncs it.
 *
 * Configuration: {"file": PATH}. Tools record_pure, record_idempotent and record_once take
 *   text      what to record
 *   delay_ms  wait so long before the effect
 *   after_ms  and so long after it
 * and append "TOOL KEY TEXT\n". record_idempotent appends nothing when a line with its key is
 * there; status finds the line of a key. Plain C, as a proof that the contract needs no more. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "plugins/plugin.h"

#define TEXT(literal) ((praxis_text){literal, sizeof(literal) - 1})
#define PARAMETERS                                                                              \
  "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"},\"delay_ms\":{\"type\":" \
  "\"integer\"},"                                                                               \
  "\"after_ms\":{\"type\":\"integer\"}},\"required\":[\"text\"]}"
#define TOOL(name, effect)                                                               \
  "{\"name\":\"" name "\",\"description\":\"Record a text.\",\"parameters\":" PARAMETERS \
  ",\"effect\":\"" effect "\"}"

static const char kTools[] = "[" TOOL("record_pure", "pure") "," TOOL(
    "record_idempotent", "idempotent") "," TOOL("record_once", "once") "]";

enum { kLineBytesMax = 4096, kDelayMsMax = 60000 };

typedef struct recorder {
  praxis_plugin table;
  char* path;
} recorder;

static int32_t fail(const praxis_reply* reply, praxis_text why) {
  reply->write(reply->self, why);
  return PRAXIS_ERROR;
}

/* The JSON string behind the key `name`, without escapes: enough for a test. 0 when there is none.
 */
static int string_of(praxis_text json, const char* name, praxis_text* value) {
  char key[32];
  snprintf(key, sizeof key, "\"%s\"", name);
  const char* at = strstr(json.data, key);
  if (!at) return 0;
  at += strlen(key);
  at += strspn(at, " :");
  if (*at != '"') return 0;
  const size_t size = strcspn(++at, "\"\\");
  if (at[size] != '"') return 0;
  *value = (praxis_text){at, size};
  return 1;
}

static long number_of(praxis_text json, const char* name) {
  char key[32];
  snprintf(key, sizeof key, "\"%s\"", name);
  const char* at = strstr(json.data, key);
  if (!at) return 0;
  at += strlen(key);
  const long value = strtol(at + strspn(at, " :"), NULL, 10);
  return value < 0 ? 0 : value > kDelayMsMax ? kDelayMsMax : value;
}

/* Waits in small steps; 0 when the call was cancelled meanwhile. */
static int wait_ms(const praxis_reply* reply, long ms) {
  for (; ms > 0; --ms) {
    if (reply->cancelled(reply->self)) return 0;
    const struct timespec step = {0, 1000000};
    nanosleep(&step, NULL);
  }
  return 1;
}

/* Whether the file holds a line "TOOL KEY ...". */
static int is_recorded(const char* path, praxis_text tool, praxis_text key) {
  FILE* file = fopen(path, "re");
  if (!file) return 0;
  char wanted[kLineBytesMax], line[kLineBytesMax];
  const int size = snprintf(wanted, sizeof wanted, "%.*s %.*s ", (int)tool.size, tool.data,
                            (int)key.size, key.data);
  int found = 0;
  while (!found && fgets(line, sizeof line, file)) found = strncmp(line, wanted, (size_t)size) == 0;
  fclose(file);
  return found;
}

static int32_t append(const recorder* plugin, const praxis_call* call, praxis_text text,
                      const praxis_reply* reply) {
  char line[kLineBytesMax];
  const int size =
      snprintf(line, sizeof line, "%.*s %.*s %.*s\n", (int)call->tool.size, call->tool.data,
               (int)call->key.size, call->key.data, (int)text.size, text.data);
  if (size < 0 || size >= (int)sizeof line) return fail(reply, TEXT("the line is too long"));
  const int file = open(plugin->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return fail(reply, TEXT("cannot open the record"));
  /* The lock makes looking and appending one step among processes. */
  int good = flock(file, LOCK_EX) == 0;
  const int idempotent = strncmp(call->tool.data, "record_idempotent", call->tool.size) == 0;
  if (good && !(idempotent && is_recorded(plugin->path, call->tool, call->key)))
    good = write(file, line, (size_t)size) == size && fsync(file) == 0;
  close(file);
  return good ? PRAXIS_OK : fail(reply, TEXT("cannot write the record"));
}

static int32_t call(void* self, const praxis_call* call, const praxis_reply* reply) {
  praxis_text text;
  if (!string_of(call->arguments, "text", &text))
    return fail(reply, TEXT("text must be a string without escapes"));
  if (!wait_ms(reply, number_of(call->arguments, "delay_ms")))
    return fail(reply, TEXT("stopped before the effect"));
  const int32_t code = append(self, call, text, reply);
  if (code != PRAXIS_OK) return code;
  wait_ms(reply, number_of(call->arguments, "after_ms"));
  reply->write(reply->self, TEXT("recorded"));
  return PRAXIS_OK;
}

static int32_t status(void* self, praxis_text tool, praxis_text key, const praxis_reply* reply) {
  if (!is_recorded(((recorder*)self)->path, tool, key)) return PRAXIS_NOT_DONE;
  reply->write(reply->self, TEXT("recorded"));
  return PRAXIS_OK;
}

static void close_recorder(void* self) {
  free(((recorder*)self)->path);
  free(self);
}

uint32_t praxis_plugin_abi(void) { return PRAXIS_PLUGIN_ABI; }

const praxis_plugin* praxis_plugin_open(const praxis_host* host, praxis_text config) {
  praxis_text path;
  recorder* plugin = NULL;
  if (string_of(config, "file", &path)) plugin = calloc(1, sizeof *plugin);
  if (plugin) plugin->path = strndup(path.data, path.size);
  if (!plugin || !plugin->path) {
    free(plugin);
    host->refuse(host->self, TEXT("the configuration must be {\"file\": PATH}"));
    return NULL;
  }
  plugin->table = (praxis_plugin){sizeof(praxis_plugin), plugin, TEXT("recorder"), TEXT("0.1"),
                                  TEXT(kTools),          call,   status,           close_recorder};
  return &plugin->table;
}
