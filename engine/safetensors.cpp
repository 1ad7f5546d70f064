#include "engine/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "engine/json_events.h"
#include "engine/mapping.h"

namespace praxis::engine {
namespace {

static_assert(std::endian::native == std::endian::little, "the file's numbers are little-endian");

constexpr std::size_t kLengthBytes = 8;  // the header length in front of the header
constexpr std::size_t kDepthMax = 8;     // a header nests 3 deep, an index 2

tl::unexpected<Error> refuse(std::string_view where, std::string what,
                             ErrorCode code = ErrorCode::bad_file) {
  return tl::unexpected(Error{code, std::move(what), std::string(where)});
}

struct Range {
  std::uint64_t begin = 0, end = 0;  // in the data, which begins where the header ends
};

struct Entry {
  TensorView view;  // its data comes once the range is checked
  Range range;
};

/// {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"k": "v"}}
class HeaderReader final : public JsonEvents {
 public:
  explicit HeaderReader(const SafetensorsLimits& limits) : limits_(limits) {}

  std::vector<Entry> entries;  // in the order of the file

  bool on_object() override {
    switch (at_) {
      case At::document:
        at_ = At::header;
        return true;
      case At::tensor_key:
        at_ = At::tensor;
        return true;
      case At::metadata_key:
        at_ = At::metadata;
        return true;
      default:
        return wrong_place("an object");
    }
  }
  bool on_object_end() override {
    if (at_ == At::tensor) {
      if (!dtype_) return missing("dtype");
      if (!shape_) return missing("shape");
      if (!offsets_) return missing("data_offsets");
      entries.push_back(std::move(entry_));
    }
    at_ = at_ == At::header ? At::document : At::header;
    return true;
  }
  bool on_array() override {
    switch (at_) {
      case At::shape_key:
        at_ = At::shape;
        return true;
      case At::offsets_key:
        at_ = At::offsets;
        return true;
      default:
        return wrong_place("an array");
    }
  }
  bool on_array_end() override {
    if (at_ == At::offsets && offset_count_ != 2) {
      return refuse_entry("data_offsets holds " + std::to_string(offset_count_) +
                          " numbers, not 2");
    }
    at_ = At::tensor;
    return true;
  }
  bool on_key(std::string& key) override {
    switch (at_) {
      case At::header:
        return header_key(key);
      case At::metadata:
        if (!metadata_.insert(key).second) {
          return refuse("__metadata__ has " + shown(key) + " twice");
        }
        at_ = At::metadata_value;
        return true;
      default:
        return field_key(key);
    }
  }
  bool on_string(std::string& value) override {
    if (at_ == At::metadata_value) return at_ = At::metadata, true;
    if (at_ != At::dtype_key) return wrong_place("a string");
    at_ = At::tensor;
    if (value == "F32") return entry_.view.dtype = Dtype::f32, true;
    if (value == "BF16") return entry_.view.dtype = Dtype::bf16, true;
    refuse_entry("dtype " + shown(value) + " is not one of F32, BF16");
    return refuse(refused().what, ErrorCode::unsupported);
  }
  bool on_unsigned(std::uint64_t value) override {
    if (at_ == At::shape) {
      auto& shape = entry_.view.shape;
      if (shape.size() == limits_.rank_max) {
        return refuse_entry("shape has more dimensions than the limit of " +
                            std::to_string(limits_.rank_max));
      }
      shape.push_back(value);
      return true;
    }
    if (at_ == At::offsets) {
      if (offset_count_ < 2) (offset_count_ == 0 ? entry_.range.begin : entry_.range.end) = value;
      ++offset_count_;
      return true;
    }
    return wrong_place("a number");
  }
  bool on_bool(bool) override { return wrong_place("a boolean"); }
  bool on_null() override { return wrong_place("null"); }
  bool on_other_number(const std::string& written) override {
    return wrong_place("the number " + shown(written));
  }

 private:
  enum class At : std::uint8_t {
    document,
    header,
    tensor_key,
    tensor,
    dtype_key,
    shape_key,
    shape,
    offsets_key,
    offsets,
    metadata_key,
    metadata,
    metadata_value,
  };

