-- The tables, in the order they came to be. Each section that begins with "-- version N" takes a
-- file from user_version N-1 to N; an empty file goes through all of them, so there is one way to
-- make a file. A section that was released is never changed: write the next one.
--
-- Lists of allowed values are written with OR: for IN with more than two SQLite builds a table each time.
-- Text is byte-exact and may hold NUL. Times (…_ms) are milliseconds since the Unix epoch; 0: unset.

-- version 1

CREATE TABLE conversations (
  number            INTEGER PRIMARY KEY,           -- order of creation
  id                TEXT NOT NULL UNIQUE,          -- c_…
  title             TEXT NOT NULL,
  think_policy      TEXT NOT NULL CHECK (think_policy = 'strip_always' OR think_policy = 'keep_in_loop' OR think_policy = 'keep_if_tools' OR think_policy = 'keep_all'),
  model             TEXT NOT NULL,                 -- as the user named it
  model_fingerprint TEXT NOT NULL,                 -- which weights answered last
  created_ms        INTEGER NOT NULL,
  updated_ms        INTEGER NOT NULL,
  touched           INTEGER NOT NULL UNIQUE        -- order of last use: a clock may stand still or go back
) STRICT;

CREATE TABLE runs (
  number          INTEGER PRIMARY KEY,             -- order of creation
  id              TEXT NOT NULL UNIQUE,            -- r_…
  conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  status          TEXT NOT NULL CHECK (status = 'running' OR status = 'finished' OR status = 'failed' OR status = 'cancelled' OR status = 'interrupted'),
  settings        TEXT NOT NULL CHECK (json_valid(settings)),
  answer          TEXT NOT NULL,
  usage           TEXT NOT NULL CHECK (json_valid(usage)),
  error           TEXT NOT NULL,
  created_ms      INTEGER NOT NULL,
  finished_ms     INTEGER NOT NULL,
  UNIQUE (conversation_id, id)
) STRICT;
CREATE INDEX runs_unfinished ON runs (number) WHERE status IN ('running', 'interrupted');

