/**
 * Units and results: what is computed, and what every correct engine returns for it, to the bit.
 *
 * A window is the 2^W numbers [w*2^W, (w+1)*2^W). Adding bits from the least significant end gives
 * a tree of residue classes r mod 2^k. A class is dropped as soon as rule D, M or O (rules.ts)
 * shows that all its members meet a smaller number. The classes that survive to a fixed frontier of
 * that tree are the units of every window of that size. The same splitting inside a unit's class
 * gives its leaves (partition.ts).
 *
 * Everything here is a fact about numbers: no engine, table size or machine is in it.
 */

/** The maps of a genesis. Each is the shortcut map: n/2 for even n, (a*n+b)/2 for odd n. */
export type MapName = '3n+1' | '3n-1' | '5n+1'

/**
 * How a network cuts its windows. Part of the genesis: two networks that differ here agree on
 * nothing.
 */
export interface Partition {
  readonly map: MapName
  /** W: a window is 2^W consecutive numbers. 20 to 71. */
  readonly bits: number
  /**
   * Units to aim for: classes are split, costliest first, until there are at least this many (or
   * none can be split).
   */
  readonly units: number
  /** Leaves to aim for in each unit, by the same splitting. */
  readonly leaves: number
  /**
   * S0: a number is hard if no rule fires within this many steps of T. At least bits + 58 for the
   * fast engines.
   */
  readonly hardSteps: number
  /** J and k of the evidence. Left out: the defaults of evidence/tiers.ts. */
  readonly evidence?: EvidenceParameters
}

/** How much evidence a unit yields (evidence/tiers.ts). */
export interface EvidenceParameters {
  /** J: bits of T^S(n) that an item of the first two tiers is told by, 0 to 15. */
  readonly flagBits: number
  /** k: items of a unit on average, 1 to 16,384; fewer where a unit has fewer numbers. */
  readonly items: number
}

/**
 * A node of the tree: the class of n = r mod 2^k, with all that the rules need to know of its first
 * k steps.
 */
export interface ClassState {
  /** k: how many low bits are fixed. */
  readonly depth: number
  /** r, 0 <= r < 2^k. */
  readonly residue: bigint
  /** T^k(r). For n = r + a*2^k, T^k(n) = T^k(r) + a*3^c. */
  readonly image: bigint
  /** c: odd steps among the first k. */
  readonly odds: number
  /**
   * Even steps since the last odd step; -1 before the first odd step (they are then unknown to rule
   * M).
   */
  readonly evens: number
  /**
   * Rule O: 0 no odd run; 1 in an odd run that began where 3^c < 2^(k+1); 2 such a run, then one
   * even; 3 another odd run.
   */
  readonly run: 0 | 1 | 2 | 3
}

/** One class of one window. */
export interface Unit {
  readonly partition: Partition
  /** w: the window [w*2^W, (w+1)*2^W). */
  readonly window: bigint
  /** Index into classes(partition). */
  readonly index: number
}

/** The hard number, of a set, whose trajectory reaches the greatest value. */
export interface Peak {
  /** The hard number. Ties go to the smaller one. */
  readonly n: bigint
  /**
   * The greatest a*m+b over odd m in its first sigma steps (the convention of path record tables).
   */
  readonly value: bigint
}

/** The hard numbers of a leaf or of a unit, added up. */
export interface HardSummary {
  readonly count: number
  /** Sum of mix64(n) * min(sigma(n), 480) mod 2^64 (result.ts). */
  readonly checksum: bigint
  /** null when there is no hard number. */
  readonly peak: Peak | null
}

/**
 * Evidence: for each tier in turn the numbers that make it up, ascending (evidence/request.ts).
 * Three lists; that of a tier which is left out is empty.
 */
export type EvidenceItems = readonly (readonly bigint[])[]

/** For whom evidence is wanted: it is another for every signer, draw and unit. */
export interface EvidenceRequest {
  /** Names the network, 32 bytes. */
  readonly network: Uint8Array
  /** Randomness of the draw's beacon round, 32 bytes. */
  readonly seed: Uint8Array
  /** The public key of the node that signs the result, 32 bytes. */
  readonly signer: Uint8Array
  /**
   * Items on average, where they are not to be the partition's k: twice k for a result that stands
   * alone.
   */
  readonly items?: number
}

/** What an engine tells of a leaf, and takes back after a restart. */
export interface LeafResult extends HardSummary {
  /**
   * There when evidence was requested: the items that lie in the leaf. Good for that request only.
   */
  readonly evidence?: EvidenceItems
}

export interface UnitResult extends HardSummary {
  /** One summary a leaf, in the order of leavesOf(unit). */
  readonly leaves: readonly HardSummary[]
  /** RFC 9162 Merkle tree hash (SHA-256) over the 64-byte records of the leaves. */
  readonly root: Uint8Array
  /**
   * Numbers that no rule drops and that were never seen below themselves, within the exact engine's
   * limits.
   */
  readonly candidates: readonly bigint[]
  /** There when evidence was requested. */
  readonly evidence?: EvidenceItems
}

/** How far the computation of a unit is. */
export interface Progress {
  readonly leavesDone: number
  readonly leavesTotal: number
  /** Share of the unit's estimated cost that is done, 0 to 1. */
  readonly fraction: number
}

export interface VerifyOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
  /**
   * A checkpoint: leaves that were computed before, by index. They are not computed again, unless
   * evidence is wanted and a leaf has none. The caller keeps leaves of different requests apart.
   */
  readonly done?: ReadonlyMap<number, LeafResult>
  /** Called once for each newly computed leaf, so that the caller can store it. */
  readonly onLeaf?: (index: number, leaf: LeafResult) => void
  /** Asks for the evidence of one signer. Left out, it costs nothing. */
  readonly evidence?: EvidenceRequest
}

export interface LeafOptions {
  readonly signal?: AbortSignal | undefined
  /** As of VerifyOptions. */
  readonly evidence?: EvidenceRequest | undefined
}

/**
 * How many nodes or numbers each stage of an engine has passed on since it was opened. In the order
 * of the stages.
 */
export type StageCounts = Readonly<Record<string, number>>

/** An engine computes units. All engines return equal results. */
export interface Engine {
  readonly name: 'exact' | 'wasm' | 'webgpu'
  /** A copy. The exact engine has no stages. A stage may be added later, when a GPU is replaced. */
  readonly counters?: StageCounts
  /**
   * Milliseconds of GPU time since it was opened, by the GPU's own clock; undefined where there is
   * none.
   */
  readonly gpuMs?: number | undefined
  /**
   * @throws {DOMException} AbortError when the signal fires; leaves reported by onLeaf stay valid.
   */
  verify(unit: Unit, options?: VerifyOptions): Promise<UnitResult>
  /** One leaf alone, for an audit. */
  verifyLeaf(unit: Unit, leaf: number, options?: LeafOptions): Promise<LeafResult>
  close(): Promise<void>
}
