#include "engine/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <utility>

namespace praxis::engine {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

const fs::path kTiny = PRAXIS_SOURCE_DIR "/examples/tiny_r1/model";

std::string file_of(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t size = header.size();
  std::string file(reinterpret_cast<const char*>(&size), sizeof size);
  file += header;
  for (std::size_t i = 0; i < data_bytes; ++i) file += static_cast<char>(i);
  return file;
}

/// Reads `file` where the page after its last byte cannot be touched: a read outside is a crash.
class Fenced {
 public:
  explicit Fenced(std::string_view file) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t room = (file.size() + page - 1) / page * page;
    size_ = room + page;
    base_ = static_cast<char*>(
        ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    bytes_ = std::span(reinterpret_cast<std::byte*>(base_ + room - file.size()), file.size());
    if (!file.empty()) std::memcpy(bytes_.data(), file.data(), file.size());
    ::mprotect(base_ + room, page, PROT_NONE);
  }
  ~Fenced() { ::munmap(base_, size_); }
  Fenced(const Fenced&) = delete;
  Fenced& operator=(const Fenced&) = delete;
  std::span<std::byte> bytes() const { return bytes_; }

 private:
  char* base_ = nullptr;
  std::size_t size_ = 0;
  std::span<std::byte> bytes_;
};

/// Reads every byte of every tensor.
unsigned checksum(const Safetensors& weights) {
  unsigned sum = 0;
  for (const TensorView& tensor : weights.tensors()) {
    for (const std::byte b : tensor.data) sum = sum * 31 + std::to_integer<unsigned>(b);
  }
  return sum;
}

/// What refuses the file, or "" when it loads.
std::string refusal(const std::string& file, const SafetensorsLimits& limits = {}) {
  const Fenced fenced(file);
  const auto weights = Safetensors::parse(fenced.bytes(), "w.safetensors", limits);
  if (!weights) {
    EXPECT_EQ(weights.error().where, "w.safetensors");
    return weights.error().what;
  }
  checksum(*weights);
  return "";
}

std::string refusal_of_header(const std::string& header, std::size_t data_bytes) {
  return refusal(file_of(header, data_bytes));
}

constexpr char kTwo[] = R"({"__metadata__":{"format":"pt"},)"
                        R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                        R"("b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}})";
constexpr std::size_t kTwoBytes = 32;

/// A folder of its own for each test, gone with it.
class Folder {
 public:
  Folder() {
    std::string name = testing::TempDir() + "praxis_safetensors_XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const fs::path& path() const { return path_; }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }

 private:
  fs::path path_;
};

TEST(Safetensors, ReadsTheShippedModel) {
  const auto weights = Safetensors::open(kTiny);
  ASSERT_TRUE(weights) << weights.error().what;
  const auto head = weights->require("lm_head.weight", {1024, 192});
  ASSERT_TRUE(head) << head.error().what;
  EXPECT_EQ(head->dtype, Dtype::bf16);
  EXPECT_EQ(head->size(), 1024u * 192u);
  EXPECT_EQ(head->data.size(), 1024u * 192u * 2);
  EXPECT_EQ(weights->header_digest().size(), 16u);
}

TEST(Safetensors, HandsOutNamesShapesAndBytes) {
  const std::string file = file_of(kTwo, kTwoBytes);
  const Fenced fenced(file);
  const auto weights = Safetensors::parse(fenced.bytes(), "w");
  ASSERT_TRUE(weights) << weights.error().what;
  ASSERT_EQ(weights->tensors().size(), 2u);
  EXPECT_EQ(weights->data_bytes(), kTwoBytes);
  const TensorView* b = weights->find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->dtype, Dtype::bf16);
  EXPECT_EQ(b->shape, std::vector<std::uint64_t>{4});
  EXPECT_EQ(std::to_integer<int>(b->data[0]), 24);
  EXPECT_EQ(weights->find("c"), nullptr);
}