  bool header_key(const std::string& key) {
    if (key == "__metadata__") {
      if (has_metadata_) return refuse("__metadata__ stands twice");
      has_metadata_ = true;
      at_ = At::metadata_key;
      return true;
    }
    if (key.empty()) return refuse("a tensor has an empty name");
    if (key.size() > limits_.name_bytes_max) {
      return refuse("tensor " + shown(key) + " has a name of " + std::to_string(key.size()) +
                    " bytes; the limit is " + std::to_string(limits_.name_bytes_max));
    }
    if (!names_.insert(key).second) return refuse("tensor " + shown(key) + " stands twice");
    if (entries.size() == limits_.tensors_max) {
      return refuse("more tensors than the limit of " + std::to_string(limits_.tensors_max));
    }
    entry_ = Entry{};
    entry_.view.name = key;
    dtype_ = shape_ = offsets_ = false;
    offset_count_ = 0;
    at_ = At::tensor_key;
    return true;
  }
  bool field_key(const std::string& key) {
    bool* seen = nullptr;
    if (key == "dtype") {
      seen = &dtype_, at_ = At::dtype_key;
    } else if (key == "shape") {
      seen = &shape_, at_ = At::shape_key;
    } else if (key == "data_offsets") {
      seen = &offsets_, at_ = At::offsets_key;
    } else {
      return refuse_entry("unknown field " + shown(key));
    }
    if (*seen) return refuse_entry("field " + key + " stands twice");
    return *seen = true;
  }
  bool missing(const char* field) { return refuse_entry(std::string(field) + " is missing"); }
  bool refuse_entry(std::string what) {
    return refuse("tensor " + shown(entry_.view.name) + ": " + std::move(what));
  }
  bool wrong_place(const std::string& found) {
    switch (at_) {
      case At::document:
        return refuse("the header must be an object, not " + found);
      case At::tensor_key:
        return refuse_entry("its entry must be an object, not " + found);
      case At::dtype_key:
        return refuse_entry("dtype must be a string, not " + found);
      case At::shape_key:
        return refuse_entry("shape must be an array, not " + found);
      case At::shape:
        return refuse_entry("shape must hold whole numbers, not " + found);
      case At::offsets_key:
        return refuse_entry("data_offsets must be an array, not " + found);
      case At::offsets:
        return refuse_entry("data_offsets must hold whole numbers, not " + found);
      case At::metadata_key:
        return refuse("__metadata__ must be an object, not " + found);
      default:
        return refuse("__metadata__ must hold strings, not " + found);
    }
  }

  const SafetensorsLimits& limits_;
  At at_ = At::document;
  Entry entry_;
  bool dtype_ = false, shape_ = false, offsets_ = false, has_metadata_ = false;
  std::size_t offset_count_ = 0;
  std::set<std::string> names_, metadata_;
};

/// {"metadata": {…}, "weight_map": {"TENSOR": "FILE", …}}; other members are of no use to us.
class IndexReader final : public JsonEvents {
 public:
  explicit IndexReader(const SafetensorsLimits& limits) : limits_(limits) {}

  std::map<std::string, std::string> file_of;  // by tensor
  bool has_map = false;

  bool on_object() override {
    ++depth_;
    if (depth_ == 1 || skipping() || (depth_ == 2 && member_ == "weight_map")) return true;
    return wrong("an object");
  }
  bool on_object_end() override { return --depth_, true; }
  bool on_array() override {
    if (depth_ > 0 && skipping()) return ++depth_, true;
    return wrong("an array");
  }
  bool on_array_end() override { return --depth_, true; }
  bool on_key(std::string& key) override {
    if (depth_ == 1) {
      if (!members_.insert(key).second) return refuse(shown(key) + " stands twice");
      member_ = key;
      has_map |= key == "weight_map";
    } else if (!skipping()) {
      if (file_of.size() == limits_.tensors_max) {
        return refuse("weight_map names more tensors than the limit of " +
                      std::to_string(limits_.tensors_max));
      }
      const auto [place, fresh] = file_of.try_emplace(key);
      if (!fresh) return refuse("weight_map has " + shown(key) + " twice");
      tensor_ = place;
    }
    return true;
  }
  bool on_string(std::string& value) override {
    if (depth_ > 0 && skipping()) return true;
    if (depth_ != 2) return wrong("a string");
    if (!plain_name(value)) {
      return refuse("weight_map sends " + shown(tensor_->first) + " to " + shown(value) +
                    ", which is not the plain name of a .safetensors file in this folder");
    }
    tensor_->second = value;
    return true;
  }
  bool on_unsigned(std::uint64_t) override { return scalar("a number"); }
  bool on_bool(bool) override { return scalar("a boolean"); }
  bool on_null() override { return scalar("null"); }
  bool on_other_number(const std::string&) override { return scalar("a number"); }

