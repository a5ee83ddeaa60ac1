/**
 * What a node does about what is over (rules: settled-window.ts). Windows that no document can
 * change any more are archived, and their certificates go into the snapshot that is handed out
 * (snapshot-exchange.ts). Documents and blocks of archived windows, and of deals that came to
 * nothing, are deleted. What is over and not here is asked of peers (archive-exchange.ts). An
 * archived window that stands no longer, because all accounts behind one of its units were
 * convicted, is given up.
 */
import { existsSync } from 'node:fs'
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import type { Engine } from '../../../kernels/unit.ts'
import { RuleError } from '../../rules/base/statement.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { epochAt } from '../../rules/network/schedule.ts'
import {
  encodeSettled,
  type SettledConviction,
  type SettledWindow,
  settledConviction,
} from '../../rules/state/settled-window.ts'
import { SingleFlight } from '../async/queue.ts'
import type { BeaconRound } from '../beacon/source.ts'
import {
  certificatePath,
  readCertificateFile,
  removeCertificateFile,
  writeCertificateFile,
} from '../home/certificate-files.ts'
import { fraudProofFiles, writeFraudProofFile } from '../home/fraud-proof-files.ts'
import type { OrbitNode } from '../orbit-node.ts'
import type { Part } from '../part.ts'
import type { FactFinder } from '../replica/knowledge.ts'
import { encodePublished, publishedIn } from '../replica/published-draws.ts'
import type { Replica } from '../replica/replica.ts'
import { PRIVATE } from '../storage/private.ts'
import { ArchiveExchange } from './archive-exchange.ts'
import { archivable, archivedIn, blocksNamed, decodeUnconfirmed } from './archived-windows.ts'
import { SnapshotShelf } from './snapshot-exchange.ts'

/** How often it looks for what is over, and asks a peer, in rounds. */
const EVERY = 20
/**
 * How often the draws of a window from a snapshot are looked for once no old ones come any more.
 */
const TRIES = 10
/** Each window costs a write to the disk: so many milliseconds at a time. */
const CONFIRMING_MS = 500

export interface ArchiveOptions {
  readonly directory: string
  readonly genesis: Genesis
  readonly node: Pick<OrbitNode, 'kv' | 'blocks' | 'handle' | 'dial' | 'peers'>
  readonly replica: Replica
  readonly facts: FactFinder
  /** The newest round, 0 before the first. */
  readonly round: () => number
  /**
   * Whether this node still needs the leaves that a CID names, though no document names them yet.
   */
  readonly isPending: (cid: string) => boolean
  readonly openEngine: () => Engine
  readonly notice: (text: string) => void
  readonly signal: AbortSignal
}

export class Archive implements Part {
  private readonly options: ArchiveOptions
  private readonly shelf: SnapshotShelf
  private readonly exchange: ArchiveExchange
  /**
   * Beside everything else: a large snapshot takes a while to write, and what comes from peers to
   * check.
   */
  private readonly shelving: SingleFlight
  private readonly catchingUp: SingleFlight
  private hasAsked = false
  /**
   * How many draws of the epochs of unconfirmed windows were known when they were looked for last.
   */
  private drawsKnown = -1
  /** How often they have been looked for since old draws last came. */
  private inVain = 0

  constructor(options: ArchiveOptions) {
    const { directory, genesis, node, replica, signal, notice } = options
    this.options = options
    this.shelf = new SnapshotShelf(directory, genesis)
    this.exchange = new ArchiveExchange({
      ...{ genesis, node, shelf: this.shelf, signal, round: options.round, openEngine: options.openEngine },
      memory: replica.memory,
      certified: () => this.certifiedWindows(),
      take: (settled, certificate) => this.take(settled, certificate),
      isDraw: (cid) => replica.isPublished(cid),
      convicted: () => replica.state().convictions.map(({ account }) => account),
      proofs: (except) =>
        fraudProofFiles(
          directory,
          replica.state().convictions.filter(({ account }) => !except.has(account)),
        ),
      convict: (conviction, proof) => this.convict(conviction, proof),
    })
    const failed = (what: string) => (error: Error) => {
      if (!signal.aborted) notice(`cannot ${what}: ${error.message}`)
    }
    this.shelving = new SingleFlight(() => this.shelf.update(replica.history.keys()), failed('write the snapshot'))
    this.catchingUp = new SingleFlight(() => this.catchUp(), failed('take what a peer sent'))
  }

