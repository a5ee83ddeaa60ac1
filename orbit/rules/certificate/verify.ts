/**
 * Verifying a certificate: the one function that the program, a node and a browser call. It reads
 * the file (read.ts), judges every result by arithmetic (recompute.ts), computes the leaves that
 * are contested, and then leaves drawn at random for as long as its caller gives it. Engine,
 * randomness and time are the caller's.
 */
import { alarmsOfAccount, mostSkipped, pooled } from '../../../kernels/evidence/shortfall.ts'
import { decodeLeaf, encodeLeaf } from '../../../kernels/result.ts'
import type { HardSummary, Partition } from '../../../kernels/unit.ts'
import { talliesOf } from '../answer/judge.ts'
import { equalBytes } from '../base/bytes.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import type { LeafId } from '../message/unit.ts'
import { accountTallies, sumsOf, type TalliedUnit } from '../state/evidence-sums.ts'
import { type Certified, type CertifiedResult, readingCertificate } from './read.ts'
import { isWithinEngines, judgeUnit, type LeafEngine, leafRecord } from './recompute.ts'

/** A leaf that was signed as something else than computing it gives. */
export interface WrongLeaf extends LeafId {
  readonly signed: HardSummary
  readonly computed: HardSummary
}

export interface VerifyProgress {
  readonly step: 'read' | 'judge' | 'recompute'
  /** Units, units, leaves. */
  readonly done: number
  /** Of how many; of leaves drawn at random null, since time decides. */
  readonly total: number | null
}

export interface VerifyOptions {
  /** Opens an engine; called once, and only if there is a leaf to compute. The caller closes it. */
  readonly engineFor: (partition: Partition) => LeafEngine
  /** Whether there is time for one more leaf drawn at random. Never, unless told. */
  readonly hasTime?: () => boolean
  /** A random whole number of 0 to n - 1, drawn so that no signer could foretell it. */
  readonly below?: (n: number) => number
  /** Units of which every leaf is computed, whatever the time. */
  readonly whole?: readonly number[]
  /** Refuses, by throwing, a certificate for what it is about, before anything is judged. */
  readonly accept?: (certified: Certified) => void
  /** Lets others run between two units. */
  readonly pause?: () => Promise<void>
  readonly onProgress?: (progress: VerifyProgress) => void
  readonly signal?: AbortSignal
  readonly memory?: Memory
}

/**
 * What verifying a certificate has shown. It is valid if no leaf is wrong and no unit baseless; all
 * else is thrown.
 */
export interface Verification {
  readonly certified: Certified
  /** Items of evidence, each of them sound. */
  readonly items: number
  /**
   * Thousandths: a signer that had skipped more than this share of a unit would have been caught
   * with probability 99.9999 %. The largest over all results.
   */
  readonly skippable: number
  /**
   * A unit that rests on accounts alone whose evidence falls short over their units here, with one
   * of them; or null. One account that is short voids nobody else's work.
   */
  readonly baseless: { readonly unit: number; readonly account: string } | null
  /** Leaves of which the file has the records: their peaks are hard numbers. */
  readonly leaves: number
  /** Leaves that were computed and are as signed. */
  readonly recomputed: readonly LeafId[]
  /** The first that is not, or null. */
  readonly wrong: WrongLeaf | null
}

/**
 * @throws {RuleError} saying what does not hold
 * @throws {DOMException} AbortError when the signal fires
 */
export async function verifyCertificate(fileBytes: Uint8Array, options: VerifyOptions): Promise<Verification> {
  const { memory = createMemory(), onProgress, pause = async () => {}, signal } = options
  const reading = readingCertificate(fileBytes, memory)
  let step = reading.next()
  for (; !step.done; step = reading.next()) {
    onProgress?.({ step: 'read', ...step.value })
    await pause()
    signal?.throwIfAborted()
  }
  const certified = step.value
  options.accept?.(certified)
  const { genesis, units } = certified
  const shown = { items: 0, skippable: 0, leaves: 0 }
  for (const [done, result] of [...units.values()].entries()) {
    onProgress?.({ step: 'judge', done, total: units.size })
    judgeUnit(genesis, result)
    for (const { result: signed } of result.shown) {
      shown.items += signed.item.items
      const found = pooled(talliesOf(genesis, result.assignment, signed, memory))
      shown.skippable = Math.max(shown.skippable, mostSkipped(found))
    }
    shown.leaves += result.leaves?.length ?? 0
    await pause()
    signal?.throwIfAborted()
  }
  return { certified, ...shown, baseless: baselessUnit(certified), ...(await recompute(certified, options)) }
}

