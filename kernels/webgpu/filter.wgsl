// First kernel: from classes to the numbers that may still be hard after LOW_JUMPS jumps.
//
// A workgroup takes PATTERNS_A_GROUP patterns of one seed. Each thread makes one child class at
// depth K = W - 6, looks its 64 numbers up in the look-ahead row and the mod 9 mask, and queues
// those left in workgroup memory; then all threads take queued numbers through jumps of ten steps
// on the low 64 bits. Parities of 64 steps depend on these bits alone, so dropping the rest of the
// value is exact. What lives goes to the second kernel as (seed, offset): n = n0 + offset *
// 2^depth.
//
// The queue cannot overflow: a thread adds at most TAKE numbers a round, and rounds go on until
// every mask is empty.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> seeds: array<Seed>;
@group(0) @binding(2) var<storage, read> groups: array<Group>;
@group(0) @binding(3) var<storage, read> patterns: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read> look: array<u32>;
@group(0) @binding(5) var<storage, read> level: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read> jumps: array<u32>;
@group(0) @binding(7) var<storage, read_write> counters: array<atomic<u32>>;
@group(0) @binding(8) var<storage, read_write> survivors: array<vec2<u32>>;

// Of the class that each thread made: image mod 2^64, row of the tables, and offset from the seed.
var<workgroup> classImage: array<vec2<u32>, THREADS>;
var<workgroup> classRow: array<u32, THREADS>;
var<workgroup> classOffset: array<u32, THREADS>;
var<workgroup> jump: array<u32, 1024>;
var<workgroup> jumpStep: array<u32, 11>;
var<workgroup> rows: array<vec4<u32>, ROWS>;
var<workgroup> queue: array<u32, QUEUE>;
var<workgroup> queued: atomic<u32>;
var<workgroup> collected: array<u32, COLLECTED>;
var<workgroup> collectedCount: atomic<u32>;
// Broadcast by thread 0: numbers queued, survivors collected, and where the survivors go.
var<workgroup> shared0: u32;
var<workgroup> shared1: vec2<u32>;

// The numbers of one class that look-ahead and mod 9 leave, as 64 bits; puts the class into
// workgroup memory.
fn expand(seed: Seed, group: Group, entry: vec2<u32>, thread: u32) -> vec2<u32> {
  let residue = entry.x & PATTERN_MASK;
  let odds = entry.x >> PATTERN_SHIFT;
  // The child n0 + a*2^depth whose image is the pattern's residue mod 2^D.
  let a = ((residue - seed.image.x) * group.inverse) & ((1u << group.bits) - 1u);
  // image + 3^c * a, low 96 bits; its D low bits are the residue, the rest go through D steps at
  // once.
  let t0 = multiplyAdd(group.power.x, a, seed.image.x);
  let t1 = multiplyAdd(group.power.y, a, t0.y);
  let s1 = t1.x + seed.image.y;
  let t2 = group.power.z * a + t1.y + select(0u, 1u, s1 < t1.x) + seed.image.z;
  let u0 = (t0.x >> group.bits) | (s1 << (32u - group.bits));
  let u1 = (s1 >> group.bits) | (t2 << (32u - group.bits));
  let power = jumpPower(odds);
  let m0 = multiplyAdd(u0, power, entry.y);
  let image = vec2(m0.x, u1 * power + m0.y);
  classImage[thread] = image;
  classOffset[thread] = a;

  let total = group.odds + odds;
  if total < frame.leastOdds { // 3^c < 2^K: rule D, which the rounded headroom let through
    return vec2(0u);
  }
  let row = total - frame.leastOdds;
  classRow[thread] = row;
  let nine = (seed.nine + group.nineStep * (a % 9u)) % 9u;
  var left = level[ROWS + nine].xy;
  if row < LOOK_ROWS {
    let position = (image.x * rows[row].z) & frame.lookMask;
    let word = row * frame.lookWords + (position >> 5u);
    let shift = position & 31u;
    let w = vec3(look[word], look[word + 1u], look[word + 2u]);
    // Twice, so that a shift of 0 brings in nothing of the next word.
    left &= (w.xy >> vec2(shift)) | ((w.yz << vec2(1u)) << vec2(31u - shift));
  }
  return left;
}

// 3^f for f up to 20, by squaring: cheaper than a table in memory.
fn jumpPower(f: u32) -> u32 {
  var power = select(1u, 3u, (f & 1u) != 0u);
  power *= select(1u, 9u, (f & 2u) != 0u);
  power *= select(1u, 81u, (f & 4u) != 0u);
  power *= select(1u, 6561u, (f & 8u) != 0u);
  return power * select(1u, 43046721u, (f & 16u) != 0u);
}

