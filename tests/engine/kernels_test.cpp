// The kernels against f64 sums, and the three tiers against each other bit for bit.
#include "engine/cpu/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace praxis::engine::cpu {
namespace {

using Floats = std::vector<float>;

Floats random_floats(std::size_t n, unsigned seed, float scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  Floats out(n);
  for (float& v : out) v = normal(random);
  return out;
}

/// A matrix of one type and its values as f32.
struct TestMatrix {
  TestMatrix(std::size_t rows, std::size_t columns, Dtype dtype, unsigned seed)
      : values(random_floats(rows * columns, seed)) {
    bytes.resize(values.size() * dtype_bytes(dtype));
    for (std::size_t i = 0; i < values.size(); ++i) {
      auto bits = std::bit_cast<std::uint32_t>(values[i]);
      if (dtype == Dtype::bf16) {
        const auto half = static_cast<std::uint16_t>(bits >> 16);
        values[i] = std::bit_cast<float>(bits & 0xffff0000u);
        std::memcpy(bytes.data() + 2 * i, &half, 2);
      } else {
        std::memcpy(bytes.data() + 4 * i, &bits, 4);
      }
    }
    matrix = {bytes.data(), dtype, rows, columns};
  }
  Floats values;
  std::vector<std::byte> bytes;
  Matrix matrix;
};

Floats multiply(const Kernels& k, const TestMatrix& w, const Floats& x, std::size_t tokens,
                const std::uint32_t* x_rows = nullptr) {
  const std::size_t rows = w.matrix.rows, columns = w.matrix.columns;
  Floats y(tokens * rows, -1);
  k.product({w.matrix, x.data(), columns, x_rows, y.data(), rows, tokens, 0, rows});
  return y;
}

class EveryTier : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels() const { return *GetParam(); }
  static const Kernels& portable() { return *tiers().back(); }
};

INSTANTIATE_TEST_SUITE_P(Kernels, EveryTier, testing::ValuesIn(tiers().begin(), tiers().end()),
                         [](const auto& i) { return std::string(i.param->name); });

constexpr std::size_t kColumns[] = {1, 15, 16, 17, 40, 72, 1024, 1030, 2100};

TEST_P(EveryTier, ProductIsTheSumInF64AndTheSameBitsAsPortable) {
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    for (const std::size_t columns : kColumns) {
      const std::size_t rows = 19, tokens = 7;
      const TestMatrix w(rows, columns, dtype, 1);
      const Floats x = random_floats(tokens * columns, 2);
      const Floats y = multiply(kernels(), w, x, tokens);
      EXPECT_EQ(y, multiply(portable(), w, x, tokens)) << columns;
      for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t r = 0; r < rows; ++r) {
          double sum = 0, size = 0;
          for (std::size_t c = 0; c < columns; ++c) {
            const double term = double{w.values[r * columns + c]} * x[t * columns + c];
            sum += term;
            size += std::abs(term);
          }
          EXPECT_NEAR(y[t * rows + r], sum, size * 3e-7) << columns << " " << t << " " << r;
        }
      }
    }
  }
}

TEST_P(EveryTier, ProductRowIsTheSameInAnyCompany) {
  const std::size_t rows = 21, columns = 1042, tokens = 9;
  const TestMatrix w(rows, columns, Dtype::bf16, 3);
  const Floats x = random_floats(tokens * columns, 4);
  const Floats together = multiply(kernels(), w, x, tokens);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t r = 0; r < rows; ++r) {
      float alone = 0;
      kernels().product(
          {w.matrix.slice(r, 1), x.data() + t * columns, columns, nullptr, &alone, 1, 1, 0, 1});
      EXPECT_EQ(alone, together[t * rows + r]);
    }
  }
}