  async load(): Promise<void> {
    const { node, replica } = this.options
    const archived = archivedIn(await node.kv.entries(PRIVATE.archived))
    for (const [window, summary] of archived) replica.history.set(window, summary)
    for (const draw of publishedIn(await node.kv.entries(PRIVATE.published))) replica.forgotten.set(draw.cid, draw)
  }

  async start(): Promise<void> {
    await this.shelf.serve(this.options.node)
    await this.exchange.serve()
    void this.shelving.run()
  }

  async onRound({ round }: BeaconRound): Promise<void> {
    const { directory, node, replica } = this.options
    const isTime = round % EVERY === 0
    if (isTime) {
      await this.giveUp()
      await this.archive(archivable(replica.state(), round, directory, replica.memory))
      void this.shelving.run()
    }
    const hasPeers = node.peers().length > 0
    if (isTime && hasPeers) await this.confirm()
    // Not when peers write their snapshots anew, all at the same rounds: they hand out nothing
    // meanwhile.
    const isTimeToAsk = round % EVERY === EVERY / 2
    if (isTimeToAsk || (!this.hasAsked && hasPeers)) void this.catchingUp.run()
    this.hasAsked ||= hasPeers
  }

  /** The signal has to fire before. */
  async stop(): Promise<void> {
    await Promise.all([this.shelving.idle(), this.catchingUp.idle()])
  }

  /**
   * A snapshot proves that nodes were dealt units by a draw and agreed. It can't prove that the
   * draw was ever published: the log of draws shows that, once it is here. A window whose draws are
   * not in it by then does not count any more.
   */
  private async confirm(): Promise<void> {
    const { node, replica, genesis, notice } = this.options
    const began = performance.now()
    const isLate = () => performance.now() - began > CONFIRMING_MS
    const waiting: bigint[] = []
    for (const [key, bytes] of await node.kv.entries(PRIVATE.unconfirmed)) {
      if (!decodeUnconfirmed(bytes).every((cid) => replica.isPublished(cid))) {
        waiting.push(BigInt(key.slice(PRIVATE.unconfirmed.length)))
        continue
      }
      // The rest is found again.
      if (isLate()) return
      await node.kv.delete(key)
    }
    if (waiting.length === 0) return
    let newest = 0
    for (const window of waiting) newest = Math.max(newest, replica.history.get(window)?.dealtAt ?? 0)
    const known = replica.publishedUpTo(epochAt(genesis, newest))
    this.inVain = known > this.drawsKnown ? 0 : this.inVain + 1
    this.drawsKnown = known
    if (this.inVain < TRIES) return
    for (const window of waiting) {
      if (isLate()) return
      await this.drop(window)
      notice(`window ${window} of the snapshot rests on a draw that nobody published: it does not count any more`)
    }
  }

  /**
   * Archived windows that stand no longer are to be done again. An account convicted in them stays
   * convicted.
   */
  private async giveUp(): Promise<void> {
    const { replica, notice } = this.options
    const { windows } = replica.state()
    for (const [window, settled] of [...replica.history]) {
      if (windows.get(window)?.settled) continue
      for (const conviction of settled.convictions) await this.remember(conviction)
      await this.drop(window)
      notice(`all who certified a unit of window ${window} are banned: it does not count any more, and is done again`)
    }
  }