 private:
  static bool plain_name(const std::string& name) {
    return name.ends_with(".safetensors") && name.front() != '.' && name.size() <= 255 &&
           name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
  }
  bool skipping() const { return member_ != "weight_map"; }
  bool scalar(const char* found) { return depth_ > 0 && skipping() ? true : wrong(found); }
  bool wrong(const char* found) {
    if (depth_ == 0) return refuse(std::string("the index must be an object, not ") + found);
    return refuse(std::string("weight_map must be an object of strings; it holds ") + found);
  }

  const SafetensorsLimits& limits_;
  std::size_t depth_ = 0;
  std::string member_;
  std::set<std::string> members_;
  std::map<std::string, std::string>::iterator tensor_;
};

/// product(shape) * dtype, or nothing when it passes 64 bits.
std::optional<std::uint64_t> byte_count(const TensorView& view) {
  std::uint64_t bytes = dtype_bytes(view.dtype);
  for (const std::uint64_t dimension : view.shape) {
    if (__builtin_mul_overflow(bytes, dimension, &bytes)) return std::nullopt;
  }
  return bytes;
}

std::string shape_text(std::span<const std::uint64_t> shape) {
  std::string out = "[";
  for (const std::uint64_t dimension : shape) {
    if (out.size() > 1) out += ", ";
    out += std::to_string(dimension);
  }
  return out + "]";
}

/// FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/.
std::uint64_t digest(std::uint64_t hash, std::span<const std::byte> bytes) {
  for (const std::byte b : bytes) hash = (hash ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3;
  return hash;
}

}  // namespace

struct Safetensors::Impl {
  std::vector<Mapping> files;
  std::vector<std::unique_ptr<float[]>> copies;  // of tensors that lie misaligned in their file
  std::vector<TensorView> tensors;               // by name
  std::uint64_t header_hash = 0xcbf29ce484222325;

  /// Checks one file and adds its tensors, unsorted. `file` must live as long as this.
  Result<void> add(std::span<const std::byte> file, std::string_view where,
                   const SafetensorsLimits& limits);
  void sort() {
    std::sort(tensors.begin(), tensors.end(),
              [](const TensorView& a, const TensorView& b) { return a.name < b.name; });
  }
  const TensorView* find(std::string_view name) const {
    const auto place =
        std::lower_bound(tensors.begin(), tensors.end(), name,
                         [](const TensorView& a, std::string_view b) { return a.name < b; });
    return place != tensors.end() && place->name == name ? &*place : nullptr;
  }
};

Result<void> Safetensors::Impl::add(std::span<const std::byte> file, std::string_view where,
                                    const SafetensorsLimits& limits) {
  if (file.size() < kLengthBytes) {
    return refuse(where, "is " + std::to_string(file.size()) +
                             " bytes long; the header length alone takes 8");
  }
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), kLengthBytes);
  if (header_bytes > limits.header_bytes_max) {
    return refuse(where, "at byte 0: a header of " + std::to_string(header_bytes) +
                             " bytes; the limit is " + std::to_string(limits.header_bytes_max));
  }
  if (header_bytes > file.size() - kLengthBytes) {
    return refuse(where, "at byte 0: a header of " + std::to_string(header_bytes) + " bytes ends " +
                             std::to_string(header_bytes - (file.size() - kLengthBytes)) +
                             " bytes past the file");
  }
  const std::string_view header(reinterpret_cast<const char*>(file.data()) + kLengthBytes,
                                header_bytes);
  if (header.empty() || header.front() != '{') {
    return refuse(where, "at byte 8: the header must begin with {");
  }
  HeaderReader reader(limits);
  if (auto read = JsonSource(reader, kDepthMax).read(header, where, kLengthBytes); !read) {
    return read;
  }
  if (reader.entries.size() > limits.tensors_max - tensors.size()) {
    return refuse(where, "more tensors than the limit of " + std::to_string(limits.tensors_max));
  }