// Whether a queued number (thread | a << 16) may still be hard after LOW_JUMPS jumps and one look
// further.
fn alive(item: u32) -> bool {
  let thread = item & 0xffffu;
  let a = item >> 16u;
  let row = rows[classRow[thread]];
  let image = classImage[thread];
  // image + a * 3^c mod 2^64, a < 64.
  let p0 = multiplyAddSmall(row.x, a, 0u);
  var low = image.x + p0.x;
  var high = image.y + row.y * a + p0.y + select(0u, 1u, low < p0.x);
  var headroom = bitcast<i32>(row.w);
  for (var i = 0u; ; i++) {
    if EVIDENCE && i == FLAG_JUMP && carriesFlag(low, FLAG_AHEAD) {
      return true;
    }
    let entry = jump[low & 1023u];
    // The look-ahead has already seen the first LOOKED jumps.
    if i >= LOOKED && i32(entry >> 20u) >= headroom {
      return false;
    }
    if i == LOW_JUMPS {
      return true;
    }
    let step = jumpStep[(entry >> 16u) & 15u];
    let m = step & 0xffffu;
    let product = multiplyAddSmall((low >> 10u) | (high << 22u), m, entry & 0xffffu);
    low = product.x;
    high = (high >> 10u) * m + product.y;
    headroom += bitcast<i32>(step) >> 16u;
  }
}

// Survivors beyond the buffer's room are counted, not written: the CPU sees the count and runs the
// batch again in parts.
fn emit(slot: u32, seed: u32, item: u32, bits: u32) {
  if slot < frame.survivorRoom {
    survivors[slot] = vec2(seed, classOffset[item & 0xffffu] | ((item >> 16u) << bits));
  }
}

@compute @workgroup_size(THREADS)
fn filterKernel(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let seedIndex = frame.seedBase + workgroup.y;
  let seed = seeds[seedIndex];
  let group = groups[seed.group];
  let end = min(group.count, frame.patternEnd);
  let first = frame.patternFirst + workgroup.x * PATTERNS_A_GROUP;
  if first >= end { // uniform: the grid is as wide as the widest seed of the slice needs
    return;
  }
  let last = min(first + PATTERNS_A_GROUP, end);
  let counter = COUNTERS + 4u * frame.slice;

  for (var i = thread; i < 1024u; i += THREADS) {
    jump[i] = jumps[i];
  }
  if thread < 11u {
    jumpStep[thread] = jumps[1024u + thread];
  }
  for (var i = thread; i < ROWS; i += THREADS) {
    rows[i] = level[i];
  }
  workgroupBarrier();

  var candidates = 0u;
  for (var next = first; next < last; next += THREADS) {
    var left = vec2(0u);
    if next + thread < last {
      left = expand(seed, group, patterns[group.table + next + thread], thread);
    }
    loop {
      let bits = countOneBits(left.x) + countOneBits(left.y);
      let take = min(bits, TAKE);
      if take > 0u {
        var slot = atomicAdd(&queued, take);
        for (var i = 0u; i < take; i++) {
          var a = firstTrailingBit(left.x);
          if left.x == 0u {
            a = 32u + firstTrailingBit(left.y);
            left.y &= left.y - 1u;
          } else {
            left.x &= left.x - 1u;
          }
          queue[slot] = thread | (a << 16u);
          slot++;
        }
      }
      workgroupBarrier();
      if thread == 0u {
        shared0 = atomicExchange(&queued, 0u);
      }
      let total = workgroupUniformLoad(&shared0);
      if total == 0u {
        break;
      }
      candidates += total;
      for (var i = thread; i < total; i += THREADS) {
        let item = queue[i];
        if alive(item) {
          let slot = atomicAdd(&collectedCount, 1u);
          if slot < COLLECTED {
            collected[slot] = item;
          } else { // rare: straight to the buffer
            emit(atomicAdd(&counters[counter + SURVIVORS], 1u), seedIndex, item, group.bits);
          }
        }
      }
      workgroupBarrier();
      if thread == 0u {
        let count = min(atomicExchange(&collectedCount, 0u), COLLECTED);
        shared1 = vec2(count, 0u);
        if count > 0u {
          shared1.y = atomicAdd(&counters[counter + SURVIVORS], count);
        }
      }
      let place = workgroupUniformLoad(&shared1);
      for (var i = thread; i < place.x; i += THREADS) {
        emit(place.y + i, seedIndex, collected[i], group.bits);
      }
      workgroupBarrier(); // classes and lists are free for the next round
    }
  }
  if thread == 0u {
    atomicAdd(&counters[counter + CANDIDATES], candidates);
    atomicAdd(&counters[counter + CLASSES], last - first);
  }
}
