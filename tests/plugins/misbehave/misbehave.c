/* Everything a plugin must not do, on request. Plain C.
 *
 * Its configuration, read without a JSON library: the text behind "tools=" inside the string value
 * of "say" replaces the tool list (so that any text can be tried), "refuse" refuses to open,
 * "silent" does so without a word, "small" reports a struct that is too short, "large" one of the
 * future. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugins/plugin.h"

#define TEXT(literal) ((praxis_text){literal, sizeof(literal) - 1})

static const char kTools[] =
    "[{\"name\":\"hang\",\"description\":\"Never "
    "returns.\",\"parameters\":{},\"effect\":\"pure\",\"deadline_ms\":300},"
    "{\"name\":\"linger\",\"description\":\"Ignores its end until a byte arrives on descriptor "
    "`in`, then writes one to `out`.\","
    "\"parameters\":{},\"effect\":\"once\",\"deadline_ms\":300},"
    "{\"name\":\"flood\",\"description\":\"Writes a GiB, whatever it is "
    "told.\",\"parameters\":{},\"effect\":\"pure\","
    "\"output_bytes_max\":1000},"
    "{\"name\":\"half\",\"description\":\"Writes half a character and a "
    "NUL.\",\"parameters\":{},\"effect\":\"pure\"},"
    "{\"name\":\"fail\",\"description\":\"Fails.\",\"parameters\":{},\"effect\":\"pure\"},"
    "{\"name\":\"mute\",\"description\":\"Fails without a "
    "word.\",\"parameters\":{},\"effect\":\"pure\"},"
    "{\"name\":\"code\",\"description\":\"Returns a code that is "
    "none.\",\"parameters\":{},\"effect\":\"pure\"},"
    "{\"name\":\"wait\",\"description\":\"Waits for its end and "
    "obeys.\",\"parameters\":{},\"effect\":\"once\",\"deadline_ms\":60000},"
    "{\"name\":\"chatter\",\"description\":\"Reports "
    "progress.\",\"parameters\":{},\"effect\":\"pure\"},"
    "{\"name\":\"echo\",\"description\":\"Returns what it was "
    "given.\",\"parameters\":{},\"effect\":\"idempotent\",\"needs_approval\":true}]";

typedef struct instance {
  praxis_plugin table;
  /* A field of a later version, so that the table is longer than the host knows. */
  void* future;
  const praxis_host* host;
  char* tools;
} instance;

static int is(praxis_text text, const char* name) {
  return text.size == strlen(name) && memcmp(text.data, name, text.size) == 0;
}

