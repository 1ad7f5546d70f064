// The kernels, once, over a tier's `V`: a vector of 16 floats. No include guard on purpose: each
// tier's .cpp defines V in its own namespace and includes this file there. Nothing here calls a
// library function, so no code built for one instruction set can be picked by another tier.
//
// V offers: zero, all(f), load(p), load(p, n), load_bf16(p), load_bf16(p, n) (n in 1..16, lanes
// past n are 0), store(p), store(p, n), fma(a, b, c) = a*b + c, add, sub, mul, div, larger(a, b) =
// a > b ? a : b, smaller(a, b) = a < b ? a : b, fold(v) = the sum of the lanes, largest(v),
// fold16(v[16]) = the folds of 16 vectors, shift_exponent(v, t) = v * 2^(the integer that t's low
// mantissa bits hold).

static inline const std::byte* row_of(const Matrix& w, std::size_t r) {
  return w.data + r * w.columns * (w.dtype == Dtype::f32 ? 4 : 2);
}

static inline std::size_t lanes_left(std::size_t n) { return n < kLanes ? n : kLanes; }

template <bool Bf16>
static inline V load_weights(const std::byte* p, std::size_t k) {
  if constexpr (Bf16) return V::load_bf16(p + 2 * k);
  else return V::load(reinterpret_cast<const float*>(p) + k);
}

template <bool Bf16>
static inline V load_weights(const std::byte* p, std::size_t k, std::size_t n) {
  if constexpr (Bf16) return V::load_bf16(p + 2 * k, n);
  else return V::load(reinterpret_cast<const float*>(p) + k, n);
}

// R weight rows by T input rows, R * T = 16, so that the 16 sums leave in one vector, row-major by
// token: sums[t * R + r].
template <bool Bf16, int R, int T>
static inline void product_tile(const std::byte* const* w, const float* const* x, std::size_t n,
                                float* sums) {
  static_assert(R * T == 16);
  V total = V::zero();
  for (std::size_t begin = 0; begin < n; begin += kSegment) {
    const std::size_t end = n - begin > kSegment ? begin + kSegment : n;
    V acc[16];
    for (int i = 0; i < 16; ++i) acc[i] = V::zero();
    std::size_t k = begin;
    for (; k + kLanes <= end; k += kLanes) {
      V xs[T];
      for (int t = 0; t < T; ++t) xs[t] = V::load(x[t] + k);
      for (int r = 0; r < R; ++r) {
        const V ws = load_weights<Bf16>(w[r], k);
        for (int t = 0; t < T; ++t) acc[t * R + r] = V::fma(ws, xs[t], acc[t * R + r]);
      }
    }
    if (k < end) {
      V xs[T];
      for (int t = 0; t < T; ++t) xs[t] = V::load(x[t] + k, end - k);
      for (int r = 0; r < R; ++r) {
        const V ws = load_weights<Bf16>(w[r], k, end - k);
        for (int t = 0; t < T; ++t) acc[t * R + r] = V::fma(ws, xs[t], acc[t * R + r]);
      }
    }
    total = V::add(total, V::fold16(acc));
  }
  total.store(sums);
}

// T input rows against all the rows asked for. Past the last row the tile repeats it and the
// surplus sums are dropped.
template <bool Bf16, int T>
static inline void product_rows(const Product& p, std::size_t token, std::size_t row_begin,
                                std::size_t row_end) {
  constexpr int R = 16 / T;
  const float* x[T];
  for (int t = 0; t < T; ++t) {
    const std::size_t row = p.x_rows ? p.x_rows[token + t] : token + t;
    x[t] = p.x + row * p.x_stride;
  }
  for (std::size_t r = row_begin; r < row_end; r += R) {
    const std::size_t rows = row_end - r < R ? row_end - r : R;
    const std::byte* w[R];
    for (std::size_t i = 0; i < R; ++i) w[i] = row_of(p.w, r + (i < rows ? i : rows - 1));
    alignas(64) float sums[16];
    product_tile<Bf16, R, T>(w, x, p.w.columns, sums);
    for (int t = 0; t < T; ++t) {
      float* y = p.y + (token + t) * p.y_stride + r;
      for (std::size_t i = 0; i < rows; ++i) y[i] = sums[t * R + i];
    }
  }
}

// A block of weight rows stays in the cache while every token passes over it.
template <bool Bf16>
static inline void product_blocks(const Product& p) {
  constexpr std::size_t kRows = 32;
  for (std::size_t begin = p.row_begin; begin < p.row_end; begin += kRows) {
    const std::size_t end = p.row_end - begin > kRows ? begin + kRows : p.row_end;
    std::size_t t = 0;
    for (; t + 4 <= p.tokens; t += 4) product_rows<Bf16, 4>(p, t, begin, end);
    if (t + 2 <= p.tokens) {
      product_rows<Bf16, 2>(p, t, begin, end);
      t += 2;
    }
    if (t < p.tokens) product_rows<Bf16, 1>(p, t, begin, end);
  }
}

