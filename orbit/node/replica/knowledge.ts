/**
 * Knowledge besides the documents (rules: answer/facts.ts): blocks of results and of leaves, which
 * peers hand out; what this node finds in each result; and the leaves that it has computed to find
 * out which result is wrong. All are facts: a block is checked by its CID, the rest is mathematics.
 * What took time, a judgement or a leaf, is kept on disk.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import type { Engine } from '../../../kernels/unit.ts'
import { type Judgement, judge } from '../../rules/answer/judge.ts'
import { MAX_BLOCK_BYTES } from '../../rules/answer/results.ts'
import { leafRecord } from '../../rules/certificate/recompute.ts'
import { type LeafId, leafKey } from '../../rules/message/unit.ts'
import { randomnessOf } from '../../rules/network/beacon.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { decodeConviction, encodeConviction, type SettledConviction } from '../../rules/state/settled-window.ts'
import type { Knowledge, State } from '../../rules/state/state.ts'
import { Retries } from '../async/backoff.ts'
import { yieldToLoop } from '../async/queue.ts'
import type { OrbitNode } from '../orbit-node.ts'
import { storedBlock } from '../storage/blockstore.ts'
import { PRIVATE, type PrivateRow, privateRows, privateValue } from '../storage/private.ts'
import { seal, unseal } from '../storage/seal.ts'
import type { SqliteFile } from '../storage/sqlite.ts'

/** In a form that goes through dag-cbor. */
export interface KnowledgeDump {
  /** Of results and of leaves, by CID. */
  readonly blocks: readonly (readonly [string, Uint8Array])[]
  readonly truths: readonly (readonly [string, Uint8Array])[]
  readonly judgements: readonly PrivateRow[]
  /** Convictions that fraud proofs from peers have shown, encoded. */
  readonly convictions: readonly Uint8Array[]
}

export const NOTHING_KNOWN: KnowledgeDump = { blocks: [], truths: [], judgements: [], convictions: [] }

export const knowledgeOf = ({ blocks, truths, judgements, convictions }: KnowledgeDump): Knowledge => {
  const byCid = new Map(blocks)
  const records = new Map(truths)
  const judged = judgementsIn(judgements)
  return {
    block: (cid) => byCid.get(cid),
    leaves: (cid) => byCid.get(cid),
    truth: (leaf) => records.get(leafKey(leaf)),
    judged: (cid, index) => judged.get(keyOf(cid, index)),
    convictions: convictions.map(decodeConviction),
  }
}

export type Wants = Pick<State['wants'], 'blocks' | 'leaves' | 'truths'>

/** From the database of a stopped node: what is wanted, and all judgements and convictions. */
export function storedKnowledge(sql: SqliteFile, { blocks, leaves, truths }: Wants): KnowledgeDump {
  const found = (key: string, value: Uint8Array | undefined) => (value ? [[key, value] as const] : [])
  return {
    blocks: [...blocks, ...leaves].flatMap((cid) => found(cid, storedBlock(sql, CID.parse(cid)))),
    truths: truths.flatMap((leaf) => found(leafKey(leaf), privateValue(sql, PRIVATE.truth + leafKey(leaf)))),
    judgements: privateRows(sql, PRIVATE.judgement),
    convictions: privateRows(sql, PRIVATE.conviction).map(([, bytes]) => bytes),
  }
}

const keyOf = (cid: string, index: number): string => `${cid}/${index}`

/** Sealed as a checkpoint is: what another version of the program has found is found anew. */
function sealJudgement(key: string, { tallies, ...finding }: Judgement): Uint8Array {
  const plain = { ...finding, tallies: tallies.map(({ count, mean }) => [count, mean.toString()]) }
  return seal(PRIVATE.judgement + key, dagCbor.encode(plain))
}

function judgementsIn(rows: readonly PrivateRow[]): Map<string, Judgement> {
  const found = new Map<string, Judgement>()
  for (const [key, sealed] of rows) {
    const content = unseal(key, sealed)
    if (!content) continue
    const { tallies, ...finding } = dagCbor.decode<any>(content)
    const read = tallies.map(([count, mean]: [number, string]) => ({ count, mean: BigInt(mean) }))
    found.set(key.slice(PRIVATE.judgement.length), { ...finding, tallies: read })
  }
  return found
}

