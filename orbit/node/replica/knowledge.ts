/**
 * Knowledge besides the documents (rules: settle.ts): the leaves of results in dispute, which peers
 * hand out, and the leaves that this node has computed to find out which result is wrong. Both are
 * facts: a block is checked by its CID, and a leaf is mathematics. Computed leaves are stored, as
 * each may have taken seconds.
 */
import { CID } from 'multiformats/cid'
import type { Engine } from '../../../kernels/unit.ts'
import { leafRecord } from '../../rules/certificate/recompute.ts'
import { type LeafId, leafKey } from '../../rules/message/unit.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { decodeConviction, encodeConviction, type SettledConviction } from '../../rules/state/settled-window.ts'
import type { Knowledge, State } from '../../rules/state/state.ts'
import { Retries } from '../async/backoff.ts'
import type { OrbitNode } from '../orbit-node.ts'
import { PRIVATE, privateRows, privateValue } from '../storage/private.ts'
import type { SqliteFile } from '../storage/sqlite.ts'

/** In a form that goes through dag-cbor. */
export interface KnowledgeDump {
  readonly leaves: readonly (readonly [string, Uint8Array])[]
  readonly truths: readonly (readonly [string, Uint8Array])[]
  /** Convictions that fraud proofs from peers have shown, encoded. */
  readonly convictions: readonly Uint8Array[]
}

export const knowledgeOf = ({ leaves, truths, convictions }: KnowledgeDump): Knowledge => {
  const blocks = new Map(leaves)
  const facts = new Map(truths)
  return {
    leaves: (cid) => blocks.get(cid),
    truth: (leaf) => facts.get(leafKey(leaf)),
    convictions: convictions.map(decodeConviction),
  }
}

export type Wants = State['wants']

/** From the database of a stopped node. */
export function storedKnowledge(sql: SqliteFile, { leaves, truths }: Wants): KnowledgeDump {
  const found = (key: string, value: Uint8Array | undefined) => (value ? [[key, value] as const] : [])
  return {
    leaves: leaves.flatMap((cid) =>
      found(cid, sql.bytes('SELECT v FROM blocks WHERE k = ?', CID.parse(cid).multihash.bytes)),
    ),
    truths: truths.flatMap((leaf) => found(leafKey(leaf), privateValue(sql, PRIVATE.truth + leafKey(leaf)))),
    convictions: privateRows(sql, PRIVATE.conviction).map(([, bytes]) => bytes),
  }
}

const BLOCK_TIMEOUT = 5_000
/** Until a block that no peer had, or a leaf that could not be computed, is tried again. */
const AGAIN = { first: 1_000, most: 60_000 }

export class LeafLookup implements Knowledge {
  private readonly blocks = new Map<string, Uint8Array>()
  private readonly facts = new Map<string, Uint8Array>()
  /** By CID of a block, and by leafKey. */
  private readonly retries = new Retries(AGAIN)
  convictions: readonly SettledConviction[] = []
  private readonly genesis: Genesis
  private readonly node: Pick<OrbitNode, 'blocks' | 'kv'>
  private readonly openEngine: () => Engine

  constructor(genesis: Genesis, node: Pick<OrbitNode, 'blocks' | 'kv'>, openEngine: () => Engine) {
    this.genesis = genesis
    this.node = node
    this.openEngine = openEngine
  }

  async load(): Promise<void> {
    for (const [key, record] of await this.node.kv.entries(PRIVATE.truth))
      this.facts.set(key.slice(PRIVATE.truth.length), record)
    this.convictions = (await this.node.kv.entries(PRIVATE.conviction)).map(([, bytes]) => decodeConviction(bytes))
  }

  leaves(cid: string): Uint8Array | undefined {
    return this.blocks.get(cid)
  }

  /** The leaf records that CIDs name, those that can be had now. */
  async records(
    cids: readonly string[],
    wait: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<[cid: string, records: Uint8Array][]> {
    const found: [string, Uint8Array][] = []
    for (const cid of cids) {
      const records = this.leaves(cid) ?? (await this.node.blocks.get(CID.parse(cid), wait).catch(() => null))
      if (records) found.push([cid, records])
    }
    return found
  }

  truth(leaf: LeafId): Uint8Array | undefined {
    return this.facts.get(leafKey(leaf))
  }

  /** Remembers a conviction that a fraud proof has shown. On disk when it resolves. */
  async convict(conviction: SettledConviction): Promise<void> {
    await this.node.kv.put(PRIVATE.conviction + conviction.account, encodeConviction(conviction))
    this.convictions = [...this.convictions, conviction]
  }

  /** Forgets leaves. @param live CIDs of the leaves that documents still name */
  forget(live: ReadonlySet<string>): void {
    for (const cid of this.blocks.keys()) if (!live.has(cid)) this.blocks.delete(cid)
  }

  dump(): KnowledgeDump {
    return {
      leaves: [...this.blocks],
      truths: [...this.facts],
      convictions: this.convictions.map(encodeConviction),
    }
  }

  /**
   * Looks up what the state wants to know: blocks first, then leaves, each computed once. What
   * can't be had or computed now is tried again later, and does not hold up the rest.
   *
   * @returns whether anything is known now that was not
   */
  async learn({ wants }: State, signal: AbortSignal): Promise<boolean> {
    const now = performance.now()
    const askable = wants.leaves.filter((cid) => !this.blocks.has(cid) && this.retries.isDue(cid, now))
    const fetched = await Promise.all(askable.map((cid) => this.fetch(cid, signal)))
    const unknown = wants.truths.filter((leaf) => {
      const key = leafKey(leaf)
      return !this.facts.has(key) && this.retries.isDue(key, now)
    })
    const contested = unknown.filter(({ claimants }) => claimants === null)
    // Mere claims are checked one at a time: after a false one, no other of that account is
    // checked. And none while blocks come in, since they may turn out to say the same.
    const next = contested.length > 0 ? contested : fetched.some(Boolean) ? [] : unknown.slice(0, 1)
    const isLearned = next.length > 0 && (await this.compute(next, signal))
    return fetched.some(Boolean) || isLearned
  }

  private async fetch(cid: string, signal: AbortSignal): Promise<boolean> {
    try {
      this.blocks.set(cid, await this.node.blocks.get(CID.parse(cid), { timeoutMs: BLOCK_TIMEOUT, signal }))
      this.retries.succeeded(cid)
      return true
    } catch {
      // No peer has it now. Leaves that wait for an audit are handed out soon after it
      // (withheld-leaves.ts).
      this.retries.failed(cid)
      return false
    }
  }

  /** @returns whether any of them is known now */
  private async compute(leaves: readonly LeafId[], signal: AbortSignal): Promise<boolean> {
    const engine = this.openEngine()
    let isLearned = false
    try {
      for (const leaf of leaves) {
        const key = leafKey(leaf)
        const computing = leafRecord(engine, this.genesis.partition, leaf, { signal })
        const record = await computing.catch((error: unknown) => {
          if (signal.aborted) throw error
          return null
        })
        if (!record) {
          this.retries.failed(key)
          continue
        }
        this.facts.set(key, record)
        this.retries.succeeded(key)
        await this.node.kv.put(PRIVATE.truth + key, record)
        isLearned = true
      }
    } finally {
      await engine.close()
    }
    return isLearned
  }
}