  // The ranges must tile the data: a hole could hide a second file, an overlap aliases weights.
  auto& entries = reader.entries;
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.range.begin, a.range.end) < std::pair(b.range.begin, b.range.end);
  });
  const std::uint64_t data_begin = kLengthBytes + header_bytes;
  const std::uint64_t data_size = file.size() - data_begin;
  std::uint64_t covered = 0;
  for (Entry& entry : entries) {
    const std::uint64_t begin = entry.range.begin, end = entry.range.end;
    const auto refuse_entry = [&](const std::string& what) {
      // data_begin + begin cannot wrap where it is shown as a place in the file.
      const std::string place =
          begin <= data_size ? " at byte " + std::to_string(data_begin + begin) : "";
      return refuse(where, "tensor " + shown(entry.view.name) + place + ": " + what);
    };
    const std::string range = "[" + std::to_string(begin) + ", " + std::to_string(end) + "]";
    if (begin > end) return refuse_entry("data_offsets " + range + " end before they begin");
    if (end > data_size) {
      return refuse_entry("data_offsets " + range + " end " + std::to_string(end - data_size) +
                          " bytes past the file");
    }
    const auto bytes = byte_count(entry.view);
    if (!bytes || *bytes != end - begin) {
      return refuse_entry("shape " + shape_text(entry.view.shape) + " of " +
                          std::string(dtype_name(entry.view.dtype)) + " takes " +
                          (bytes ? std::to_string(*bytes) : "more than 2^64") +
                          " bytes; data_offsets give " + std::to_string(end - begin));
    }
    if (begin < covered) {
      return refuse_entry("overlaps the tensor before it by " + std::to_string(covered - begin) +
                          " bytes");
    }
    if (begin > covered) {
      return refuse_entry(std::to_string(begin - covered) + " bytes before it belong to no tensor");
    }
    covered = end;
    entry.view.data = file.subspan(data_begin + begin, end - begin);
  }
  if (covered != data_size) {
    return refuse(where, "at byte " + std::to_string(data_begin + covered) + ": " +
                             std::to_string(data_size - covered) +
                             " bytes at the end belong to no tensor");
  }

  for (Entry& entry : entries) {
    auto& data = entry.view.data;
    // Writers pad the header to 8 bytes and put wide types first, so this copies only odd files.
    if (reinterpret_cast<std::uintptr_t>(data.data()) % dtype_bytes(entry.view.dtype) != 0) {
      auto copy = std::make_unique<float[]>((data.size() + sizeof(float) - 1) / sizeof(float));
      std::memcpy(copy.get(), data.data(), data.size());
      data = std::span(reinterpret_cast<const std::byte*>(copy.get()), data.size());
      copies.push_back(std::move(copy));
    }
    tensors.push_back(std::move(entry.view));
  }
  header_hash = digest(header_hash, file.first(data_begin));
  return {};
}

