// praxis conversations list|show|search|delete

#include <cstdio>
#include <nlohmann/json.hpp>

#include "agent/cli/paths.h"
#include "agent/cli/report.h"
#include "agent/cli/terminal.h"
#include "agent/recover.h"
#include "agent/rows_json.h"
#include "agent/run_journal.h"

namespace praxis::agent::cli {

using Json = nlohmann::ordered_json;

namespace {

Result<std::unique_ptr<memory::Store>> open_existing(const Options& options) {
  auto path = database_path(options);
  if (!path) return tl::unexpected(path.error());
  memory::StoreOptions store;
  store.create = false;
  auto opened = memory::Store::open(*path, store);
  if (!opened) return tl::unexpected(from(opened.error()));
  return std::move(*opened);
}

void print(const std::string& text) { std::fputs((text + "\n").c_str(), stdout); }

}  // namespace

int conversations_list(const Options& options) {
  auto store = open_existing(options);
  if (!store) return report(store.error());
  auto rows = (*store)->read().conversations(options.limit);
  if (!rows) return report(from(rows.error()));
  for (const auto& row : *rows) {
    if (options.json) {
      print(line(to_json(row)));
    } else {
      print(row.id + "  " + time_text(row.updated_ms) + "  " + first_line(row.title, 60));
    }
  }
  if (rows->empty() && !options.json) print("no conversations yet; praxis run \"…\" starts one");
  return kOk;
}

int conversations_show(const Options& options) {
  auto store = open_existing(options);
  if (!store) return report(store.error());
  auto rows = (*store)->read().messages(options.id);
  if (!rows) return report(from(rows.error()));
  for (const auto& row : *rows) {
    if (options.json) {
      print(line(to_json(row)));
      continue;
    }
    std::string role(memory::to_string(row.role));
    if (!row.reasoning.empty()) print(role + " (thinking): " + printable(row.reasoning));
    if (!row.content.empty() || row.calls.empty()) print(role + ": " + printable(row.content));
    for (const auto& call : row.calls) {
      std::string status(memory::to_string(call.status));
      print("  → " + printable(call.tool) + " " + printable(call.arguments) +
            (call.status == memory::CallStatus::finished ? "" : "  [" + status + "]"));
      if (call.status == memory::CallStatus::unknown) print(std::string("    ") + kUnknownText);
    }
  }
  return kOk;
}

int conversations_search(const Options& options) {
  auto store = open_existing(options);
  if (!store) return report(store.error());
  auto hits = (*store)->read().search(options.query, options.limit);
  if (!hits) return report(from(hits.error()));
  for (const auto& hit : *hits) {
    if (options.json) {
      print(line(to_json(hit)));
    } else {
      print(hit.conversation_id + "  " + std::string(memory::to_string(hit.role)) + ": " + first_line(hit.snippet, 100));
    }
  }
  if (hits->empty() && !options.json) print("nothing found");
  return kOk;
}

int conversations_delete(const Options& options) {
  auto store = open_existing(options);
  if (!store) return report(store.error());
  auto claim = (*store)->claim(options.id);
  if (!claim) return report(from(claim.error()));
  auto written = (*store)->write([&](memory::Tx& tx) { return tx.delete_conversation(options.id); });
  if (!written) return report(from(written.error()));
  print("deleted " + options.id);
  return kOk;
}

int runs_list(const Options& options) {
  auto store = open_existing(options);
  if (!store) return report(store.error());
  auto rows = (*store)->read().runs({}, options.limit);
  if (!rows) return report(from(rows.error()));
  for (const auto& row : *rows) {
    if (options.json) {
      print(line(to_json(row)));
    } else {
      print(row.id + "  " + time_text(row.created_ms) + "  " + std::string(memory::to_string(row.status)) + "  " +
            first_line(row.error.empty() ? row.answer : row.error, 60));
    }
  }
  if (rows->empty() && !options.json) print("no runs yet; praxis run \"…\" starts one");
  return kOk;
}

int runs_show(const Options& options) {
  auto store = open_existing(options);
  if (!store) return report(store.error());
  auto reads = (*store)->read();
  auto run = reads.run(options.id);
  if (!run) return report(from(run.error()));
  auto calls = reads.calls(options.id);
  if (!calls) return report(from(calls.error()));
  auto journal = reads.journal(options.id);
  if (!journal) return report(from(journal.error()));
  if (options.json) {
    Json out = to_json(*run);
    out["settings"] = Json::parse(run->settings, nullptr, false);
    out["calls"] = Json::array();
    for (const auto& call : *calls) out["calls"].push_back(to_json(call));
    out["journal"] = Json::array();
    for (const auto& event : *journal) out["journal"].push_back(to_json(event));
    print(line(out));
    return kOk;
  }
  print("run           " + run->id + "\nconversation  " + run->conversation_id + "\nstatus        " +
        std::string(memory::to_string(run->status)) + "\nstarted       " + time_text(run->created_ms) + "\nsettings      " +
        printable(run->settings));
  if (!run->error.empty()) print("error         " + printable(run->error));
  if (!run->answer.empty()) print("answer        " + printable(run->answer));
  for (const auto& call : *calls)
    print("call          " + printable(call.tool) + " " + printable(call.arguments) + "  " +
          std::string(memory::to_string(call.status)) + (call.result_text.empty() ? "" : ": " + first_line(call.result_text, 80)));
  for (const auto& event : *journal) print("journal " + std::to_string(event.seq) + "  " + time_text(event.at_ms) + "  " + event.type);
  return kOk;
}

}  // namespace praxis::agent::cli