TEST(Safetensors, RequireNamesTheTensorAndBothShapes) {
  const std::string file = file_of(kTwo, kTwoBytes);
  const Fenced fenced(file);
  const auto weights = Safetensors::parse(fenced.bytes(), "w");
  ASSERT_TRUE(weights);
  EXPECT_THAT(weights->require("a", {3, 2}).error().what,
              HasSubstr("tensor a has shape [2, 3]; config.json asks for [3, 2]"));
  EXPECT_THAT(weights->require("c", {1}).error().what,
              HasSubstr("tensor c of shape [1] is missing"));
}

TEST(Safetensors, MisalignedTensorsAreCopiedToAlignedMemory) {
  // An odd header length and a BF16 tensor of one element in front put the F32 data off by two.
  std::string header = R"({"h":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]},)"
                       R"("w":{"dtype":"F32","shape":[2],"data_offsets":[2,10]}})";
  for (int padding = 0; padding < 8; ++padding, header += ' ') {
    const std::string file = file_of(header, 10);
    const Fenced fenced(file);
    const auto weights = Safetensors::parse(fenced.bytes(), "w");
    ASSERT_TRUE(weights) << weights.error().what;
    for (const TensorView& tensor : weights->tensors()) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data.data()) % dtype_bytes(tensor.dtype),
                0u);
    }
    EXPECT_EQ(std::memcmp(weights->find("w")->data.data(), file.data() + file.size() - 8, 8), 0);
  }
}

TEST(Safetensors, ATensorMayBeEmptyOrAScalar) {
  EXPECT_EQ(refusal_of_header(R"({"e":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},)"
                              R"("s":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
                              4),
            "");
  EXPECT_EQ(refusal_of_header("{}", 0), "");
}

TEST(Safetensors, RefusalsNameTheTensorTheFieldAndTheByte) {
  const auto one = [](const std::string& fields) { return "{\"w\":{" + fields + "}}"; };
  struct Case {
    std::string header;
    std::size_t data_bytes;
    const char* expected;
  };
  const Case cases[] = {
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0,9])"), 8, "end 1 bytes past the file"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), 4, "takes 8 bytes"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[8,4])"), 8, "end before they begin"},
      {one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])"), 0,
       "more than 2^64 bytes"},
      {one(R"("dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4])"), 4,
       "more than 2^64 bytes"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551615])"),
       8, "bytes past the file"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"), 8,
       "4 bytes before it belong to no tensor"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"), 7,
       "3 bytes at the end belong to no tensor"},
      {one(R"("dtype":"I64","shape":[1],"data_offsets":[0,8])"), 8, "dtype I64 is not one of"},
      {one(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])"), 4,
       "shape must hold whole numbers, not the number 1.0"},
      {one(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), 4, "not the number -1"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0])"), 4, "data_offsets holds 1 numbers"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,2,4])"), 4, "holds 3 numbers"},
      {one(R"("dtype":"F32","shape":[1])"), 4, "data_offsets is missing"},
      {one(R"("shape":[1],"data_offsets":[0,4])"), 4, "dtype is missing"},
      {one(R"("dtype":"F32","data_offsets":[0,4])"), 4, "shape is missing"},
      {one(R"("dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4])"), 4,
       "field dtype stands twice"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1)"), 4, "unknown field x"},
      {one(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4])"), 4,
       "more dimensions than the limit of 8"},
      {one(R"("dtype":"F32","shape":[[1]],"data_offsets":[0,4])"), 4, "not an array"},
      {R"({"w":[]})", 0, "its entry must be an object, not an array"},
      {R"({"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4, "empty name"},
      {R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
       R"("w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       8, "tensor w stands twice"},
      {R"({"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
       12, "tensor w at byte 120: overlaps the tensor before it by 4 bytes"},
      {R"({"__metadata__":{"a":1}})", 0, "__metadata__ must hold strings, not a number"},
      {R"({"__metadata__":{"a":"b","a":"c"}})", 0, "__metadata__ has a twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "__metadata__ stands twice"},
      {R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})", 4, "not valid JSON"},
      {R"([])", 0, "at byte 8: the header must begin with {"},
      {R"({} {})", 0, "not valid JSON"},
      {R"( {})", 0, "must begin with {"},
      {"{\"w\xff\":1}", 0, "not valid JSON"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(refusal_of_header(c.header, c.data_bytes), HasSubstr(c.expected)) << c.header;
  }
}

