/**
 * From classes to batches: what the CPU hands the GPU.
 *
 * The CPU walks the top of the tree by the exact rules, down to depth W - 6 - D. Each class there
 * is a seed, and the GPU does its last D + 6 bits. With D = 18 a seed stands for some 10^5 classes
 * and 10^6 numbers to be filtered, so that one thread of JavaScript feeds any GPU. A leaf that is
 * deeper already takes a smaller D.
 *
 * Measured: 2 µs a seed at W = 56, 4e10 classes a second.
 */
import { children } from '../rules.ts'
import type { ClassState } from '../unit.ts'
import { headroom } from './dip.ts'
import { inverse, LAST_BITS, limbs, type Patterns, survivors } from './tables.ts'

/** Words of a record in the shaders' Seed and Group. */
export const SEED_WORDS = 8
export const GROUP_WORDS = 12
/**
 * Different (D, odd count) in a batch: D has at most 19 values and the odd count at most 40 for
 * each.
 */
export const GROUP_ROOM = 768
/** A grid has at most 65,535 workgroups a dimension, one row a seed. */
export const SEED_ROOM = 65_535

/**
 * First entry of the table of D-bit patterns among all: the tables lie one after the other, from D
 * = 2.
 */
export function tableStart(bits: number): number {
  return 2 ** bits - 4
}

/** A leaf of a unit to be done, and its number in the unit. */
export interface Job {
  readonly leaf: number
  readonly state: ClassState
}

/** Where a number base + offset * 2^depth that comes back belongs. */
export interface Origin {
  readonly leaf: number
  readonly base: bigint
  readonly depth: number
}

/** One submission. */
export interface Batch {
  readonly bits: number
  readonly hardSteps: number
  readonly seeds: Uint32Array<ArrayBuffer>
  readonly groups: Uint32Array<ArrayBuffer>
  /** For each seed, how many classes it expands to. */
  readonly classes: readonly number[]
  readonly totalClasses: number
  readonly origins: readonly Origin[]
  /** D values in use: their tables must be on the device. */
  readonly tables: ReadonlySet<number>
  /** Leaves that have no seed in a later batch. */
  readonly completes: readonly number[]
}

/** The surviving classes of `top` at `depth`, depth first. */
export function* classesAt(top: ClassState, depth: number): Generator<ClassState> {
  const stack = [top]
  for (let state = stack.pop(); state; state = stack.pop()) {
    if (state.depth === depth) yield state
    else for (const child of children(state)) stack.push(child)
  }
}

export class BatchBuilder {
  readonly #bits: number
  readonly #hardSteps: number
  readonly #windowBase: bigint
  readonly #patterns: (bits: number) => Patterns
  readonly #groups = new Map<string, number>()
  readonly #groupWords: number[] = []
  readonly #groupClasses: number[] = []
  readonly #seedWords: number[] = []
  readonly #classes: number[] = []
  readonly #origins: Origin[] = []
  readonly #tables = new Set<number>()
  readonly #completes: number[] = []
  totalClasses = 0

  /** @param windowBase the window's first number, w * 2^bits */
  constructor(bits: number, hardSteps: number, windowBase: bigint, patterns: (bits: number) => Patterns) {
    this.#bits = bits
    this.#hardSteps = hardSteps
    this.#windowBase = windowBase
    this.#patterns = patterns
  }

  get seeds(): number {
    return this.#origins.length
  }

  /** @param state a class at depth bits - 6 - D, D from 2 to 20 */
  add(leaf: number, state: ClassState): void {
    const open = this.#bits - state.depth
    const image = state.image + 3n ** BigInt(state.odds) * (this.#windowBase >> BigInt(state.depth))
    this.#push(leaf, state, this.#windowBase + state.residue, image, open)
  }

  /** Adds a class whose first member is `base` instead of the window's. */
  plant(leaf: number, state: ClassState, base: bigint): void {
    const image = state.image + 3n ** BigInt(state.odds) * ((base - state.residue) >> BigInt(state.depth))
    this.#push(leaf, state, base, image, this.#bits - state.depth)
  }

  complete(leaf: number): void {
    this.#completes.push(leaf)
  }

  #push(leaf: number, state: ClassState, base: bigint, image: bigint, open: number): void {
    const power = 3n ** BigInt(state.odds)
    const group = this.#group(open - LAST_BITS, state, power)
    const wide = (image + (power << BigInt(open))) >> 128n === 0n ? 0 : 1
    this.#seedWords.push(...limbs(image, 4), Number(base % 9n), group, wide, 0)
    this.#origins.push({ leaf, base, depth: state.depth })
    const classes = this.#groupClasses[group]!
    this.#classes.push(classes)
    this.totalClasses += classes
  }

  #group(tableBits: number, { odds, depth }: ClassState, power: bigint): number {
    const key = `${tableBits} ${odds}`
    const existing = this.#groups.get(key)
    if (existing !== undefined) return existing
    const group = this.#groups.size
    const room = headroom(odds, depth)
    const classes = survivors(this.#patterns(tableBits), room)
    const nineStep = Number(2n ** BigInt(depth) % 9n)
    this.#groups.set(key, group)
    this.#tables.add(tableBits)
    this.#groupClasses.push(classes)
    this.#groupWords.push(...limbs(power, 4), tableStart(tableBits), classes, tableBits, inverse(odds))
    this.#groupWords.push(odds, depth, room, nineStep)
    return group
  }

  build(): Batch {
    return {
      bits: this.#bits,
      hardSteps: this.#hardSteps,
      seeds: Uint32Array.from(this.#seedWords),
      groups: Uint32Array.from(this.#groupWords),
      classes: this.#classes,
      totalClasses: this.totalClasses,
      origins: this.#origins,
      tables: this.#tables,
      completes: this.#completes,
    }
  }
}