static void product(const Product& p) {
  if (p.w.dtype == Dtype::bf16) product_blocks<true>(p);
  else product_blocks<false>(p);
}

template <bool Bf16>
static inline void product_transposed_as(const Matrix& w, const float* x, float* y) {
  for (std::size_t c = 0; c < w.columns; c += kLanes) {
    const std::size_t n = lanes_left(w.columns - c);
    V acc = V::load(y + c, n);
    for (std::size_t r = 0; r < w.rows; ++r) {
      acc = V::fma(V::all(x[r]), load_weights<Bf16>(row_of(w, r), c, n), acc);
    }
    acc.store(y + c, n);
  }
}

static void product_transposed(const Matrix& w, const float* x, float* y) {
  if (w.dtype == Dtype::bf16) product_transposed_as<true>(w, x, y);
  else product_transposed_as<false>(w, x, y);
}

// e^x to about 1 ulp for x in [-87.3, 88.7], clamped outside. x = n ln2 + r with |r| <= ln2/2
// (Cody, Waite 1980, ln2 in two parts), then the Taylor series to r^7, whose remainder is 5e-9.
static inline V exponential(V x) {
  x = V::smaller(V::all(88.7f), V::larger(V::all(-87.3f), x));
  const V magic = V::all(12582912.0f);  // 1.5 * 2^23: adding it leaves round(v) in the low bits
  const V t = V::fma(x, V::all(1.44269504f), magic);
  const V n = V::sub(t, magic);
  V r = V::fma(n, V::all(-0.693359375f), x);
  r = V::fma(n, V::all(2.12194440e-4f), r);
  V p = V::all(1.0f / 5040);
  p = V::fma(p, r, V::all(1.0f / 720));
  p = V::fma(p, r, V::all(1.0f / 120));
  p = V::fma(p, r, V::all(1.0f / 24));
  p = V::fma(p, r, V::all(1.0f / 6));
  p = V::fma(p, r, V::all(0.5f));
  p = V::fma(p, r, V::all(1.0f));
  p = V::fma(p, r, V::all(1.0f));
  return V::shift_exponent(p, t);
}

static inline float exponential_of(float x) {
  alignas(64) float e[kLanes];
  exponential(V::all(x)).store(e);
  return e[0];
}

// Adds the block's weighted values to one query's output; the weights are p[0, visible).
static inline void add_values(const Attend& a, const float* p, std::size_t visible,
                              float correction, float* out) {
  std::size_t c = 0;
  for (; c + 4 * kLanes <= a.value_width; c += 4 * kLanes) {
    V s0 = V::zero(), s1 = V::zero(), s2 = V::zero(), s3 = V::zero();
    for (std::size_t j = 0; j < visible; ++j) {
      const float* v = a.values + j * a.value_stride + c;
      const V w = V::all(p[j]);
      s0 = V::fma(w, V::load(v), s0);
      s1 = V::fma(w, V::load(v + kLanes), s1);
      s2 = V::fma(w, V::load(v + 2 * kLanes), s2);
      s3 = V::fma(w, V::load(v + 3 * kLanes), s3);
    }
    const V keep = V::all(correction);
    V::fma(V::load(out + c), keep, s0).store(out + c);
    V::fma(V::load(out + c + kLanes), keep, s1).store(out + c + kLanes);
    V::fma(V::load(out + c + 2 * kLanes), keep, s2).store(out + c + 2 * kLanes);
    V::fma(V::load(out + c + 3 * kLanes), keep, s3).store(out + c + 3 * kLanes);
  }
  for (; c < a.value_width; c += kLanes) {
    const std::size_t n = lanes_left(a.value_width - c);
    V s = V::zero();
    for (std::size_t j = 0; j < visible; ++j) {
      s = V::fma(V::all(p[j]), V::load(a.values + j * a.value_stride + c, n), s);
    }
    V::fma(V::load(out + c, n), V::all(correction), s).store(out + c, n);
  }
}

// scores[q][j] = q . key_j: a product with the keys as weights, tiled the same way.
template <int T>
static inline void score(const Attend& a, std::size_t query) {
  constexpr std::size_t R = 16 / T;
  const float* x[T];
  std::size_t visible = 0;
  for (std::size_t t = 0; t < T; ++t) {
    x[t] = a.q + (query + t) * a.q_stride;
    if (a.visible[query + t] > visible) visible = a.visible[query + t];
  }
  for (std::size_t j = 0; j < visible; j += R) {
    const std::byte* keys[R];
    for (std::size_t i = 0; i < R; ++i) {
      const std::size_t key = j + i < a.count ? j + i : a.count - 1;
      keys[i] = reinterpret_cast<const std::byte*>(a.keys + key * a.key_stride);
    }
    alignas(64) float sums[16];
    product_tile<false, R, T>(keys, x, a.key_width, sums);
    for (std::size_t t = 0; t < T; ++t) {
      float* s = a.scores + (query + t) * kKeysPerBlock + j;
      for (std::size_t i = 0; i < R; ++i) s[i] = sums[t * R + i];
    }
  }
}