const BLOCK_TIMEOUT = 5_000
/** Blocks that are asked of peers at a time. */
const AT_ONCE = 32
/** Until a block that no peer had, or a leaf that could not be computed, is tried again. */
const AGAIN = { first: 1_000, most: 60_000 }
/** So many milliseconds of judging make the state another: to work it out takes some as well. */
const BURST_MS = 250
/** Of leaves that are in memory beside the disk. */
const CACHE_BYTES = 64 << 20
const NO_BLOCK = new Uint8Array()

export interface FactFinderOptions {
  readonly genesis: Genesis
  readonly node: Pick<OrbitNode, 'blocks' | 'kv'>
  readonly openEngine: () => Engine
  /** Something is known that was not. */
  readonly learned: () => void
  readonly signal: AbortSignal
}

export class FactFinder implements Knowledge {
  private readonly options: FactFinderOptions
  /** Of results, by CID: every state asks for all of them. */
  private readonly blocks = new Map<string, Uint8Array>()
  /** By CID: the same bytes each time, so that a unit need not be settled anew. */
  private readonly leafBlocks = new Map<string, Uint8Array>()
  private leafBytes = 0
  /** CIDs of blocks of results that are larger than any may be. */
  private readonly oversized = new Set<string>()
  private readonly records = new Map<string, Uint8Array>()
  private judgements = new Map<string, Judgement>()
  /** By CID of a block, and by leafKey. */
  private readonly retries = new Retries(AGAIN)
  private readonly fetching = new Map<string, Promise<void>>()
  convictions: readonly SettledConviction[] = []

  constructor(options: FactFinderOptions) {
    this.options = options
  }

  async load(): Promise<void> {
    const { kv } = this.options.node
    for (const [key, record] of await kv.entries(PRIVATE.truth))
      this.records.set(key.slice(PRIVATE.truth.length), record)
    this.judgements = judgementsIn(await kv.entries(PRIVATE.judgement))
    this.convictions = (await kv.entries(PRIVATE.conviction)).map(([, bytes]) => decodeConviction(bytes))
  }

  readonly block = (cid: string): Uint8Array | undefined =>
    this.oversized.has(cid) ? NO_BLOCK : this.here(cid, this.blocks)

  readonly leaves = (cid: string): Uint8Array | undefined => {
    const isNew = !this.leafBlocks.has(cid)
    const records = this.here(cid, this.leafBlocks)
    if (isNew && records) this.leafBytes += records.length
    if (this.leafBytes > CACHE_BYTES) {
      this.leafBlocks.clear()
      this.leafBytes = 0
    }
    return records
  }

  private here(cid: string, known: Map<string, Uint8Array>): Uint8Array | undefined {
    const bytes = known.get(cid) ?? (this.fetching.has(cid) ? undefined : this.options.node.blocks.here(CID.parse(cid)))
    if (bytes) known.set(cid, bytes)
    return bytes
  }

  readonly truth = (leaf: LeafId): Uint8Array | undefined => this.records.get(leafKey(leaf))

  readonly judged = (statement: string, index: number): Judgement | undefined =>
    this.judgements.get(keyOf(statement, index))

  /** Remembers a conviction that a fraud proof has shown. On disk when it resolves. */
  async convict(conviction: SettledConviction): Promise<void> {
    await this.options.node.kv.put(PRIVATE.conviction + conviction.account, encodeConviction(conviction))
    this.convictions = [...this.convictions, conviction]
  }

  /** Forgets blocks that are deleted, and what was found in statements whose documents are. */
  async forget(cids: Iterable<string>): Promise<void> {
    const { kv } = this.options.node
    for (const cid of cids) {
      this.blocks.delete(cid)
      this.oversized.delete(cid)
      for (const [key] of await kv.entries(`${PRIVATE.judgement}${cid}/`)) {
        await kv.delete(key)
        this.judgements.delete(key.slice(PRIVATE.judgement.length))
      }
    }
  }