static void pause_ms(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

/* The whole number behind "name": in the arguments; -1 when there is none. */
static int number(praxis_text arguments, const char* name) {
  const char* at = strstr(arguments.data, name);
  if (at) at = strchr(at, ':');
  return at ? atoi(at + 1) : -1;
}

static int32_t call(void* self, const praxis_call* call, const praxis_reply* reply) {
  const instance* plugin = self;
  if (is(call->tool, "hang"))
    for (;;) pause_ms(1000);
  if (is(call->tool, "linger")) {
    char byte = 0;
    while (read(number(call->arguments, "\"in\""), &byte, 1) < 0) {
    }
    byte = reply->cancelled(reply->self) ? 'c' : 'r';
    reply->progress(reply->self, TEXT("after the end"));
    if (write(number(call->arguments, "\"out\""), &byte, 1) != 1) return PRAXIS_ERROR;
    return PRAXIS_OK;
  }
  if (is(call->tool, "flood")) {
    static const char block[65536] = {'x'};
    for (int i = 0; i < 16384; ++i) reply->write(reply->self, (praxis_text){block, sizeof block});
    return PRAXIS_OK;
  }
  if (is(call->tool, "half")) {
    reply->write(reply->self, (praxis_text){"a\0b\xF0\x9F", 5});
    reply->write(reply->self, (praxis_text){NULL, 0});
    return PRAXIS_OK;
  }
  if (is(call->tool, "fail")) {
    reply->write(reply->self, TEXT("Error: "));
    reply->write(reply->self, TEXT("it did not work"));
    return PRAXIS_ERROR;
  }
  if (is(call->tool, "mute")) return PRAXIS_ERROR;
  if (is(call->tool, "code")) return 77;
  if (is(call->tool, "wait")) {
    while (!reply->cancelled(reply->self)) pause_ms(1);
    reply->write(reply->self, TEXT("I was told to stop"));
    return PRAXIS_ERROR;
  }
  if (is(call->tool, "chatter")) {
    reply->progress(reply->self, TEXT("one"));
    reply->progress(reply->self, TEXT("two\n\x1B[2J"));
    plugin->host->log(plugin->host->self, PRAXIS_LOG_WARNING, TEXT("a line\nof the log"));
    reply->write(reply->self, TEXT("three "));
    reply->write(reply->self, TEXT("four"));
    return PRAXIS_OK;
  }
  reply->write(reply->self, call->tool);
  reply->write(reply->self, TEXT(" "));
  reply->write(reply->self, call->arguments);
  reply->write(reply->self, TEXT(" "));
  reply->write(reply->self, call->key);
  reply->write(reply->self, call->deadline_ms > 0 && call->deadline_ms <= 30000 ? TEXT(" in time")
                                                                                : TEXT(" late"));
  /* The host's texts are followed by a NUL. */
  reply->write(reply->self,
               call->arguments.data[call->arguments.size] == 0 ? TEXT(".") : TEXT("?"));
  return PRAXIS_OK;
}

/* The key says what to answer. */
static int32_t status(void* self, praxis_text tool, praxis_text key, const praxis_reply* reply) {
  (void)self;
  if (is(key, "done")) {
    reply->write(reply->self, TEXT("result of "));
    reply->write(reply->self, tool);
    return PRAXIS_OK;
  }
  if (is(key, "failed")) {
    reply->write(reply->self, TEXT("it failed"));
    return PRAXIS_ERROR;
  }
  if (is(key, "not")) return PRAXIS_NOT_DONE;
  if (is(key, "wrong")) return 77;
  return PRAXIS_UNKNOWN;
}

static void close_instance(void* self) {
  instance* plugin = self;
  plugin->host->log(plugin->host->self, PRAXIS_LOG_INFO, TEXT("closed"));
  free(plugin->tools);
  free(plugin);
}

/* The string behind "say":, with \" and \\ read; NULL when there is none. */
static char* said(praxis_text config) {
  const char* at = strstr(config.data, "\"say\":\"");
  if (!at) return NULL;
  at += strlen("\"say\":\"");
  char* text = calloc(config.size + 1, 1);
  char* to = text;
  for (; text && *at && *at != '"'; ++at) {
    if (*at == '\\') ++at;
    *to++ = *at;
  }
  return text;
}

uint32_t praxis_plugin_abi(void) { return PRAXIS_PLUGIN_ABI; }

const praxis_plugin* praxis_plugin_open(const praxis_host* host, praxis_text config) {
  char* say = said(config);
  if (say && strcmp(say, "refuse") == 0)
    host->refuse(host->self, TEXT("I do not want to\nbe opened"));
  if (say && (strcmp(say, "refuse") == 0 || strcmp(say, "silent") == 0)) {
    free(say);
    return NULL;
  }
  if (say && strcmp(say, "small") == 0) {
    /* Too short to have a close, so nothing may need closing. */
    static const praxis_plugin small = {.struct_size = offsetof(praxis_plugin, close)};
    free(say);
    return &small;
  }
  instance* plugin = calloc(1, sizeof *plugin);
  if (!plugin) return NULL;
  plugin->host = host;
  plugin->table = (praxis_plugin){
      sizeof(praxis_plugin), plugin, TEXT("misbehave"), TEXT("0.1"), TEXT(kTools), call, status,
      close_instance};
  if (say && strcmp(say, "large") == 0)
    plugin->table.struct_size = sizeof(praxis_plugin) + sizeof(void*);
  if (say && strcmp(say, "name") == 0) plugin->table.name = TEXT("no name");
  if (say && strcmp(say, "nothing") == 0) plugin->table.call = NULL;
  if (say && strncmp(say, "tools=", 6) == 0) {
    plugin->tools = say;
    plugin->table.tools = (praxis_text){say + 6, strlen(say + 6)};
    say = NULL;
  }
  free(say);
  return &plugin->table;
}