TEST_P(EveryTier, ProductReadsTheRowsItIsTold) {
  const std::size_t rows = 5, columns = 24;
  const TestMatrix w(rows, columns, Dtype::f32, 5);
  const Floats x = random_floats(6 * columns, 6);
  const std::uint32_t picked[] = {4, 0, 4};
  const Floats all = multiply(kernels(), w, x, 6), some = multiply(kernels(), w, x, 3, picked);
  for (std::size_t i = 0; i < 3; ++i) {
    const Floats expected(all.begin() + picked[i] * rows, all.begin() + (picked[i] + 1) * rows);
    EXPECT_EQ(Floats(some.begin() + i * rows, some.begin() + (i + 1) * rows), expected);
  }
}

TEST_P(EveryTier, ProductWritesOnlyItsRows) {
  const TestMatrix w(40, 16, Dtype::f32, 7);
  const Floats x = random_floats(16, 8);
  Floats y(40, -7);
  kernels().product({w.matrix, x.data(), 16, nullptr, y.data(), 40, 1, 3, 6});
  EXPECT_EQ(std::count(y.begin(), y.end(), -7.0f), 37);
  EXPECT_NE(y[3], -7);
  EXPECT_NE(y[5], -7);
}

TEST_P(EveryTier, TransposedProductAddsRowsInOrder) {
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    for (const std::size_t columns : {1u, 16u, 40u, 65u}) {
      const TestMatrix w(24, columns, dtype, 9);
      const Floats x = random_floats(24, 10);
      Floats y(columns, 0.5f), expected(columns, 0.5f);
      kernels().product_transposed(w.matrix, x.data(), y.data());
      for (std::size_t r = 0; r < 24; ++r) {
        for (std::size_t c = 0; c < columns; ++c) {
          expected[c] = std::fma(x[r], w.values[r * columns + c], expected[c]);
        }
      }
      EXPECT_EQ(y, expected);
    }
  }
}

struct AttendCase {
  std::size_t keys, key_width, value_width;
  Floats q, k, v;
  explicit AttendCase(std::size_t n, std::size_t kw = 24, std::size_t vw = 72)
      : keys(n),
        key_width(kw),
        value_width(vw),
        q(random_floats(5 * kw, 11)),
        k(random_floats(n * kw, 12)),
        v(random_floats(n * vw, 13)) {}

  /// Five queries; query i sees all keys but the last i. Blocks of kKeysPerBlock, as a timeline
  /// has.
  Floats run(const Kernels& kernels, std::size_t first = 0, std::size_t count = 5) const {
    Floats scores(count * kKeysPerBlock), max(count, -std::numeric_limits<float>::infinity()),
        sum(count);
    Floats out(count * value_width);
    std::vector<std::uint32_t> visible(count);
    for (std::size_t b = 0; b < keys; b += kKeysPerBlock) {
      const std::size_t here = std::min(keys - b, kKeysPerBlock);
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t sees = keys - (first + i);
        visible[i] = static_cast<std::uint32_t>(sees <= b ? 0 : std::min(sees - b, here));
      }
      Attend a;
      a.q = q.data() + first * key_width;
      a.queries = count;
      a.key_width = a.key_stride = a.q_stride = key_width;
      a.keys = k.data() + b * key_width;
      a.values = v.data() + b * value_width;
      a.value_stride = a.value_width = a.out_stride = value_width;
      a.count = here;
      a.visible = visible.data();
      a.scale = 0.3f;
      a.scores = scores.data();
      a.max = max.data();
      a.sum = sum.data();
      a.out = out.data();
      kernels.attend(a);
    }
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t c = 0; c < value_width; ++c) out[i * value_width + c] /= sum[i];
    }
    return out;
  }
};

