// Row-wise operations of the trainer for one CPU core, called from fused.py through ctypes.
// Activations are bfloat16 (bf), statistics and the residual stream float32. Row counts come first.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

using bf = uint16_t;
using i64 = int64_t;

static inline float wide(bf x) {
  uint32_t bits = uint32_t(x) << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

static inline bf narrow(float f) {  // round to nearest even
  uint32_t bits;
  memcpy(&bits, &f, 4);
  bits += 0x7fff + ((bits >> 16) & 1);
  return bf(bits >> 16);
}

static inline float sigmoid(float x) { return 1 / (1 + expf(-x)); }

extern "C" {

// y = x / rms(x) * gain. x (rows, width) f32, y bf16, inverse (rows).
void norm_forward(i64 rows, i64 width, const float* x, const float* gain, bf* y, float* inverse) {
  for (i64 r = 0; r < rows; r++, x += width, y += width) {
    float sum = 0;
    for (i64 i = 0; i < width; i++) sum += x[i] * x[i];
    const float inv = 1 / sqrtf(sum / width + 1e-6f);
    inverse[r] = inv;
    for (i64 i = 0; i < width; i++) y[i] = narrow(x[i] * inv * gain[i]);
  }
}

// dgain is added to.
void norm_backward(i64 rows, i64 width, const float* x, const float* gain, const float* inverse, const bf* dy,
                   float* dx, float* dgain) {
  for (i64 r = 0; r < rows; r++, x += width, dy += width, dx += width) {
    const float inv = inverse[r];
    float dot = 0;
    for (i64 i = 0; i < width; i++) dot += wide(dy[i]) * gain[i] * x[i];
    dot *= inv * inv * inv / width;
    for (i64 i = 0; i < width; i++) {
      const float d = wide(dy[i]);
      dgain[i] += d * x[i] * inv;
      dx[i] = d * gain[i] * inv - x[i] * dot;
    }
  }
}

// gate_up (rows, 2 * width) -> out (rows, width) = silu(gate) * up
void swiglu_forward(i64 rows, i64 width, const bf* gate_up, bf* out) {
  for (i64 r = 0; r < rows; r++, gate_up += 2 * width, out += width)
    for (i64 i = 0; i < width; i++) {
      const float g = wide(gate_up[i]);
      out[i] = narrow(g * sigmoid(g) * wide(gate_up[width + i]));
    }
}

void swiglu_backward(i64 rows, i64 width, const bf* gate_up, const bf* dout, bf* dgate_up) {
  for (i64 r = 0; r < rows; r++, gate_up += 2 * width, dout += width, dgate_up += 2 * width)
    for (i64 i = 0; i < width; i++) {
      const float g = wide(gate_up[i]), u = wide(gate_up[width + i]), d = wide(dout[i]), s = sigmoid(g);
      dgate_up[i] = narrow(d * u * s * (1 + g * (1 - s)));
      dgate_up[width + i] = narrow(d * g * s);
    }
}

// Causal softmax over one block of query rows, in place. scores (batch, rows, keys); row r sees keys 0..first+r.
void softmax_forward(i64 batch, i64 rows, i64 keys, i64 first, float scale, bf* scores) {
  std::vector<float> e(keys);
  for (i64 b = 0; b < batch; b++)
    for (i64 r = 0; r < rows; r++, scores += keys) {
      const i64 seen = first + r + 1;
      float top = -1e30f, sum = 0;
      for (i64 i = 0; i < seen; i++) top = fmaxf(top, wide(scores[i]));
      for (i64 i = 0; i < seen; i++) sum += e[i] = expf((wide(scores[i]) - top) * scale);
      const float inv = 1 / sum;
      for (i64 i = 0; i < seen; i++) scores[i] = narrow(e[i] * inv);
      memset(scores + seen, 0, (keys - seen) * sizeof(bf));
    }
}

// d holds the gradient of the probabilities and becomes that of the scores.
void softmax_backward(i64 batch, i64 rows, i64 keys, i64 first, float scale, const bf* probabilities, bf* d) {
  for (i64 b = 0; b < batch; b++)
    for (i64 r = 0; r < rows; r++, probabilities += keys, d += keys) {
      const i64 seen = first + r + 1;
      float dot = 0;
      for (i64 i = 0; i < seen; i++) dot += wide(probabilities[i]) * wide(d[i]);
      for (i64 i = 0; i < seen; i++) d[i] = narrow(wide(probabilities[i]) * (wide(d[i]) - dot) * scale);
      memset(d + seen, 0, (keys - seen) * sizeof(bf));
    }
}

struct HeadSizes { i64 batch, length, heads, nope, rope, value; };

// Rotates interleaved pairs by the table's angles (turn 1) or back (turn -1).
static inline void rotate(const bf* x, const float* table, i64 rope, float turn, float* out) {
  for (i64 j = 0; j < rope; j += 2) {
    const float a = wide(x[j]), b = wide(x[j + 1]), c = table[j], s = turn * table[j + 1];
    out[j] = a * c - b * s;
    out[j + 1] = a * s + b * c;
  }
}

// Token-major projections to head-major Q, K (batch*heads, length, nope+rope) and V (.., value), with RoPE.
void split_heads(const HeadSizes* z, const bf* query, const bf* kv, const bf* key_rope, const float* table, bf* Q, bf* K, bf* V) {
  const i64 width = z->nope + z->rope;
  std::vector<float> turned(z->rope), key(z->rope);
  for (i64 n = 0; n < z->batch * z->length; n++) {
    const i64 b = n / z->length, t = n % z->length;
    rotate(key_rope + n * z->rope, table + t * z->rope, z->rope, 1, key.data());
    for (i64 h = 0; h < z->heads; h++) {
      const i64 row = (b * z->heads + h) * z->length + t;
      const bf* q = query + (n * z->heads + h) * width;
      const bf* k = kv + (n * z->heads + h) * (z->nope + z->value);
      memcpy(Q + row * width, q, z->nope * sizeof(bf));
      rotate(q + z->nope, table + t * z->rope, z->rope, 1, turned.data());
      memcpy(K + row * width, k, z->nope * sizeof(bf));
      for (i64 j = 0; j < z->rope; j++) {
        Q[row * width + z->nope + j] = narrow(turned[j]);
        K[row * width + z->nope + j] = narrow(key[j]);
      }
      memcpy(V + row * z->value, k + z->nope, z->value * sizeof(bf));
    }
  }
}

// The transpose of split_heads: head-major gradients back to the projections'.
void split_heads_backward(const HeadSizes* z, const bf* dQ, const bf* dK, const bf* dV, const float* table, bf* dquery, bf* dkv, bf* dkey_rope) {
  const i64 width = z->nope + z->rope;
  std::vector<float> turned(z->rope), key(z->rope);
  for (i64 n = 0; n < z->batch * z->length; n++) {
    const i64 b = n / z->length, t = n % z->length;
    key.assign(z->rope, 0.f);
    for (i64 h = 0; h < z->heads; h++) {
      const i64 row = (b * z->heads + h) * z->length + t;
      bf* q = dquery + (n * z->heads + h) * width;
      bf* k = dkv + (n * z->heads + h) * (z->nope + z->value);
      memcpy(q, dQ + row * width, z->nope * sizeof(bf));
      rotate(dQ + row * width + z->nope, table + t * z->rope, z->rope, -1, turned.data());
      for (i64 j = 0; j < z->rope; j++) q[z->nope + j] = narrow(turned[j]);
      memcpy(k, dK + row * width, z->nope * sizeof(bf));
      memcpy(k + z->nope, dV + row * z->value, z->value * sizeof(bf));
      rotate(dK + row * width + z->nope, table + t * z->rope, z->rope, -1, turned.data());
      for (i64 j = 0; j < z->rope; j++) key[j] += turned[j];
    }
    for (i64 j = 0; j < z->rope; j++) dkey_rope[n * z->rope + j] = narrow(key[j]);
  }
}

// (batch*heads, length, value) <-> (batch*length, heads*value)
void merge_heads(const HeadSizes* z, const bf* by_head, bf* by_token) {
  for (i64 n = 0; n < z->batch * z->length; n++)
    for (i64 h = 0; h < z->heads; h++)
      memcpy(by_token + (n * z->heads + h) * z->value,
             by_head + (((n / z->length) * z->heads + h) * z->length + n % z->length) * z->value, z->value * sizeof(bf));
}

void unmerge_heads(const HeadSizes* z, const bf* by_token, bf* by_head) {
  for (i64 n = 0; n < z->batch * z->length; n++)
    for (i64 h = 0; h < z->heads; h++)
      memcpy(by_head + (((n / z->length) * z->heads + h) * z->length + n % z->length) * z->value,
             by_token + (n * z->heads + h) * z->value, z->value * sizeof(bf));
}

// out[r] = x[index[r]]
void gather_rows(i64 rows, i64 width, const bf* x, const i64* index, bf* out) {
  for (i64 r = 0; r < rows; r++) memcpy(out + r * width, x + index[r] * width, width * sizeof(bf));
}

// out[n] = sum over k of share[n,k] * y[place[n,k]]; share null means 1.
void combine_forward(i64 rows, i64 active, i64 width, const bf* y, const i64* place, const float* share, bf* out) {
  std::vector<float> sum(width);
  for (i64 n = 0; n < rows; n++, out += width) {
    sum.assign(width, 0.f);
    for (i64 k = 0; k < active; k++) {
      const float s = share ? share[n * active + k] : 1.f;
      const bf* row = y + place[n * active + k] * width;
      for (i64 i = 0; i < width; i++) sum[i] += s * wide(row[i]);
    }
    for (i64 i = 0; i < width; i++) out[i] = narrow(sum[i]);
  }
}

void combine_backward(i64 rows, i64 active, i64 width, const bf* y, const i64* place, const float* share, const bf* dout,
                      bf* dy, float* dshare) {
  for (i64 n = 0; n < rows; n++, dout += width)
    for (i64 k = 0; k < active; k++) {
      const i64 p = place[n * active + k];
      const float s = share[n * active + k];
      const bf* row = y + p * width;
      float dot = 0;
      for (i64 i = 0; i < width; i++) {
        const float d = wide(dout[i]);
        dot += d * wide(row[i]);
        dy[p * width + i] = narrow(s * d);
      }
      dshare[n * active + k] = dot;
    }
}
}