  dump(): KnowledgeDump {
    return {
      blocks: [...this.blocks, ...this.leafBlocks],
      truths: [...this.records],
      judgements: [...this.judgements].map(([key, found]) => [PRIVATE.judgement + key, sealJudgement(key, found)]),
      convictions: this.convictions.map(encodeConviction),
    }
  }

  /**
   * Finds out what the state wants to know. Blocks come beside everything else; results are judged
   * and leaves computed until it resolves. What can't be had or computed now is tried again later,
   * and does not hold up the rest.
   *
   * @returns whether anything is known now that was not
   */
  async learn(state: State): Promise<boolean> {
    const { signal } = this.options
    const { wants } = state
    for (const cid of wants.blocks) this.fetch(cid, MAX_BLOCK_BYTES)
    for (const cid of wants.leaves) this.fetch(cid, Number.POSITIVE_INFINITY)
    const isJudged = await this.judgeSome(state)
    const now = performance.now()
    const unknown = wants.truths.filter((leaf) => !this.truth(leaf) && this.retries.isDue(leafKey(leaf), now))
    const contested = unknown.filter(({ claimants }) => claimants === null)
    // Mere claims are checked one at a time: after a false one, no other of that account is
    // checked. And none while blocks come in, since they may turn out to say the same.
    const next = contested.length > 0 ? contested : this.fetching.size > 0 ? [] : unknown.slice(0, 1)
    const isComputed = !signal.aborted && next.length > 0 && (await this.compute(next, signal))
    return isJudged || isComputed
  }

  /** Resolves when no block is being asked for. */
  async idle(): Promise<void> {
    await Promise.all(this.fetching.values())
  }

  /** @returns whether any was */
  private async judgeSome(state: State): Promise<boolean> {
    const { genesis, node, signal } = this.options
    const began = performance.now()
    let isAny = false
    for (const { assignment, result } of state.wants.judgements) {
      if (signal.aborted || performance.now() - began > BURST_MS) break
      const records = this.leaves(result.item.leaves)
      const draw = state.draws.get(assignment.epoch)
      if (!records || !draw) continue
      const found = judge(genesis, assignment, result, records, randomnessOf(draw.signature))
      const key = keyOf(result.cid, result.index)
      await node.kv.put(PRIVATE.judgement + key, sealJudgement(key, found))
      this.judgements.set(key, found)
      isAny = true
      await yieldToLoop()
    }
    return isAny
  }

  /** Begins to ask peers for a block, unless that goes on or was in vain of late. */
  private fetch(cid: string, longest: number): void {
    if (this.fetching.size >= AT_ONCE || this.fetching.has(cid) || !this.retries.isDue(cid, performance.now())) return
    const { node, learned, signal } = this.options
    const parsed = CID.parse(cid)
    const fetched = async () => {
      const { length } = await node.blocks.get(parsed, { timeoutMs: BLOCK_TIMEOUT, signal })
      if (length > longest) {
        this.oversized.add(cid)
        await node.blocks.delete(parsed)
      }
      this.retries.succeeded(cid)
    }
    // No peer has it now. Leaves that wait for an audit are handed out soon after it
    // (withheld-leaves.ts).
    const failed = () => this.retries.failed(cid)
    const end = (then: () => void) => () => {
      this.fetching.delete(cid)
      if (!signal.aborted) then()
    }
    this.fetching.set(cid, fetched().then(end(learned), end(failed)))
  }

  /** @returns whether any of them is known now */
  private async compute(leaves: readonly LeafId[], signal: AbortSignal): Promise<boolean> {
    const { genesis, node, openEngine } = this.options
    const engine = openEngine()
    let isLearned = false
    try {
      for (const leaf of leaves) {
        const key = leafKey(leaf)
        const computing = leafRecord(engine, genesis.partition, leaf, { signal })
        const record = await computing.catch((error: unknown) => {
          if (signal.aborted) throw error
          return null
        })
        if (!record) {
          this.retries.failed(key)
          continue
        }
        this.records.set(key, record)
        this.retries.succeeded(key)
        await node.kv.put(PRIVATE.truth + key, record)
        isLearned = true
      }
    } finally {
      await engine.close()
    }
    return isLearned
  }
}