-- What happened, in order: the truth from which the other tables could be made again. Written in
-- the transaction that changes them.
CREATE TABLE journal (
  seq     INTEGER PRIMARY KEY AUTOINCREMENT,       -- never given twice
  run_id  TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  type    TEXT NOT NULL,
  payload TEXT NOT NULL CHECK (json_valid(payload)),
  at_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX journal_run ON journal (run_id, seq);

CREATE TABLE messages (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  position        INTEGER NOT NULL,                -- 0, 1, 2, … in the conversation
  run_id          TEXT,                            -- NULL: belongs to no run
  role            TEXT NOT NULL CHECK (role = 'system' OR role = 'user' OR role = 'assistant' OR role = 'tool'),
  content         TEXT NOT NULL,
  reasoning       TEXT NOT NULL,                   -- whole, whatever the conversation's policy shows
  call_id         TEXT NOT NULL,                   -- role tool: the call this answers
  ids             BLOB NOT NULL,                   -- token ids as produced, 4 bytes each, little-endian
  ids_fingerprint TEXT NOT NULL,                   -- of the model whose ids these are
  search_text     TEXT,                            -- what to index where content holds NUL, which would end the index's text
  created_ms      INTEGER NOT NULL,
  UNIQUE (conversation_id, position),
  FOREIGN KEY (conversation_id, run_id) REFERENCES runs (conversation_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX messages_run ON messages (conversation_id, run_id);

CREATE TABLE calls (
  number          INTEGER PRIMARY KEY,             -- order of planning
  run_id          TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  id              TEXT NOT NULL,                   -- unique in its run
  message_id      INTEGER REFERENCES messages (id) ON DELETE CASCADE,  -- NULL until the message is whole
  position        INTEGER NOT NULL,                -- among the calls of its message
  tool            TEXT NOT NULL,
  arguments       TEXT NOT NULL,                   -- as the model wrote them
  effect          TEXT NOT NULL CHECK (effect = 'pure' OR effect = 'idempotent' OR effect = 'once'),
  idempotency_key TEXT NOT NULL UNIQUE,            -- the same for every attempt
  status          TEXT NOT NULL CHECK (status = 'planned' OR status = 'started' OR status = 'finished' OR status = 'unknown' OR status = 'cancelled'),
  attempts        INTEGER NOT NULL,
  result_status   TEXT NOT NULL,
  result_text     TEXT NOT NULL,
  truncated       INTEGER NOT NULL CHECK (truncated IN (0, 1)),
  started_ms      INTEGER NOT NULL,
  finished_ms     INTEGER NOT NULL,
  UNIQUE (run_id, id),
  UNIQUE (message_id, position),
  CHECK (effect <> 'once' OR attempts <= 1),       -- the promise, kept by the file itself
  CHECK ((status = 'finished') = (result_status <> ''))
) STRICT;

-- Append-only. A row goes only when its parent went before it, by the cascade of a deleted
-- conversation.
CREATE TRIGGER journal_keeps_rows BEFORE DELETE ON journal
  WHEN EXISTS (SELECT 1 FROM runs WHERE id = old.run_id)
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_keeps_values BEFORE UPDATE ON journal
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER runs_keep_rows BEFORE DELETE ON runs
  WHEN EXISTS (SELECT 1 FROM conversations WHERE id = old.conversation_id)
  BEGIN SELECT RAISE(ABORT, 'a run goes with its conversation only'); END;
CREATE TRIGGER messages_keep_values BEFORE UPDATE ON messages
  BEGIN SELECT RAISE(ABORT, 'messages are append-only'); END;

-- Search. Trigrams find any three characters in a row, in any script. Only the first 64 KiB of a
-- message are indexed, so that one pasted file cannot hold up the writer; cut by bytes, since
-- substr() of a text stops at a NUL.
CREATE VIEW searchable (id, content) AS
  SELECT id, coalesce(search_text, CAST(substr(CAST(content AS BLOB), 1, 65536) AS TEXT)) FROM messages;
CREATE VIRTUAL TABLE messages_fts USING fts5 (content, content = 'searchable', content_rowid = 'id', tokenize = 'trigram');
CREATE TRIGGER messages_fts_insert AFTER INSERT ON messages BEGIN
  INSERT INTO messages_fts (rowid, content) SELECT id, content FROM searchable WHERE id = new.id;
END;
CREATE TRIGGER messages_fts_delete BEFORE DELETE ON messages BEGIN
  INSERT INTO messages_fts (messages_fts, rowid, content) SELECT 'delete', id, content FROM searchable WHERE id = old.id;
END;

-- version 2

-- What was said to clients that keep their conversations themselves: by the reply's id (Responses go
-- on from it), and by the ids of its calls (a client that drops the reasoning of a reply names them
-- in its next request).
CREATE TABLE replies (
  number          INTEGER PRIMARY KEY,             -- order of writing
  id              TEXT NOT NULL UNIQUE,            -- as the client knows it
  previous_id     TEXT NOT NULL,                   -- the reply that its request went on from; '': none
  input           TEXT NOT NULL CHECK (json_valid(input)),  -- what its request added to that
  body            TEXT NOT NULL CHECK (json_valid(body)),   -- the reply as the client got it
  content         TEXT NOT NULL,
  reasoning       TEXT NOT NULL,
  calls           TEXT NOT NULL CHECK (json_valid(calls)),
  ids             BLOB NOT NULL,                   -- token ids as produced, 4 bytes each, little-endian
  ids_fingerprint TEXT NOT NULL,                   -- of the model whose ids these are
  created_ms      INTEGER NOT NULL
) STRICT;
CREATE INDEX replies_created ON replies (created_ms);
CREATE TABLE reply_calls (
  call_id  TEXT PRIMARY KEY,
  reply_id TEXT NOT NULL REFERENCES replies (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX reply_calls_reply ON reply_calls (reply_id);

-- version 3

-- Messages are indexed for search many at a time, which costs a fraction of one at a time. The newest
-- ones may be missing there; a search looks at those itself. The index takes its content from searchable,
-- which shows what it has.
CREATE TABLE search_state (
  indexed_to INTEGER NOT NULL                      -- messages with this id and lower ones are in the index
) STRICT;
INSERT INTO search_state (indexed_to) SELECT coalesce(max(id), 0) FROM messages;
DROP TRIGGER messages_fts_insert;
DROP VIEW searchable;
CREATE VIEW message_texts (id, content) AS
  SELECT id, coalesce(search_text, CAST(substr(CAST(content AS BLOB), 1, 65536) AS TEXT)) FROM messages;
CREATE VIEW searchable (id, content) AS
  SELECT id, content FROM message_texts WHERE id <= (SELECT indexed_to FROM search_state);

-- The unique index on (conversation_id, position) finds a conversation's messages, of a run or not.
DROP INDEX messages_run;