TEST(Safetensors, LimitsAreNamed) {
  SafetensorsLimits limits;
  limits.header_bytes_max = 20;
  EXPECT_THAT(refusal(file_of(kTwo, kTwoBytes), limits), HasSubstr("the limit is 20"));
  limits = {};
  limits.tensors_max = 1;
  EXPECT_THAT(refusal(file_of(kTwo, kTwoBytes), limits), HasSubstr("the limit of 1"));
  limits = {};
  limits.name_bytes_max = 0;
  EXPECT_THAT(refusal(file_of(kTwo, kTwoBytes), limits), HasSubstr("the limit is 0"));
}

TEST(Safetensors, DeepNestingIsRefusedBeforeItCostsAnything) {
  std::string header = "{\"w\":";
  header += std::string(1'000'000, '[');
  EXPECT_THAT(refusal_of_header(header, 0), HasSubstr("its entry must be an object"));
}

TEST(Safetensors, NoFlippedHeaderByteCrashesOrReadsOutside) {
  const std::string whole = file_of(kTwo, kTwoBytes);
  const std::size_t header_end = whole.size() - kTwoBytes;
  std::size_t loaded = 0, refused = 0;
  std::string file = whole;
  for (std::size_t at = 0; at < header_end; ++at) {
    for (int value = 0; value < 256; ++value) {
      file[at] = static_cast<char>(value);
      (refusal(file).empty() ? loaded : refused) += 1;
    }
    file[at] = whole[at];
  }
  EXPECT_GT(loaded, header_end);  // each byte as it was, and other names and metadata
  EXPECT_GT(refused, 200 * header_end);
}

TEST(Safetensors, NoCutFileCrashesOrReadsOutside) {
  const std::string whole = file_of(kTwo, kTwoBytes);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(refusal(whole.substr(0, size)), "") << size;
  }
  // The header length alone, cut and stretched.
  for (std::uint64_t size = 0; size < whole.size() + 64; ++size) {
    std::string file = whole;
    std::memcpy(file.data(), &size, sizeof size);
    if (size != whole.size() - kTwoBytes - 8) {
      EXPECT_NE(refusal(file), "") << size;
    }
  }
  for (int bit = 8; bit < 64; ++bit) {
    const std::uint64_t size = std::uint64_t{1} << bit;
    std::string file = whole;
    std::memcpy(file.data(), &size, sizeof size);
    EXPECT_NE(refusal(file), "") << size;
  }
}

TEST(Safetensors, TheDigestFollowsTheHeaderNotTheWeights) {
  const auto digest = [](const std::string& file) {
    const Fenced fenced(file);
    return Safetensors::parse(fenced.bytes(), "w")->header_digest();
  };
  std::string file = file_of(kTwo, kTwoBytes);
  const std::string before = digest(file);
  file.back() ^= 1;
  EXPECT_EQ(digest(file), before);
  EXPECT_NE(digest(file_of(std::string(kTwo) + " ", kTwoBytes)), before);
}