Safetensors::Safetensors(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Safetensors::Safetensors(Safetensors&&) noexcept = default;
Safetensors& Safetensors::operator=(Safetensors&&) noexcept = default;
Safetensors::~Safetensors() = default;

Result<Safetensors> Safetensors::parse(std::span<const std::byte> file, std::string_view where,
                                       const SafetensorsLimits& limits) {
  auto impl = std::make_unique<Impl>();
  if (auto added = impl->add(file, where, limits); !added) {
    return tl::unexpected(std::move(added.error()));
  }
  impl->sort();
  return Safetensors(std::move(impl));
}

Result<Safetensors> Safetensors::open(const std::filesystem::path& path,
                                      const SafetensorsLimits& limits) {
  namespace fs = std::filesystem;
  std::error_code ignored;  // what cannot be examined is refused when it is opened
  fs::path file = path;
  if (fs::is_directory(path, ignored)) {
    file = path / "model.safetensors";
    if (!fs::exists(file, ignored)) file = path / "model.safetensors.index.json";
    if (!fs::exists(file, ignored)) {
      return refuse(path.string(), "has neither model.safetensors nor model.safetensors.index.json",
                    ErrorCode::not_found);
    }
  }
  auto impl = std::make_unique<Impl>();
  auto mapped = Mapping::open(file);
  if (!mapped) return tl::unexpected(std::move(mapped.error()));

  if (file.extension() != ".json") {
    const auto bytes = mapped->bytes();
    impl->files.push_back(std::move(*mapped));
    if (auto added = impl->add(bytes, file.string(), limits); !added) {
      return tl::unexpected(std::move(added.error()));
    }
    impl->sort();
    return Safetensors(std::move(impl));
  }

  const auto index_bytes = mapped->bytes();
  if (index_bytes.size() > limits.index_bytes_max) {
    return refuse(file.string(), "is " + std::to_string(index_bytes.size()) +
                                     " bytes long; the limit is " +
                                     std::to_string(limits.index_bytes_max));
  }
  IndexReader index(limits);
  const std::string_view text(reinterpret_cast<const char*>(index_bytes.data()),
                              index_bytes.size());
  if (auto read = JsonSource(index, kDepthMax).read(text, file.string()); !read) {
    return tl::unexpected(std::move(read.error()));
  }
  if (!index.has_map) return refuse(file.string(), "weight_map is missing");

  std::set<std::string> shards;
  for (const auto& [tensor, shard] : index.file_of) shards.insert(shard);
  if (shards.size() > limits.shards_max) {
    return refuse(file.string(), "weight_map names " + std::to_string(shards.size()) +
                                     " files; the limit is " + std::to_string(limits.shards_max));
  }
  for (const std::string& shard : shards) {
    const fs::path shard_path = file.parent_path() / shard;
    auto shard_mapped = Mapping::open(shard_path);
    if (!shard_mapped) return tl::unexpected(std::move(shard_mapped.error()));
    const auto bytes = shard_mapped->bytes();
    impl->files.push_back(std::move(*shard_mapped));
    const std::size_t first = impl->tensors.size();
    if (auto added = impl->add(bytes, shard_path.string(), limits); !added) {
      return tl::unexpected(std::move(added.error()));
    }
    // Each tensor is in the one shard the index names, so no name can stand in two shards.
    for (std::size_t i = first; i < impl->tensors.size(); ++i) {
      const auto entry = index.file_of.find(impl->tensors[i].name);
      if (entry == index.file_of.end() || entry->second != shard) {
        return refuse(shard_path.string(),
                      "holds tensor " + shown(impl->tensors[i].name) + ", which the index " +
                          (entry == index.file_of.end() ? "does not list"
                                                        : "places in " + shown(entry->second)));
      }
    }
  }
  impl->sort();
  for (const auto& [tensor, shard] : index.file_of) {
    if (impl->find(tensor) == nullptr) {
      return refuse((file.parent_path() / shard).string(),
                    "lacks tensor " + shown(tensor) + ", which the index places there");
    }
  }
  return Safetensors(std::move(impl));
}

const TensorView* Safetensors::find(std::string_view name) const { return impl_->find(name); }

Result<TensorView> Safetensors::require(std::string_view name,
                                        std::span<const std::uint64_t> shape) const {
  const TensorView* view = find(name);
  if (view == nullptr) {
    return refuse("weights", "tensor " + shown(name) + " of shape " + shape_text(shape) +
                                 " is missing; is config.json of the same model?");
  }
  if (!std::equal(shape.begin(), shape.end(), view->shape.begin(), view->shape.end())) {
    return refuse("weights", "tensor " + shown(name) + " has shape " + shape_text(view->shape) +
                                 "; config.json asks for " + shape_text(shape));
  }
  return *view;
}

std::span<const TensorView> Safetensors::tensors() const { return impl_->tensors; }

std::uint64_t Safetensors::data_bytes() const {
  std::uint64_t bytes = 0;
  for (const TensorView& tensor : impl_->tensors) bytes += tensor.data.size();
  return bytes;
}

std::string Safetensors::header_digest() const {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out += kHex[impl_->header_hash >> shift & 15];
  return out;
}

}  // namespace praxis::engine
