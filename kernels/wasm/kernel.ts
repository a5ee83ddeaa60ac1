/**
 * One instance of the kernel (assembly/), and the one place that knows its calls: a class in, its
 * hard numbers out.
 *
 * It has no threads and no I/O, and runs where WebAssembly runs. It remembers the tables of the
 * last window's size (some 40 ms to make) and of the last window (microseconds).
 *
 * Bounds: assertSupported() and start() refuse what the kernel's words do not hold.
 */
import { ItemCollector } from '../evidence/items.ts'
import type { EvidenceTest, TierTest } from '../evidence/request.ts'
import { OPEN_BITS } from '../partition.ts'
import type { ClassState, EvidenceItems, HardSummary } from '../unit.ts'

/** A leaf of a unit: plain data, so that it can be posted to a worker. */
export interface LeafJob {
  /** W: the window is [window * 2^bits, (window + 1) * 2^bits). 20 to 71. */
  readonly bits: number
  /** w. (w + 1) * 2^bits <= 2^96. */
  readonly window: bigint
  /** S0, at least bits + 58. */
  readonly hardSteps: number
  /** Of a depth from bits - MOST_OPEN_BITS to bits - OPEN_BITS, as partition.ts cuts it. */
  readonly state: ClassState
  /** Left out: no evidence, and no cost. */
  readonly evidence?: EvidenceTest | undefined
}

/** What Kernel.numbers() asks of numbers. */
export type NumbersJob = Pick<LeafJob, 'hardSteps' | 'evidence'>

/** How many nodes or numbers each stage passed on, for a leaf or added up over many. */
export interface Counters {
  /** Nodes of the tree above its last level. */
  nodes: number
  /**
   * Nodes at the last level, of 128 siblings each. `collatz bench` has always printed them under
   * this name.
   */
  leaves: number
  /** Numbers that the look-ahead and rule P left. */
  candidates: number
  /** Numbers that reached 128 bits. */
  wide: number
  /** Numbers that reached exact arithmetic. */
  exact: number
}

export interface LeafOutcome {
  /** All but the numbers handed over. */
  readonly summary: HardSummary
  /** Numbers that 192 bits or 4096 steps could not decide, for the exact engine. */
  readonly handedOver: readonly bigint[]
  /** Where it was asked for; without the numbers handed over. */
  readonly evidence?: EvidenceItems
  readonly counters: Counters
}

interface Exports {
  readonly memory: WebAssembly.Memory
  size(bits: number): void
  window(lo: bigint, hi: bigint): void
  start(
    depth: number,
    residue: bigint,
    imageLo: bigint,
    imageHi: bigint,
    odds: number,
    evens: number,
    run: number,
    hardSteps: number,
    maxSteps: number,
  ): void
  advance(slices: number): number
  begin(hardSteps: number, maxSteps: number): void
  exact(lo: bigint, hi: bigint): void
  end(): void
  setEvidence(
    asks: boolean,
    flagBits: number,
    flag: number,
    step1: number,
    step2: number,
    most1: bigint,
    most2: bigint,
    most3: bigint,
  ): void
  tablesChecksum(): bigint
  layout(index: number): number
}

const WORD = (1n << 64n) - 1n

/** The least S0. The filter tests 60 steps from level bits - 7 on without looking at S0. */
export const leastHardSteps = (bits: number): number => bits + 58
/** Steps to which the kernel computes sigma. */
export const MAX_STEPS = 4096
/** The greatest S0. */
export const GREATEST_HARD_STEPS = 4000
/** Numbers are below 2^LIMIT_BITS: beyond, the value of a bottom node could exceed 128 bits. */
export const LIMIT_BITS = 96

/**
 * Bits that a leaf may leave open: the packed bits of a node of the tree hold 54, and the last 7
 * are looked up.
 */
export const MOST_OPEN_BITS = 61

/** @throws {RangeError} saying what this engine cannot do, and what can. */
export function assertSupported(job: { bits: number; window: bigint; hardSteps: number }): void {
  const { bits, window, hardSteps } = job
  const instead = 'use the exact engine (--engine exact)'
  if (!Number.isInteger(bits) || bits < 20 || bits > 71) {
    throw new RangeError(`The wasm engine takes windows of 2^20 to 2^71 numbers, not 2^${bits}; ${instead}`)
  }
  if (window < 0n || (window + 1n) << BigInt(bits) > 1n << BigInt(LIMIT_BITS)) {
    throw new RangeError(`The wasm engine takes windows below 2^${LIMIT_BITS}, not ${window} * 2^${bits}; ${instead}`)
  }
  if (!Number.isInteger(hardSteps) || hardSteps < leastHardSteps(bits) || hardSteps > GREATEST_HARD_STEPS) {
    const range = `${leastHardSteps(bits)} to ${GREATEST_HARD_STEPS}`
    throw new RangeError(
      `The wasm engine takes ${range} hard steps for windows of 2^${bits}, not ${hardSteps}; ${instead}`,
    )
  }
}