TEST_P(EveryTier, AttendIsSoftmaxOverWhatIsVisible) {
  for (const std::size_t keys : {6u, 16u, 63u, 64u, 65u, 200u}) {
    const AttendCase c(keys);
    const Floats out = c.run(kernels());
    EXPECT_EQ(out, c.run(portable())) << keys;
    for (std::size_t i = 0; i < 5; ++i) {
      std::vector<double> p(keys - i), expected(c.value_width);
      double total = 0;
      for (std::size_t j = 0; j < p.size(); ++j) {
        double s = 0;
        for (std::size_t d = 0; d < c.key_width; ++d)
          s += double{c.q[i * c.key_width + d]} * c.k[j * c.key_width + d];
        total += p[j] = std::exp(0.3 * s);
      }
      for (std::size_t j = 0; j < p.size(); ++j) {
        for (std::size_t d = 0; d < c.value_width; ++d)
          expected[d] += p[j] / total * c.v[j * c.value_width + d];
      }
      for (std::size_t d = 0; d < c.value_width; ++d) {
        EXPECT_NEAR(out[i * c.value_width + d], expected[d], 2e-6) << keys << " " << i;
      }
    }
  }
}

TEST_P(EveryTier, AttendedQueryIsTheSameInAnyCompany) {
  const AttendCase c(150);
  const Floats together = c.run(kernels());
  for (std::size_t i = 0; i < 5; ++i) {
    const Floats expected(together.begin() + i * c.value_width,
                          together.begin() + (i + 1) * c.value_width);
    EXPECT_EQ(c.run(kernels(), i, 1), expected);
  }
}

TEST_P(EveryTier, ElementwiseKernelsAgreeWithF64AndPortable) {
  for (const std::size_t n : {1u, 16u, 33u, 1500u}) {
    const Floats x = random_floats(n, 14, 8), other = random_floats(n, 15);
    const auto same = [&](auto run) {
      const Floats y = run(kernels());
      EXPECT_EQ(y, run(portable())) << n;
      return y;
    };
    const Floats silu = same([&](const Kernels& k) {
      Floats y = x;
      k.silu_multiply(y.data(), other.data(), n);
      return y;
    });
    const Floats sigmoid = same([&](const Kernels& k) {
      Floats y(n);
      k.sigmoid(x.data(), n, y.data());
      return y;
    });
    const Floats norm = same([&](const Kernels& k) {
      Floats y(n);
      k.rms_norm(x.data(), other.data(), 1e-6f, n, y.data());
      return y;
    });
    const Floats added = same([&](const Kernels& k) {
      Floats y = other;
      k.add_scaled(x.data(), 0.7f, n, y.data());
      return y;
    });
    const Floats scaled = same([&](const Kernels& k) {
      Floats y(n);
      k.scale(x.data(), 0.7f, n, y.data());
      return y;
    });
    double squares = 0;
    for (float v : x) squares += double{v} * v;
    const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-6);
    for (std::size_t i = 0; i < n; ++i) {
      const double s = 1 / (1 + std::exp(-double{x[i]}));
      EXPECT_NEAR(silu[i], x[i] * s * other[i], std::abs(x[i] * s * other[i]) * 4e-7);
      EXPECT_NEAR(sigmoid[i], s, s * 3e-7);
      EXPECT_NEAR(norm[i], x[i] * scale * other[i], std::abs(x[i] * scale * other[i]) * 4e-7);
      EXPECT_EQ(added[i], std::fma(x[i], 0.7f, other[i]));
      EXPECT_EQ(scaled[i], x[i] * 0.7f);
    }
  }
}

TEST_P(EveryTier, SigmoidHoldsFarOutAndPassesNan) {
  const Floats x = {-1000, -88, 0, 88, 1000, std::numeric_limits<float>::quiet_NaN()};
  Floats y(x.size());
  kernels().sigmoid(x.data(), x.size(), y.data());
  EXPECT_LT(y[0], 1e-37f);
  EXPECT_GE(y[0], 0);
  EXPECT_EQ(y[2], 0.5f);
  EXPECT_EQ(y[3], 1);
  EXPECT_EQ(y[4], 1);
  EXPECT_TRUE(std::isnan(y[5]));
}

TEST_P(EveryTier, WidenKeepsValues) {
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    const TestMatrix w(3, 37, dtype, 16);
    Floats y(37);
    kernels().widen(w.matrix, 2, y.data());
    EXPECT_EQ(y, Floats(w.values.begin() + 74, w.values.end()));
  }
}

}  // namespace
}  // namespace praxis::engine::cpu
