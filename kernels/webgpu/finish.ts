/**
 * Finishing: the few numbers that the GPU could not drop, decided exactly on the CPU and added up.
 *
 * A hard number costs some 400 steps and an engine meets up to a million a second, so the oracle
 * (sigma.ts) is too slow for them. The exact stage of the wasm kernel decides them instead: 192
 * bits, rules D, M and O by exact tables, and the hashes of evidence. Measured: half the time of a
 * walk in doubles, 0.7 of it with evidence.
 *
 * Numbers wait in lists: those of several leaves come mixed, and the kernel adds up one leaf.
 */
import { tiersOfNumber } from '../evidence/item.ts'
import { ItemCollector, mergeItems } from '../evidence/items.ts'
import { EMPTY, hardNumber, merge } from '../result.ts'
import { ruleP } from '../rules.ts'
import { isCandidate, sigma } from '../sigma.ts'
import type { EvidenceItems, HardSummary, LeafResult } from '../unit.ts'
import type { Kernel, NumbersJob } from '../wasm/kernel.ts'

/** Numbers that wait at most. */
const ROOM = 2 ** 14

/** Adds up the hard numbers and the evidence of one leaf. */
export class LeafSum {
  readonly #kernel: Kernel
  readonly #job: NumbersJob
  #waiting: bigint[] = []
  #total: HardSummary = EMPTY
  readonly #items: EvidenceItems[] = []
  readonly candidates: bigint[] = []

  /** @param kernel may be shared with other sums of the same thread */
  constructor(kernel: Kernel, job: NumbersJob) {
    this.#kernel = kernel
    this.#job = job
  }

  /** @param n some number of the leaf, below 2^128, hard or not; each at most once */
  add(n: bigint): void {
    if (ruleP(n)) return
    this.#waiting.push(n)
    if (this.#waiting.length === ROOM) this.#decide()
  }

  #decide(): void {
    const { summary, handedOver, evidence } = this.#kernel.numbers(this.#waiting, this.#job)
    this.#waiting = []
    this.#total = merge(this.#total, summary)
    const more = new ItemCollector()
    for (const n of handedOver) {
      this.#total = merge(this.#total, this.#ask(n))
      const test = this.#job.evidence
      if (test) for (const tier of tiersOfNumber(n, test, '3n+1')) more.add(tier, n)
    }
    if (evidence) this.#items.push(evidence, more.items())
  }

  /** What the oracle says of a number that the kernel does not hold. */
  #ask(n: bigint): HardSummary {
    const found = sigma(n)
    if (found.kind === 'fired') {
      return found.step > this.#job.hardSteps ? hardNumber(n, found.step, found.peak) : EMPTY
    }
    if (isCandidate(found)) this.candidates.push(n)
    return hardNumber(n, null, 0n)
  }

  /** The summary of all numbers so far, with the evidence if it was asked for. */
  summary(): LeafResult {
    this.#decide()
    return this.#job.evidence ? { ...this.#total, evidence: mergeItems(this.#items) } : this.#total
  }
}