export class Kernel {
  readonly exports: Exports
  /** A number that no rule drops within so many steps is handed over. S0 must be below it. */
  readonly maxSteps: number
  #bits = 0
  #window = -1n
  #handedOver: bigint[] = []
  #items: ItemCollector | undefined

  /** @param maxSteps at most 4096; a test takes less, to see numbers handed over */
  constructor(module: WebAssembly.Module, maxSteps = MAX_STEPS) {
    this.maxSteps = maxSteps
    const number = (lo: bigint, hi: bigint) => (BigInt.asUintN(64, hi) << 64n) | BigInt.asUintN(64, lo)
    const handOver = (lo: bigint, hi: bigint) => this.#handedOver.push(number(lo, hi))
    const item = (tier: number, lo: bigint, hi: bigint) => this.#items?.add(tier - 1, number(lo, hi))
    this.exports = new WebAssembly.Instance(module, { kernel: { handOver, item } }).exports as unknown as Exports
  }

  /** @throws {RangeError} when the leaf is outside of what the kernel's words hold. */
  start(job: LeafJob): void {
    assertSupported(job)
    const { bits, window, state } = job
    const leastDepth = Math.max(0, bits - MOST_OPEN_BITS)
    // One bit deeper, at bits = 71, the tree's bits would be shifted by 64: decide() in
    // assembly/candidate.ts.
    if (!Number.isInteger(state.depth) || state.depth < leastDepth || state.depth > bits - OPEN_BITS) {
      throw new RangeError(
        `A leaf of a window of 2^${bits} numbers fixes ${leastDepth} to ${bits - OPEN_BITS} bits, not ${state.depth}`,
      )
    }
    if (bits !== this.#bits) this.exports.size(bits)
    if (bits !== this.#bits || window !== this.#window) this.exports.window(window & WORD, window >> 64n)
    this.#bits = bits
    this.#window = window
    this.#handedOver = []
    this.#ask(job.evidence)
    const { depth, residue, image, odds, evens, run } = state
    this.exports.start(depth, residue, image & WORD, image >> 64n, odds, evens, run, job.hardSteps, this.maxSteps)
  }

  #ask(test: EvidenceTest | undefined): void {
    this.#items = test && new ItemCollector()
    if (!test) {
      this.exports.setEvidence(false, 0, 0, 0, 0, 0n, 0n, 0n)
      return
    }
    const { memory, layout, setEvidence } = this.exports
    const words = new DataView(test.key.buffer, test.key.byteOffset)
    new Uint32Array(memory.buffer, layout(6), 8).set(Array.from({ length: 8 }, (_, i) => words.getUint32(4 * i)))
    const [first, second, hard] = test.tiers as readonly [TierTest, TierTest, TierTest]
    const step = ({ tau, steps }: TierTest) => (tau > 0n ? steps : 0)
    const most = ({ tau }: TierTest) => BigInt.asUintN(64, tau - 1n)
    setEvidence(true, test.flagBits, test.flag, step(first), step(second), most(first), most(second), most(hard))
  }

  /**
   * Works through up to `slices` queues of 64 bottom nodes, some 10 µs each.
   *
   * @returns false when the leaf is done
   */
  advance(slices: number): boolean {
    return this.exports.advance(slices) !== 0
  }

  /** The outcome of the leaf that advance() has finished. */
  outcome(): LeafOutcome {
    const words = new BigUint64Array(this.exports.memory.buffer, this.exports.layout(0), 12)
    const word = (i: number) => words[i] as bigint
    const count = Number(word(0))
    const peak =
      count === 0
        ? null
        : { n: word(2) | (word(3) << 64n), value: 3n * (word(4) | (word(5) << 64n) | (word(6) << 128n)) + 1n }
    return {
      summary: { count, checksum: word(1), peak },
      handedOver: this.#handedOver,
      ...(this.#items && { evidence: this.#items.items() }),
      counters: {
        nodes: Number(word(8)),
        leaves: Number(word(9)),
        candidates: Number(word(10)),
        wide: Number(word(11)),
        exact: Number(word(7)),
      },
    }
  }

  /**
   * Decides single numbers exactly: those that a filter elsewhere has left.
   *
   * @param numbers each from 0 to 2^128 - 1, left by rule P, and not twice
   */
  numbers(numbers: Iterable<bigint>, { hardSteps, evidence }: NumbersJob): Omit<LeafOutcome, 'counters'> {
    const { begin, exact, end } = this.exports
    this.#handedOver = []
    this.#ask(evidence)
    begin(hardSteps, this.maxSteps)
    for (const n of numbers) exact(n & WORD, n >> 64n)
    end()
    const { counters: _, ...outcome } = this.outcome()
    return outcome
  }

  /** A leaf from start to end, without a pause. */
  leaf(job: LeafJob): LeafOutcome {
    this.start(job)
    while (this.advance(1 << 20));
    return this.outcome()
  }
}
