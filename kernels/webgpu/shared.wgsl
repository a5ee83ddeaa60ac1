// What both kernels share: the records that the CPU writes, and arithmetic on 32-bit limbs (WGSL
// has no 64-bit integers and no high half of a product).

struct Frame {
  seedBase: u32,     // first seed of this slice
  slice: u32,        // which counters are this slice's
  survivorRoom: u32, // records the survivors' buffer holds
  resultRoom: u32,   // records the results' buffer holds
  hardSteps: u32,    // S0
  leastOdds: u32,    // least odd count at depth K that has not descended: row 0 of the tables
  lookMask: u32,     // 2^B - 1
  lookWords: u32,    // words of a look-ahead row
  patternFirst: u32, // patterns [first, end) of each seed
  patternEnd: u32,
  flagMask: u32,     // 2^J - 1, of evidence
  flagTiers: u32,    // tiers of evidence whose numbers carry a flag: 1 or 2
}

// A class n0 mod 2^depth of the window. image is T^depth(n0) mod 2^128.
struct Seed {
  image: vec4<u32>,
  nine: u32,  // n0 mod 9
  group: u32,
  wide: u32,  // 1: images of its members may need more than 128 bits, so only 120 steps of parities are known
  spare: u32,
}

// What seeds of one depth and one odd count have in common.
struct Group {
  power: vec4<u32>, // 3^odds mod 2^128
  table: u32,       // first entry of its pattern table
  count: u32,       // how many patterns survive from its headroom
  bits: u32,        // D: patterns have D steps
  inverse: u32,     // 3^-odds mod 2^32
  odds: u32,
  depth: u32,
  headroom: u32,    // signed, in units of dip.ts
  nineStep: u32,    // 2^depth mod 9
}

// Counters: word 0 counts results; slice i has four words from COUNTERS + 4i.
const COUNTERS = 4u;
const SURVIVORS = 0u;
const CANDIDATES = 1u;
const CLASSES = 2u;
const RESULTS = 0u;

// a * b + c as (low, high). Exact for all inputs: at most (2^32-1)^2 + 2^32-1 < 2^64.
fn multiplyAdd(a: u32, b: u32, c: u32) -> vec2<u32> {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let ll = al * bl;
  let lh = al * bh;
  let middle = ah * bl + (ll >> 16u) + (lh & 0xffffu); // at most (2^16-1)^2 + 2 * (2^16-1) < 2^32
  let low = (ll & 0xffffu) | (middle << 16u);
  let sum = low + c;
  return vec2(sum, ah * bh + (lh >> 16u) + (middle >> 16u) + select(0u, 1u, sum < c));
}

// a * m + c as (low, high) for m, c below 2^16: two multiplications.
fn multiplyAddSmall(a: u32, m: u32, c: u32) -> vec2<u32> {
  let low = (a & 0xffffu) * m + c;
  let high = (a >> 16u) * m + (low >> 16u);
  return vec2((low & 0xffffu) | (high << 16u), high >> 16u);
}

// Whether T^d of a value carries the flag of evidence, d < 10: tables.ts, flags(). It needs the low
// d + J bits of the value, 24 at most.
fn carriesFlag(low: u32, d: u32) -> bool {
  let patterns = (1u << d) - 1u;
  return ((low >> d) & frame.flagMask) == jumps[FLAGS + patterns + (low & patterns)];
}
