#include "agent/cli/config_file.h"

#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tools/json_check.h"

namespace praxis::agent::cli {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

CLI::Option* option_of(CLI::App* app, const std::string& key) {
  CLI::Option* option = key.starts_with("-") ? nullptr : app->get_option_no_throw("--" + key);
  return option && option->get_configurable() ? option : nullptr;
}

/// Whether this command or one below it has the flag.
bool known(CLI::App* app, const std::string& key) {
  if (option_of(app, key)) return true;
  const auto below = app->get_subcommands([](CLI::App*) { return true; });
  return std::any_of(below.begin(), below.end(),
                     [&](CLI::App* command) { return known(command, key); });
}

class JsonConfig final : public CLI::Config {
 public:
  explicit JsonConfig(CLI::App& app) : app_(&app) {}

  std::string to_config(const CLI::App*, bool, bool, std::string) const override {
    return {};
  }  // nothing writes one

  std::vector<CLI::ConfigItem> from_config(std::istream& in) const override {
    const fs::path path = app_->get_config_ptr()->as<std::string>();
    const Reader reader{*app_, path.native(), path.parent_path()};
    const std::string text(std::istreambuf_iterator<char>(in), {});
    if (auto checked = tools::check_json(text, tools::JsonShape::object, {kConfigBytesMax});
        !checked)
      throw CLI::ConfigError(reader.file + ": " + checked.error().where + ": " +
                             checked.error().what);
    return reader.items(Json::parse(text, nullptr, false));
  }

 private:
  /// One file, for the command that was given.
  struct Reader {
    CLI::App& app;
    const std::string file;
    const fs::path folder;

    [[noreturn]] void refuse(const std::string& key, const std::string& why) const {
      throw CLI::ConfigError(file + ": " + key + " " + why);
    }

    std::vector<CLI::ConfigItem> items(const Json& json) const {
      std::vector<CLI::App*> given;  // praxis, then its command, then that one's
      for (CLI::App* at = &app; at;
           at = at->get_subcommands().empty() ? nullptr : at->get_subcommands()[0])
        given.push_back(at);
      std::vector<CLI::ConfigItem> own, shared;  // whoever comes first is heard
      for (const auto& [key, value] : json.items()) {
        const auto named =
            app.get_subcommands([&](CLI::App* command) { return command->get_name() == key; });
        CLI::App* section = value.is_object() && !named.empty() ? named[0] : nullptr;
        if (!section) {
          if (!known(&app, key)) refuse(key, "is no flag of any command");
          add(given, key, key, value, shared);
          continue;
        }
        const bool heard = given.size() > 1 && given[1] == section;
        for (const auto& [flag, said] : value.items()) {
          if (!known(section, flag)) refuse(key + "." + flag, "is no flag of praxis " + key);
          if (heard) add(given, flag, key + "." + flag, said, own);
        }
      }
      own.insert(own.end(), shared.begin(), shared.end());
      return own;
    }

    /// What the file says of a flag, if the given command has it.
    void add(const std::vector<CLI::App*>& given, const std::string& flag, const std::string& key,
             const Json& value, std::vector<CLI::ConfigItem>& to) const {
      const CLI::Option* option = option_of(given.back(), flag);
      if (!option) return;
      CLI::ConfigItem item;
      for (std::size_t i = 1; i < given.size(); ++i) item.parents.push_back(given[i]->get_name());
      item.name = flag;
      item.inputs = inputs(*option, key, value);
      to.push_back(std::move(item));
    }

    std::vector<std::string> inputs(const CLI::Option& option, const std::string& key,
                                    const Json& value) const {
      const bool repeatable = option.get_expected_max() > 1, flag = option.get_expected_min() == 0;
      if (flag && !value.is_boolean()) refuse(key, "is true or false");
      std::vector<std::string> out;
      if (value.is_array()) {
        for (const Json& item : value) out.push_back(text(key, item));
        if (!repeatable) out = {CLI::detail::join(out, ",")};
      } else if (value.is_object() && repeatable) {
        for (const auto& [name, said] : value.items()) out.push_back(name + "=" + dumped(said));
      } else if (value.is_boolean() && !flag) {
        out.push_back(value.get<bool>() ? "on" : "off");
      } else {
        out.push_back(value.is_object() ? dumped(value) : text(key, value));
      }
      return out;
    }

    std::string text(const std::string& key, const Json& value) const {
      if (value.is_null() || value.is_structured()) refuse(key, "is neither text nor a number");
      if (!value.is_string()) return dumped(value);
      const auto& said = value.get_ref<const std::string&>();
      const bool beside = said.starts_with("./") || said.starts_with("../");
      return beside ? (folder / said).lexically_normal().native() : said;
    }
  };

  CLI::App* const app_;
};

}  // namespace

void add_config(CLI::App& app) {
  app.fallthrough();  // so that it may stand behind the command, as its other flags do
  app.set_config("--config", "", "JSON file with flags; those given here go before it");
  app.config_formatter(std::make_shared<JsonConfig>(app));
}

}  // namespace praxis::agent::cli