static void attend(const Attend& a) {
  std::size_t query = 0;
  for (; query + 4 <= a.queries; query += 4) score<4>(a, query);
  if (query + 2 <= a.queries) {
    score<2>(a, query);
    query += 2;
  }
  if (query < a.queries) score<1>(a, query);

  for (std::size_t q = 0; q < a.queries; ++q) {
    const std::size_t visible = a.visible[q];
    if (visible == 0) continue;
    float* s = a.scores + q * kKeysPerBlock;
    const std::size_t padded = (visible + kLanes - 1) / kLanes * kLanes;
    for (std::size_t j = visible; j < padded; ++j) s[j] = s[0];  // leaves the maximum as it is
    V best = V::all(a.max[q]);
    for (std::size_t j = 0; j < padded; j += kLanes) {
      const V scaled = V::mul(V::load(s + j), V::all(a.scale));
      scaled.store(s + j);
      best = V::larger(scaled, best);
    }
    const float high = V::largest(best);
    for (std::size_t j = 0; j < padded; j += kLanes) {
      exponential(V::sub(V::load(s + j), V::all(high))).store(s + j);
    }
    for (std::size_t j = visible; j < padded; ++j) s[j] = 0;
    V mass = V::zero();
    for (std::size_t j = 0; j < padded; j += kLanes) mass = V::add(mass, V::load(s + j));
    // Before the first block max is -infinity, whose exponential the clamp would not make 0.
    const float correction = a.sum[q] == 0 ? 0 : exponential_of(a.max[q] - high);
    a.sum[q] = a.sum[q] * correction + V::fold(mass);
    a.max[q] = high;
    add_values(a, s, visible, correction, a.out + q * a.out_stride);
  }
}

static void rms_norm(const float* x, const float* weight, float epsilon, std::size_t n, float* y) {
  float squares = 0;
  for (std::size_t begin = 0; begin < n; begin += kSegment) {
    const std::size_t end = n - begin > kSegment ? begin + kSegment : n;
    V acc = V::zero();
    for (std::size_t i = begin; i < end; i += kLanes) {
      const V v = V::load(x + i, lanes_left(end - i));
      acc = V::fma(v, v, acc);
    }
    squares += V::fold(acc);
  }
  const float mean = squares / static_cast<float>(n) + epsilon;
  const V scale = V::all(1.0f / __builtin_sqrtf(mean));
  for (std::size_t i = 0; i < n; i += kLanes) {
    const std::size_t m = lanes_left(n - i);
    V::mul(V::mul(V::load(x + i, m), scale), V::load(weight + i, m)).store(y + i, m);
  }
}

static inline V sigmoid_of(V x) {
  const V one = V::all(1.0f);
  return V::div(one, V::add(one, exponential(V::sub(V::zero(), x))));
}

static void silu_multiply(float* gate, const float* up, std::size_t n) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    const std::size_t m = lanes_left(n - i);
    const V g = V::load(gate + i, m);
    const V e = exponential(V::sub(V::zero(), g));
    const V silu = V::div(g, V::add(V::all(1.0f), e));
    V::mul(silu, V::load(up + i, m)).store(gate + i, m);
  }
}

static void add_scaled(const float* x, float scale, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    const std::size_t m = lanes_left(n - i);
    V::fma(V::load(x + i, m), V::all(scale), V::load(y + i, m)).store(y + i, m);
  }
}

static void scale_by(const float* x, float scale, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    const std::size_t m = lanes_left(n - i);
    V::mul(V::load(x + i, m), V::all(scale)).store(y + i, m);
  }
}

static void sigmoid(const float* x, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    const std::size_t m = lanes_left(n - i);
    sigmoid_of(V::load(x + i, m)).store(y + i, m);
  }
}

static void widen(const Matrix& w, std::size_t row, float* y) {
  const std::byte* p = row_of(w, row);
  for (std::size_t i = 0; i < w.columns; i += kLanes) {
    const std::size_t m = lanes_left(w.columns - i);
    if (w.dtype == Dtype::bf16) V::load_bf16(p + 2 * i, m).store(y + i, m);
    else V::load(reinterpret_cast<const float*>(p) + i, m).store(y + i, m);
  }
}

static constexpr Kernels kernels_named(const char* name) {
  return {name,          product,    product_transposed, attend,  rms_norm,
          silu_multiply, add_scaled, scale_by,           sigmoid, widen};
}