TEST(Safetensors, MissingAndOddPathsAreNamed) {
  const Folder folder;
  const auto missing = Safetensors::open(folder.path() / "none.safetensors");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  const auto empty = Safetensors::open(folder.path());
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, ErrorCode::not_found);
  EXPECT_THAT(empty.error().what, HasSubstr("model.safetensors"));
  folder.write("model.safetensors", "");
  EXPECT_THAT(Safetensors::open(folder.path()).error().what, HasSubstr("0 bytes long"));
  ASSERT_EQ(::mkfifo((folder.path() / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(Safetensors::open(folder.path() / "pipe").error().what,
              HasSubstr("not a regular file"));
}

constexpr char kOnlyA[] = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
constexpr char kOnlyB[] = R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";

TEST(SafetensorsShards, AreReadThroughTheirIndex) {
  const Folder folder;
  folder.write("one.safetensors", file_of(kOnlyA, 4));
  folder.write("two.safetensors", file_of(kOnlyB, 4));
  folder.write("model.safetensors.index.json",
               R"({"metadata":{"total_size":8,"x":[1,{"y":null}]},"other":[true,-1.5],)"
               R"("weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
  auto weights = Safetensors::open(folder.path());
  ASSERT_TRUE(weights) << weights.error().what;
  EXPECT_EQ(weights->tensors().size(), 2u);
  EXPECT_TRUE(weights->require("a", {1}));
  EXPECT_TRUE(weights->require("b", {1}));
  const unsigned sum = checksum(*weights);
  const Safetensors moved = std::move(*weights);  // views stay good
  EXPECT_EQ(checksum(moved), sum);
}

TEST(SafetensorsShards, EveryBadIndexIsRefusedByName) {
  const Folder folder;
  folder.write("one.safetensors", file_of(kOnlyA, 4));
  folder.write("two.safetensors", file_of(kOnlyB, 4));
  const std::pair<const char*, const char*> cases[] = {
      {R"({"weight_map":{"a":"../one.safetensors"}})", "not the plain name"},
      {R"({"weight_map":{"a":"/etc/one.safetensors"}})", "not the plain name"},
      {R"({"weight_map":{"a":"sub\\one.safetensors"}})", "not the plain name"},
      {R"({"weight_map":{"a":"one.safetensors\u0000.safetensors"}})", "not the plain name"},
      {R"({"weight_map":{"a":".safetensors"}})", "not the plain name"},
      {R"({"weight_map":{"a":""}})", "not the plain name"},
      {R"({"weight_map":{"a":"passwd"}})", "not the plain name"},
      {R"({"weight_map":{"a":"one.safetensors","a":"one.safetensors"}})", "has a twice"},
      {R"({"weight_map":{},"weight_map":{}})", "weight_map stands twice"},
      {R"({"weight_map":{"a":1}})", "weight_map must be an object of strings"},
      {R"({"weight_map":{"a":{}}})", "weight_map must be an object of strings"},
      {R"({"weight_map":["a"]})", "weight_map must be an object of strings"},
      {R"({"weight_map":null})", "weight_map must be an object of strings"},
      {R"({"metadata":{}})", "weight_map is missing"},
      {R"([])", "the index must be an object"},
      {R"({"m":[[[[[[[[[[]]]]]]]]]]})", "the limit is 8"},
      {R"({"weight_map":{"a":"three.safetensors"}})", "cannot be opened"},
      {R"({"weight_map":{"b":"one.safetensors"}})",
       "holds tensor a, which the index does not list"},
      {R"({"weight_map":{"a":"two.safetensors","b":"two.safetensors"}})",
       "lacks tensor a, which the index places there"},
      {R"({"weight_map":{"a":"two.safetensors","b":"one.safetensors"}})",
       "holds tensor a, which the index places in two.safetensors"},
      {R"({"weight_map":{"a":"one.safetensors")", "not valid JSON"},
  };
  for (const auto& [index, expected] : cases) {
    folder.write("model.safetensors.index.json", index);
    const auto weights = Safetensors::open(folder.path());
    ASSERT_FALSE(weights) << index;
    EXPECT_THAT(weights.error().what, HasSubstr(expected)) << index;
    EXPECT_THAT(weights.error().where, StartsWith(folder.path().string())) << index;
  }
}

}  // namespace
}  // namespace praxis::engine