function baselessUnit({ window, units }: Certified): Verification['baseless'] {
  const tallied = new Map<string, TalliedUnit[]>()
  for (const [unit, { epoch, accounts, tallies }] of units) {
    for (const [i, account] of accounts.entries()) {
      const own = tallied.get(account) ?? []
      tallied.set(account, own)
      own.push({ epoch, window, unit, tallies: tallies[i]! })
    }
  }
  const short = new Set<string>()
  for (const [account, own] of tallied) {
    if (alarmsOfAccount(accountTallies(sumsOf(own))).length > 0) short.add(account)
  }
  for (const [unit, { accounts }] of units) {
    if (accounts.every((account) => short.has(account))) return { unit, account: accounts[0]! }
  }
  return null
}

async function recompute(
  certified: Certified,
  { engineFor, onProgress, signal, ...choice }: VerifyOptions,
): Promise<Pick<Verification, 'recomputed' | 'wrong'>> {
  const { partition } = certified.genesis
  const recomputed: LeafId[] = []
  let engine: LeafEngine | null = null
  for (const { id, total } of leavesInTurn(certified, choice)) {
    onProgress?.({ step: 'recompute', done: recomputed.length, total })
    engine ??= engineFor(partition)
    const record = await leafRecord(engine, partition, id, { ...(signal && { signal }) })
    const signed = certified.units.get(id.unit)!.leaves![id.leaf]!
    if (!equalBytes(record, encodeLeaf(signed))) {
      return { recomputed, wrong: { ...id, signed, computed: decodeLeaf(record) } }
    }
    recomputed.push(id)
  }
  return { recomputed, wrong: null }
}

/**
 * Leaves that are contested, then those of units that were asked for, then leaves at random while
 * there is time: by turns of a unit in which a seat is silent, if there is one, and of any. Each
 * once.
 */
function* leavesInTurn(
  { genesis, window, units, contested }: Certified,
  { whole = [], hasTime = () => false, below = () => 0 }: Pick<VerifyOptions, 'whole' | 'hasTime' | 'below'>,
): Generator<{ readonly id: LeafId; readonly total: number | null }> {
  const seen = new Set<string>()
  const isNew = ({ unit, leaf }: LeafId) => seen.size < seen.add(`${unit} ${leaf}`).size
  const leavesIn = (unit: number): LeafId[] =>
    (units.get(unit)?.leaves ?? []).map((_, leaf) => ({ window, unit, leaf }))
  const wanted = [...contested, ...whole.flatMap(leavesIn)].filter(isNew)
  for (const id of wanted) yield { id, total: wanted.length }
  if (!isWithinEngines(genesis.partition, window)) return
  const withLeaves = [...units].filter(([, { leaves }]) => leaves)
  const silent = withLeaves.filter(([, unit]) => unit.silent.length > 0)
  const total = withLeaves.reduce((sum, [, { leaves }]) => sum + leaves!.length, 0)
  for (let turn = 0; seen.size < total && hasTime(); turn++) {
    const among = turn % 2 === 0 && silent.length > 0 ? silent : withLeaves
    const id = drawn(window, among, below)
    if (isNew(id)) yield { id, total: null }
  }
}

function drawn(
  window: bigint,
  units: readonly (readonly [number, CertifiedResult])[],
  below: (n: number) => number,
): LeafId {
  const [unit, { leaves }] = units[below(units.length)]!
  return { window, unit, leaf: below(leaves!.length) }
}