  private async drop(window: bigint): Promise<void> {
    const { directory, node, replica } = this.options
    await node.kv.delete(`${PRIVATE.unconfirmed}${window}`)
    await node.kv.delete(`${PRIVATE.archived}${window}`)
    replica.history.delete(window)
    replica.invalidate()
    removeCertificateFile(directory, window)
  }

  /** Remembers windows in a few bytes each, and deletes the documents of what is over. */
  private async archive(windows: readonly SettledWindow[]): Promise<void> {
    const { node, replica } = this.options
    for (const settled of windows) {
      await node.kv.put(`${PRIVATE.archived}${settled.window}`, encodeSettled(settled))
      replica.history.set(settled.window, settled)
    }
    if (windows.length > 0) replica.invalidate()
    await this.forget()
  }

  /**
   * Deletes the documents of what is over, and the blocks of its results. Each step leaves behind
   * what the next one needs, so that a crash between two of them loses nothing and leaves nothing
   * that is never deleted.
   */
  private async forget(): Promise<void> {
    const { node, replica, facts, round, isPending } = this.options
    const over = replica.over(round())
    // Convictions may rest on the documents.
    for (const conviction of replica.state().convictions) {
      if (over.isOver(conviction)) await this.remember(settledConviction(conviction))
    }
    const [first] = over.draws
    if (first) await node.kv.put(`${PRIVATE.published}${first.cid}`, encodePublished(over.draws))
    const left = await node.kv.get(PRIVATE.leaving)
    const leaving = new Set([...(left ? dagCbor.decode<string[]>(left) : []), ...over.cids])
    if (leaving.size > 0) await node.kv.put(PRIVATE.leaving, dagCbor.encode([...leaving]))
    replica.forget(over)
    await replica.dropSpans(round())
    if (leaving.size === 0) return
    const live = blocksNamed(replica.state())
    const gone = [...leaving].filter((cid) => !live.has(cid) && !isPending(cid))
    await facts.forget(gone)
    for (const cid of gone) await node.blocks.delete(CID.parse(cid))
    await node.kv.delete(PRIVATE.leaving)
  }

  /** An account stays convicted when the documents that show it are gone. */
  private async remember(conviction: SettledConviction): Promise<void> {
    const { facts } = this.options
    if (facts.convictions.some(({ account }) => account === conviction.account)) return
    await facts.convict(conviction)
  }

  /** This node may be new, or have been away. */
  private async catchUp(): Promise<void> {
    const { windows, convictions } = await this.exchange.ask().catch((error) => {
      if (error instanceof RuleError) throw error
      // Gone, busy, or of another kind: the next one is asked in a minute.
      return { windows: 0, convictions: 0 }
    })
    const text = (count: number, what: string) => (count > 0 ? [`${count} ${what}${count > 1 ? 's' : ''}`] : [])
    const parts = [...text(windows, 'certified window'), ...text(convictions, 'fraud proof')]
    if (parts.length > 0) this.options.notice(`${parts.join(' and ')} came from a peer, checked`)
    if (windows > 0) void this.shelving.run()
  }

  /** Windows whose certificate is here, ascending. */
  private certifiedWindows(): bigint[] {
    const { directory, replica } = this.options
    const isHere = (window: bigint) => existsSync(certificatePath(directory, window))
    return [...replica.state().windows.values()]
      .filter(({ complete, settled, window }) => settled || (complete && isHere(window)))
      .map(({ window }) => window)
  }

  private async take(settled: SettledWindow, certificate: Uint8Array): Promise<void> {
    const { directory } = this.options
    // First the file: one of a window that is not archived does no harm, the other way round it
    // would be missing.
    if (!readCertificateFile(directory, settled.window)) writeCertificateFile(directory, settled.window, certificate)
    await this.archive([settled])
  }

  private async convict(conviction: SettledConviction, proof: Uint8Array): Promise<void> {
    writeFraudProofFile(this.options.directory, conviction, proof)
    await this.options.facts.convict(conviction)
    this.options.replica.invalidate()
  }
}
