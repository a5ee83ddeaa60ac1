// Second kernel: survivors of the first, on 128 bits, ten steps a jump, up to S0 steps.
//
// A value that would leave its 128 bits goes to the CPU as it is (overflow is never silent), and so
// does whatever is alive when fewer than ten steps are left before S0. The CPU decides all of these
// exactly: this kernel only has to be sound. The odd counts of the first `depth` steps are the
// seed's, so the jumps begin at the seed's depth.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> seeds: array<Seed>;
@group(0) @binding(2) var<storage, read> groups: array<Group>;
@group(0) @binding(6) var<storage, read> jumps: array<u32>;
@group(0) @binding(7) var<storage, read_write> counters: array<atomic<u32>>;
@group(0) @binding(8) var<storage, read> survivors: array<vec2<u32>>;
@group(0) @binding(9) var<storage, read_write> results: array<vec2<u32>>;

var<workgroup> jump: array<u32, 1024>;
var<workgroup> jumpStep: array<u32, 11>;

fn add(a: vec2<u32>, b: u32) -> vec2<u32> {
  let low = a.x + b;
  return vec2(low, a.y + select(0u, 1u, low < b));
}

// Whether the CPU has to look at n0 + offset * 2^depth.
fn remains(seed: Seed, group: Group, offset: u32) -> bool {
  // image + 3^c * offset, mod 2^128; no member's image is larger unless the seed is wide.
  let v0 = multiplyAdd(group.power.x, offset, seed.image.x);
  let v1 = add(multiplyAdd(group.power.y, offset, v0.y), seed.image.y);
  let v2 = add(multiplyAdd(group.power.z, offset, v1.y), seed.image.z);
  var v = vec4(v0.x, v1.x, v2.x, group.power.w * offset + v2.y + seed.image.w);
  var headroom = bitcast<i32>(group.headroom);
  let end = select(frame.hardSteps, min(frame.hardSteps, group.depth + 120u), seed.wide == 1u);
  // The jumps in which the two tiers of evidence look, 60 steps apart, and how many steps after their
  // beginning.
  let ahead = (group.bits + FLAG_STEPS) % 10u;
  let flagged = group.depth + group.bits + FLAG_STEPS - ahead;
  let flaggedAgain = select(flagged, flagged + 60u, frame.flagTiers == 2u);
  for (var steps = group.depth; steps + 10u <= end; steps += 10u) {
    if EVIDENCE && (steps == flagged || steps == flaggedAgain) && carriesFlag(v.x, ahead) {
      return true;
    }
    let entry = jump[v.x & 1023u];
    if i32(entry >> 20u) >= headroom {
      return false;
    }
    let step = jumpStep[(entry >> 16u) & 15u];
    let m = step & 0xffffu;
    let shifted = (v >> vec4(10u)) | vec4(v.yzw << vec3(22u), 0u);
    let r0 = multiplyAddSmall(shifted.x, m, entry & 0xffffu);
    let r1 = multiplyAddSmall(shifted.y, m, r0.y);
    let r2 = multiplyAddSmall(shifted.z, m, r1.y);
    let r3 = multiplyAddSmall(shifted.w, m, r2.y);
    if r3.y != 0u && seed.wide == 0u {
      return true;
    }
    v = vec4(r0.x, r1.x, r2.x, r3.x);
    headroom += bitcast<i32>(step) >> 16u;
  }
  return true;
}

@compute @workgroup_size(THREADS)
fn deepKernel(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  for (var i = thread; i < 1024u; i += THREADS) {
    jump[i] = jumps[i];
  }
  if thread < 11u {
    jumpStep[thread] = jumps[1024u + thread];
  }
  workgroupBarrier();
  let count = min(atomicLoad(&counters[COUNTERS + 4u * frame.slice + SURVIVORS]), frame.survivorRoom);
  for (var i = id.x; i < count; i += workgroups.x * THREADS) {
    let record = survivors[i];
    let seed = seeds[record.x];
    if remains(seed, groups[seed.group], record.y) {
      let slot = atomicAdd(&counters[RESULTS], 1u);
      if slot < frame.resultRoom {
        results[slot] = record;
      }
    }
  }
}
